/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"
#include "lib/checks.h"
#include "lib/file_read.h"
#include "lib/goals.h"
#include "sweep/cells.h"

#define FIELD_OF(member)                                                                           \
    .offset = offsetof(struct suite, member), .size = sizeof(((struct suite *)NULL)->member)

static int name_check(void *object, const char *value, struct sft_error *err)
{
    char name[SWEEP_NAME];
    (void)object;
    return sweep_name_read(name, value, err);
}

static int nodes_check(void *object, const char *value, struct sft_error *err)
{
    int nodes;
    (void)object;
    for (int i = 0, rc; (rc = sweep_nodes_read(value, i, &nodes, err)) != 0; i++)
        if (rc < 0)
            return -1;
    return 0;
}

static int verify_check(void *object, const char *value, struct sft_error *err)
{
    unsigned checks;
    (void)object;
    return strcmp(value, "no") == 0 ? 0 : checks_read(value, &checks, err);
}

static int price_check(void *object, const char *value, struct sft_error *err)
{
    double price;
    char currency[TEXT_CURRENCY];
    (void)object;
    return text_price(value, &price, currency, err);
}

static int line_add(const struct suite *suite, struct suite_lines *lines, const char *value,
                    struct sft_error *err)
{
    if (lines->count == SUITE_RUNS)
        return sft_error_set(err, "more than %d lines of this key", SUITE_RUNS);
    if (strlen(value) >= SUITE_REQUEST)
        return sft_error_set(err, "longer than %d bytes", SUITE_REQUEST - 1);
    struct suite_line *line = &lines->at[lines->count++];
    strcpy(line->text, value);
    line->line = suite->line;
    return 0;
}

static int run_check(struct suite *suite, struct suite_lines *lines, const char *value,
                     struct sft_error *err)
{
    struct sft_request request;
    if (sft_request_parse(&request, value, err) < 0)
        return -1;
    if (request.task != SFT_TASK_TRAIN)
        return sft_error_set(err, "%.60s trains nothing", value);
    return line_add(suite, lines, value, err);
}

static int model_check(void *object, const char *value, struct sft_error *err)
{
    struct suite *suite = object;
    return run_check(suite, &suite->model, value, err);
}

static int smoke_check(void *object, const char *value, struct sft_error *err)
{
    struct suite *suite = object;
    struct sft_request request;
    if (run_check(suite, &suite->smoke, value, err) < 0)
        return -1;
    sft_request_parse(&request, value, NULL);
    return request.nodes <= 1
               ? 0
               : sft_error_set(err, "a smoke training runs on each node alone: leave :%d out",
                               request.nodes);
}

static int with_check(void *object, const char *value, struct sft_error *err)
{
    struct suite *suite = object;
    struct sft_request request;
    char key[64];
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || equals - value >= (long)sizeof key)
        return sft_error_set(err, "'%.60s' is not of the form key=value", value);
    snprintf(key, sizeof key, "%.*s", (int)(equals - value), value);
    if (strcmp(key, "nodes") == 0)
        return sft_error_set(err, "nodes are a line of their own: nodes = %.40s", equals + 1);
    sft_request_init(&request);
    if (sft_request_set(&request, key, equals + 1, err) < 0)
        return -1;
    return line_add(suite, &suite->with, value, err);
}

static const struct sft_field keys[] = {
    {.name = "name", .type = SFT_FIELD_TEXT, FIELD_OF(name), .check = name_check},
    {.name = "partition", .type = SFT_FIELD_TEXT, FIELD_OF(partition)},
    {.name = "account", .type = SFT_FIELD_TEXT, FIELD_OF(account)},
    {.name = "time", .type = SFT_FIELD_TEXT, FIELD_OF(time)},
    {.name = "verify", .type = SFT_FIELD_TEXT, FIELD_OF(verify), .check = verify_check},
    {.name = "smoke", .type = SFT_FIELD_LIST, .check = smoke_check},
    {.name = "model", .type = SFT_FIELD_LIST, .check = model_check},
    {.name = "nodes", .type = SFT_FIELD_TEXT, FIELD_OF(nodes), .check = nodes_check},
    {.name = "repeat", .type = SFT_FIELD_INT, FIELD_OF(repeat), .min = 1, .max = 1000},
    {.name = "with", .type = SFT_FIELD_LIST, .check = with_check},
    {.name = "goals", .type = SFT_FIELD_TEXT, FIELD_OF(goals)},
    {.name = "title", .type = SFT_FIELD_TEXT, FIELD_OF(title)},
    {.name = "site", .type = SFT_FIELD_TEXT, FIELD_OF(site)},
    {.name = "price", .type = SFT_FIELD_TEXT, FIELD_OF(price), .check = price_check},
    {.name = NULL},
};

const struct sft_field *suite_keys(void)
{
    return keys;
}

static int value_refuse(const struct sft_field *key, enum sft_fault fault, const char *value,
                        struct sft_error *err)
{
    switch (fault) {
    case SFT_FAULT_CHECK:
        return sft_error_prefix(err, "%s", key->name);
    case SFT_FAULT_EMPTY:
        return sft_error_set(err, "'%s' has no value", key->name);
    case SFT_FAULT_LONG:
        return sft_error_set(err, "'%s' is longer than %zu bytes", key->name, key->size - 1);
    case SFT_FAULT_CONTROL:
        return sft_error_set(err, "'%s' has a control character", key->name);
    default:
        return sft_error_set(err, "'%s' is '%.40s', no whole number from %.0f to %.0f", key->name,
                             value, key->min, key->max);
    }
}

/* "key = value", which may have more of '='. */
static int line_read(struct suite *suite, char *line, struct sft_error *err)
{
    line += strspn(line, " \t");
    for (size_t end = strlen(line); end > 0 && strchr(" \t\r", line[end - 1]) != NULL; end--)
        line[end - 1] = '\0';
    if (*line == '\0' || *line == '#')
        return 0;
    char *equals = line + strcspn(line, "=");
    if (*equals == '\0')
        return sft_error_set(err, "'%.40s' is not of the form key = value", line);
    const char *value = equals + 1 + strspn(equals + 1, " \t");
    *equals = '\0';
    for (size_t end = strlen(line); end > 0 && strchr(" \t", line[end - 1]) != NULL; end--)
        line[end - 1] = '\0';
    const struct sft_field *key = sft_field_find(keys, line);
    if (key == NULL)
        return sft_field_unknown(keys, line, err);
    if (key->type != SFT_FIELD_LIST && sft_field_said(key, suite))
        return sft_error_set(err, "'%s' stands twice", key->name);
    enum sft_fault fault = sft_field_read(key, suite, value, err);
    return fault == SFT_FAULT_NONE ? 0 : value_refuse(key, fault, value, err);
}

static int lines_check(const struct suite *suite, const struct suite_lines *lines, bool smoke,
                       struct sft_error *err)
{
    struct sft_request request;
    for (size_t i = 0; i < lines->count; i++)
        if (suite_request(suite, NULL, smoke, lines->at[i].text, &request, err) < 0)
            return lines->at[i].line;
    return 0;
}

/* Of the file as a whole: the number of a line that is wrong, 0: none is, -1: it is the file. */
static int suite_check(struct suite *suite, struct sft_error *err)
{
    int line;
    if (suite->verify[0] == '\0')
        strcpy(suite->verify, "all");
    if (suite->repeat < 0)
        suite->repeat = SWEEP_REPEAT;
    if (suite->smoke.count + suite->model.count == 0)
        return sft_error_set(err, "nothing to run in it: a line 'model = llama-7b' or 'smoke = "
                                  "gpt2-smoke'");
    if ((line = lines_check(suite, &suite->smoke, true, err)) > 0)
        return line;
    return lines_check(suite, &suite->model, false, err);
}

int suite_parse(struct suite *suite, const char *text, size_t length, const char *name,
                struct sft_error *err)
{
    char *copy = malloc(length + 1), *rest = copy;
    int rc = 0;
    memset(suite, 0, sizeof *suite);
    sft_fields_clear(keys, suite);
    if (copy == NULL)
        return sft_error_set(err, "no memory for a suite");
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strlen(copy) != length)
        rc = sft_error_set(err, "%s: no text: it has a byte of zero", name);
    for (char *line; rc == 0 && (line = strsep(&rest, "\n")) != NULL;) {
        suite->line++;
        if (line_read(suite, line, err) < 0)
            rc = sft_error_prefix(err, "%s:%d", name, suite->line);
    }
    free(copy);
    int wrong = rc < 0 ? 0 : suite_check(suite, err);
    if (wrong != 0)
        rc = wrong < 0 ? sft_error_prefix(err, "%s", name)
                       : sft_error_prefix(err, "%s:%d", name, wrong);
    return rc;
}

/* A suite without goals of its own takes the site's, as sft-report does. */
static int goals_find(struct suite *suite, const char *path, struct sft_error *err)
{
    struct sft_goals goals;
    char value[SFT_REQUEST_PATH];
    const char *slash = strrchr(path, '/');
    if (suite->goals[0] == '\0' || strcmp(suite->goals, "none") == 0)
        return 0;
    strcpy(value, suite->goals);
    if (value[0] != '/' && slash != NULL &&
        snprintf(suite->goals, sizeof suite->goals, "%.*s%s", (int)(slash + 1 - path), path,
                 value) >= (int)sizeof suite->goals)
        return sft_error_set(err, "%s: goals: the path is too long", path);
    return sft_goals_load(&goals, suite->goals, err);
}

int suite_load(struct suite *suite, const char *path, struct sft_error *err)
{
    size_t size;
    char *text = file_read(path, "suite", SUITE_SIZE, &size, err);
    if (text == NULL)
        return -1;
    int rc = size >= SUITE_SIZE
                 ? sft_error_set(err, "%s: longer than %d bytes", path, SUITE_SIZE - 1)
                 : suite_parse(suite, text, size, path, err);
    free(text);
    return rc < 0 ? -1 : goals_find(suite, path, err);
}

void suite_standard(struct suite *suite)
{
    static const char text[] = "smoke = gpt2-smoke\nsmoke = lstm\n"
                               "model = llama-7b\nmodel = llama-13b\nmodel = llama-70b\n";
    suite_parse(suite, text, sizeof text - 1, "standard", NULL);
    suite->fitting = true;
}

/* "hgx-20261128" of /home/me/hgx.conf */
static void name_make(char name[SWEEP_NAME], const char *path, time_t now)
{
    char day[16], base[SWEEP_NAME - sizeof day];
    struct tm tm;
    const char *slash = strrchr(path, '/');
    snprintf(base, sizeof base, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(base, '.');
    if (dot != NULL && dot != base)
        *dot = '\0';
    strftime(day, sizeof day, "%Y%m%d", localtime_r(&now, &tm));
    snprintf(name, SWEEP_NAME, "%s-%s", base, day);
    for (char *at = name; *at != '\0'; at++) {
        char one[] = {*at, '\0'}, same[SWEEP_NAME];
        if (sweep_name_read(same, one, NULL) < 0 && (*at != '-' || at == name))
            *at = '_';
    }
}

void suite_options(const struct suite *suite, struct sweep_options *options)
{
    if (!options->named && suite->name[0] != '\0')
        strcpy(options->name, suite->name);
    else if (!options->named && options->suite != NULL)
        name_make(options->name, options->suite, options->now);
    if (options->partition == NULL && suite->partition[0] != '\0')
        options->partition = suite->partition;
    if (options->account == NULL && suite->account[0] != '\0')
        options->account = suite->account;
    if (options->time == NULL && suite->time[0] != '\0')
        options->time = suite->time;
    if (!options->repeated)
        options->repeat = suite->repeat;
}
