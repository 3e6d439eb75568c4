/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/goals.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fields.h"
#include "lib/file_read.h"
#include "lib/params.h"
#include "lib/preset.h"

#define FIELD_OF(member)                                                                           \
    .offset = offsetof(struct sft_goal, member), .size = sizeof(((struct sft_goal *)NULL)->member)

static const struct sft_field keys[] = {
    {.name = "name", .type = SFT_FIELD_TEXT, FIELD_OF(name)},
    {.name = "model", .type = SFT_FIELD_TEXT, FIELD_OF(model)},
    {.name = "workload", .type = SFT_FIELD_TEXT, FIELD_OF(workload)},
    {.name = "method", .type = SFT_FIELD_TEXT, FIELD_OF(method)},
    {.name = "precision", .type = SFT_FIELD_TEXT, FIELD_OF(precision)},
    {.name = "gpus", .type = SFT_FIELD_INT, FIELD_OF(gpus), .min = 1, .max = 1e6},
    {.name = "nodes", .type = SFT_FIELD_INT, FIELD_OF(nodes), .min = 1, .max = 1e5},
    {.name = "samples_s", .type = SFT_FIELD_REAL, FIELD_OF(samples_s), .min = 1e-6, .max = 1e12},
    {.name = "sample_tokens",
     .type = SFT_FIELD_REAL,
     FIELD_OF(sample_tokens),
     .min = 1,
     .max = 1e9},
    {.name = "tok_s_gpu", .type = SFT_FIELD_REAL, FIELD_OF(tok_s_gpu), .min = 1e-6, .max = 1e12},
    {.name = "scaling", .type = SFT_FIELD_REAL, FIELD_OF(scaling), .min = 1e-6, .max = 1000},
    {.name = "gpu_util", .type = SFT_FIELD_REAL, FIELD_OF(gpu_util), .min = 1e-6, .max = 100},
    {.name = NULL},
};

static const char *const methods[] = {"full", "lora", "qlora", NULL};
static const char *const precisions[] = {"fp32", "bf16", "fp8", NULL};

static int value_refuse(const struct sft_field *key, enum sft_fault fault, const char *value,
                        struct sft_error *err)
{
    switch (fault) {
    case SFT_FAULT_EMPTY:
        return sft_error_set(err, "'%s' has no value", key->name);
    case SFT_FAULT_RANGE:
        return sft_error_set(err, "'%s' is '%.40s', not from %.9g to %.9g", key->name, value,
                             key->min, key->max);
    case SFT_FAULT_LONG:
        return sft_error_set(err, "'%s' is longer than %zu bytes", key->name, key->size - 1);
    case SFT_FAULT_CONTROL:
        return sft_error_set(err, "'%s' has a control character", key->name);
    default:
        return sft_error_set(err, "'%s' is '%.40s', no number", key->name, value);
    }
}

/* "key=value", spaces around both dropped. */
static int word_read(struct sft_goal *goal, char *word, struct sft_error *err)
{
    char names[256], *equals = strchr(word, '=');
    if (equals == NULL)
        return sft_error_set(err, "'%.40s' is not of the form key=value", word);
    *equals = '\0';
    char *value = equals + 1 + strspn(equals + 1, " \t");
    for (char *end = equals; end > word && isblank((unsigned char)end[-1]);)
        *--end = '\0';
    const struct sft_field *key = sft_field_find(keys, word);
    if (key == NULL)
        return sft_error_set(err, "'%.40s' is none of by, %s", word,
                             sft_field_names(keys, names, sizeof names));
    if (sft_field_said(key, goal))
        return sft_error_set(err, "'%s' stands twice", key->name);
    enum sft_fault fault = sft_field_read(key, goal, value, err);
    return fault == SFT_FAULT_NONE ? 0 : value_refuse(key, fault, value, err);
}

static int known_check(const char *key, const char *value, const char *const *words,
                       struct sft_error *err)
{
    char list[64] = "";
    for (size_t used = 0; *words != NULL; words++) {
        if (*value == '\0' || strcmp(*words, value) == 0)
            return 0;
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", *words);
    }
    return sft_error_set(err, "'%s' is '%.40s', none of %s", key, value, list);
}

static int rate_check(const struct sft_goal *goal, struct sft_error *err)
{
    if (goal->samples_s > 0 && goal->sample_tokens < 0)
        return sft_error_set(err, "samples_s needs sample_tokens: a sample is no unit by itself");
    if (goal->model[0] == '\0')
        return sft_error_set(err, "a throughput needs a model");
    if (goal->gpus < 0 && goal->nodes < 0)
        return sft_error_set(err, "a throughput needs gpus or nodes");
    if (goal->gpus > 0 && goal->nodes > 0 && goal->gpus % goal->nodes != 0)
        return sft_error_set(err, "%d GPUs do not stand alike on %d nodes", goal->gpus,
                             goal->nodes);
    return 0;
}

static int goal_check(struct sft_goal *goal, struct sft_error *err)
{
    const double said[] = {goal->samples_s, goal->tok_s_gpu, goal->scaling, goal->gpu_util};
    char names[256];
    int count = 0;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        count += said[i] > 0;
    if (count != 1)
        return sft_error_set(err, "needs %s of samples_s, tok_s_gpu, scaling, gpu_util",
                             count == 0 ? "one" : "only one");
    if (goal->model[0] != '\0' && sft_preset_find(goal->model) == NULL)
        return sft_error_set(err, "'model' is '%.40s', none of %s", goal->model,
                             sft_preset_names(names, sizeof names));
    if (known_check("method", goal->method, methods, err) < 0 ||
        known_check("precision", goal->precision, precisions, err) < 0)
        return -1;
    if (goal->sample_tokens > 0 && goal->samples_s < 0)
        return sft_error_set(err, "sample_tokens goes with samples_s alone");
    goal->kind = goal->scaling > 0    ? SFT_GOAL_SCALING
                 : goal->gpu_util > 0 ? SFT_GOAL_USE
                                      : SFT_GOAL_RATE;
    if (goal->kind == SFT_GOAL_SCALING && goal->nodes == 1)
        return sft_error_set(err, "scaling is against one node: nodes must be 2 or more");
    return goal->kind == SFT_GOAL_RATE ? rate_check(goal, err) : 0;
}

/* What the reader of a report calls it, where the line gives no name. */
static void goal_name(struct sft_goal *goal)
{
    int count = goal->gpus > 0 ? goal->gpus : goal->nodes;
    char name[SFT_GOAL_TEXT + 32], model[SFT_GOAL_TEXT];
    if (goal->name[0] != '\0')
        return;
    strcpy(model, goal->model);
    if (count > 0)
        snprintf(name, sizeof name, "%s%s%d %s%s", model, model[0] != '\0' ? ", " : "", count,
                 goal->gpus > 0 ? "GPU" : "node", count == 1 ? "" : "s");
    else
        snprintf(name, sizeof name, "%s",
                 model[0] != '\0'                 ? model
                 : goal->kind == SFT_GOAL_SCALING ? "scaling"
                                                  : "gpu_util");
    snprintf(goal->name, sizeof goal->name, "%.*s", SFT_GOAL_TEXT - 1, name);
}

static int goal_read(struct sft_goals *goals, char *line, int number, struct sft_error *err)
{
    if (goals->count == SFT_GOALS_MAX)
        return sft_error_set(err, "more than %d goals", SFT_GOALS_MAX);
    struct sft_goal *goal = &goals->goal[goals->count];
    char *rest = line;
    memset(goal, 0, sizeof *goal);
    sft_fields_clear(keys, goal);
    goal->line = number;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        word += strspn(word, " \t");
        for (size_t end = strlen(word); end > 0 && isblank((unsigned char)word[end - 1]); end--)
            word[end - 1] = '\0';
        if (word_read(goal, word, err) < 0)
            return -1;
    }
    if (goal_check(goal, err) < 0)
        return -1;
    goal_name(goal);
    goals->count++;
    return 0;
}

/* "by = NAME" of the file as a whole: a line of its own, and the name may have commas. */
static int by_read(struct sft_goals *goals, const char *value, struct sft_error *err)
{
    static const struct sft_field by = {
        .name = "by", .type = SFT_FIELD_TEXT, .size = sizeof goals->by};
    if (goals->by[0] != '\0')
        return sft_error_set(err, "'by' stands twice");
    enum sft_fault fault = sft_field_read(&by, goals->by, value + strspn(value, " \t"), err);
    return fault == SFT_FAULT_NONE ? 0 : value_refuse(&by, fault, value, err);
}

static int line_read(struct sft_goals *goals, char *line, int number, struct sft_error *err)
{
    line += strspn(line, " \t");
    for (size_t end = strlen(line); end > 0 && strchr(" \t\r", line[end - 1]) != NULL; end--)
        line[end - 1] = '\0';
    if (*line == '\0' || *line == '#')
        return 0;
    size_t key = strcspn(line, "= \t");
    const char *equals = line + key + strspn(line + key, " \t");
    if (key == 2 && strncmp(line, "by", 2) == 0 && *equals == '=')
        return by_read(goals, equals + 1, err);
    return goal_read(goals, line, number, err);
}

int sft_goals_parse(struct sft_goals *goals, const char *text, size_t length, const char *name,
                    struct sft_error *err)
{
    char *copy = malloc(length + 1), *rest = copy;
    int number = 0, rc = 0;
    memset(goals, 0, sizeof *goals);
    if (copy == NULL)
        return sft_error_set(err, "no memory for goals");
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strlen(copy) != length)
        rc = sft_error_set(err, "%s: no text: it has a byte of zero", name);
    for (char *line; rc == 0 && (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        if (line_read(goals, line, number, err) < 0)
            rc = sft_error_prefix(err, "%s:%d", name, number);
    }
    free(copy);
    if (rc == 0 && goals->count == 0)
        rc = sft_error_set(err, "%s: no goal in it", name);
    return rc;
}

int sft_goals_load(struct sft_goals *goals, const char *path, struct sft_error *err)
{
    size_t size;
    char *text = file_read(path, "goals", SFT_GOALS_SIZE, &size, err);
    if (text == NULL)
        return -1;
    int rc = size >= SFT_GOALS_SIZE
                 ? sft_error_set(err, "%s: longer than %d bytes", path, SFT_GOALS_SIZE - 1)
                 : sft_goals_parse(goals, text, size, path, err);
    free(text);
    return rc;
}

double sft_goal_value(const struct sft_goal *goal)
{
    return goal->kind == SFT_GOAL_SCALING ? goal->scaling
           : goal->kind == SFT_GOAL_USE   ? goal->gpu_util
           : goal->samples_s > 0          ? goal->samples_s
                                          : goal->tok_s_gpu;
}

bool sft_goal_is_work(const struct sft_goal *goal, const char *workload, const char *data)
{
    return goal->workload[0] == '\0' || strcmp(goal->workload, workload) == 0 ||
           strcmp(goal->workload, data) == 0;
}

bool sft_goal_is_length(const struct sft_goal *goal, double tokens)
{
    return goal->sample_tokens <= 0 || fabs(tokens / goal->sample_tokens - 1) <= 0.1;
}

int sft_goal_digits(const struct sft_goal *goal)
{
    return goal->kind == SFT_GOAL_RATE && sft_goal_value(goal) >= 100 ? 0 : 1;
}

double sft_goal_rounded(double value, int digits)
{
    double scale = pow(10, digits);
    return round(value * scale) / scale;
}

bool sft_goal_is_beyond(double percent)
{
    return sft_goal_rounded(percent, 0) > 100;
}

double sft_goal_tok_s_gpu(const struct sft_goal *goal, int gpus_per_node)
{
    int gpus = goal->gpus > 0 ? goal->gpus : goal->nodes * gpus_per_node;
    if (goal->kind != SFT_GOAL_RATE)
        return NAN;
    if (goal->tok_s_gpu > 0)
        return goal->tok_s_gpu;
    return gpus > 0 ? goal->samples_s * goal->sample_tokens / gpus : NAN;
}

double sft_goal_tflops(const struct sft_goal *goal, int gpus_per_node)
{
    const struct sft_preset *shape = sft_preset_find(goal->model);
    double tok_s = sft_goal_tok_s_gpu(goal, gpus_per_node);
    if (shape == NULL || isnan(tok_s))
        return NAN;
    double length = goal->sample_tokens > 0 ? goal->sample_tokens : 0;
    double token = sft_params_flops(shape, 1, length);
    if (strstr(goal->method, "lora") != NULL)
        token -= 2 * (double)sft_params_multiplied(shape);
    return tok_s * token / 1e12;
}
