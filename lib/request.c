/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/request.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct sft_request, name)

static const struct sft_key keys[] = {
    {"gpus", SFT_KEY_INT, FIELD(gpus), 0, 64, "N",
     "GPUs, and so tasks, on each node; 0: one task a node on the CPU [the node's GPUs]"},
    {"steps", SFT_KEY_INT, FIELD(steps), 1, 1000000, "N", "measured steps [20]"},
    {"warmup", SFT_KEY_INT, FIELD(warmup), 0, 100000, "N",
     "steps before them that are trained but not measured [5]"},
    {"seq", SFT_KEY_INT, FIELD(seq), 32, 131072, "N",
     "tokens of one packed sequence [1024 for tiny and GPT-2, else 4096]"},
    {"micro_batch", SFT_KEY_INT, FIELD(micro_batch), 1, 1024, "N",
     "sequences of one forward pass on one rank [1]"},
    {"global_batch", SFT_KEY_INT, FIELD(global_batch), 1, 1048576, "N",
     "sequences of one optimizer step over all ranks [2 micro-batches a rank for tiny, else 4]"},
    {"lr", SFT_KEY_REAL, FIELD(lr), 0, 1, "RATE",
     "highest learning rate [1e-3 for tiny, else 2e-5]"},
    {"lr_warmup", SFT_KEY_INT, FIELD(lr_warmup), 0, 1000000, "N",
     "steps of linear learning rate warm-up [3% of all steps]"},
    {"weight_decay", SFT_KEY_REAL, FIELD(weight_decay), 0, 1, "RATE", "AdamW weight decay [0]"},
    {"clip", SFT_KEY_REAL, FIELD(clip), 0, 1e6, "NORM",
     "largest global gradient norm; 0: no clipping [1]"},
    {"seed", SFT_KEY_INT, FIELD(seed), 0, 9007199254740992.0, "N",
     "seed of weights, packing and order [42]"},
    {"peak", SFT_KEY_REAL, FIELD(peak), 1e-6, 1e6, "TFLOPS",
     "peak of one device in TFLOP/s, for MFU, where it is not known"},
    {"nvlink_gbs", SFT_KEY_REAL, FIELD(nvlink_gbs), 0.001, 1e5, "GB/s",
     "busbw of collectives inside a node, of a GPU, that --plan assumes [366]"},
    {"nic_gbs", SFT_KEY_REAL, FIELD(nic_gbs), 0.001, 1e5, "GB/s",
     "busbw of collectives across nodes, of a node, that --plan assumes [92]"},
    {"device", SFT_KEY_WORD, FIELD(device), 0, 0, "auto|cpu|cuda",
     "what trains; auto: a GPU if the job has one [auto]"},
    {"states", SFT_KEY_WORD, FIELD(states), 0, 0, "auto|fp32|bf16",
     "optimizer states on a GPU: fp32 16 bytes a parameter, bf16 8; auto: fp32 if they fit [auto]"},
    {"recompute", SFT_KEY_WORD, FIELD(recompute), 0, 0, "auto|none|norms|block",
     "what the backward pass computes again; auto: as little as fits [auto]"},
    {"zero", SFT_KEY_WORD, FIELD(zero), 0, 0, "auto|0|1|2|3|hybrid",
     "what ranks share: 1 optimizer states, 2 gradients too, 3 weights too, hybrid weights and "
     "gradients inside the node; auto: the fastest that fits [auto]"},
    {"bind", SFT_KEY_WORD, FIELD(bind), 0, 0, "auto|none",
     "under srun, pin tasks to cores and memory near their GPU; auto: unless --cpu-bind is given "
     "[auto]"},
    {"timeout", SFT_KEY_INT, FIELD(timeout), 10, 86400, "SECONDS",
     "longest wait in one collective before the run is ended, naming the rank at fault [180]"},
    {"data", SFT_KEY_TEXT, FIELD(data), 0, 0, "FILE",
     "Alpaca-format JSON, `synthetic`, or `synthetic:N` for documents of N tokens "
     "[the site's, or the examples that are installed]"},
    {"skip", SFT_KEY_REAL, FIELD(skip), 0, 100, "PERCENT",
     "bad records of the data that may be left out; 0: none, nor empty ones [1]"},
    {"tokenizer", SFT_KEY_TEXT, FIELD(tokenizer), 0, 0, "FILE",
     "SentencePiece model, or `bytes` [the site's, or bytes]"},
    {"trace", SFT_KEY_TEXT, FIELD(trace), 0, 0, "FILE",
     "timeline of one step, for Perfetto [none]"},
    {"out", SFT_KEY_TEXT, FIELD(out), 0, 0, "DIR", "folder that result.json is written to [none]"},
    {NULL, SFT_KEY_INT, 0, 0, 0, NULL, NULL},
};

const struct sft_key *sft_request_keys(void)
{
    return keys;
}

/* The one key whose field is no int: seeds are wider. */
static bool key_is_wide(const struct sft_key *key)
{
    return key->offset == FIELD(seed);
}

static void *key_field(const struct sft_request *request, const struct sft_key *key)
{
    return (char *)(uintptr_t)request + key->offset;
}

static bool key_is_said(const struct sft_request *request, const struct sft_key *key)
{
    const void *field = key_field(request, key);
    switch (key->type) {
    case SFT_KEY_WORD:
    case SFT_KEY_INT:
        return key_is_wide(key) ? *(const long long *)field >= 0 : *(const int *)field >= 0;
    case SFT_KEY_REAL:
        return *(const double *)field >= 0;
    case SFT_KEY_TEXT:
        break;
    }
    return *(const char *)field != '\0';
}

void sft_request_init(struct sft_request *request)
{
    memset(request, 0, sizeof *request);
    request->nodes = -1;
    for (const struct sft_key *key = keys; key->name != NULL; key++) {
        void *field = key_field(request, key);
        if (key->type == SFT_KEY_REAL)
            *(double *)field = -1;
        else if (key->type == SFT_KEY_INT && key_is_wide(key))
            *(long long *)field = -1;
        else if (key->type != SFT_KEY_TEXT)
            *(int *)field = -1;
    }
}

static const struct sft_key *key_find(const char *name)
{
    for (const struct sft_key *key = keys; key->name != NULL; key++) {
        size_t i = 0;
        while (name[i] != '\0' && (name[i] == '-' ? '_' : name[i]) == key->name[i])
            i++;
        if (name[i] == '\0' && key->name[i] == '\0')
            return key;
    }
    return NULL;
}

static int key_unknown(const char *name, struct sft_error *err)
{
    char known[512] = "";
    size_t used = 0;
    for (const struct sft_key *key = keys; key->name != NULL && used < sizeof known; key++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", key == keys ? "" : ", ",
                                 key->name);
    return sft_error_set(err, "unknown key '%.64s'; the keys are: %s", name, known);
}

/* A whole number in decimal, nothing before or behind it. */
static int number_whole(const char *text, double min, double max, long long *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    bool is_number = (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) && *end == '\0';
    if (!is_number || errno != 0)
        return -1;
    return (double)*value < min || (double)*value > max ? -1 : 0;
}

static int number_real(const char *text, double min, double max, double *value)
{
    char *end;
    *value = strtod(text, &end);
    bool starts = text[0] == '.' || (text[0] >= '0' && text[0] <= '9');
    if (!starts || *end != '\0' || strpbrk(text, "xX") != NULL || !isfinite(*value))
        return -1;
    return *value < min || *value > max ? -1 : 0;
}

/* The words of "auto|cpu|cuda" one by one: the next behind `at`, its length in *length; NULL: no
 * more. */
static const char *word_next(const char *at, size_t *length)
{
    at += at[*length] == '|' ? *length + 1 : *length;
    *length = strcspn(at, "|");
    return *at == '\0' ? NULL : at;
}

static int word_set(const struct sft_key *key, const char *value, int *field, struct sft_error *err)
{
    size_t length = strcspn(key->value_name, "|");
    int number = 0;
    for (const char *word = key->value_name; word != NULL;
         word = word_next(word, &length), number++)
        if (strlen(value) == length && strncmp(word, value, length) == 0) {
            *field = number;
            return 0;
        }
    return sft_error_set(err, "%s=%.64s: must be one of %s", key->name, value, key->value_name);
}

static void word_write(const struct sft_key *key, int number, char *text, size_t size)
{
    size_t length = strcspn(key->value_name, "|");
    const char *word = key->value_name;
    while (number-- > 0 && word != NULL)
        word = word_next(word, &length);
    snprintf(text, size, "%.*s", (int)length, word == NULL ? "" : word);
}

static int key_set(struct sft_request *request, const struct sft_key *key, const char *value,
                   struct sft_error *err)
{
    void *field = key_field(request, key);
    long long whole;
    switch (key->type) {
    case SFT_KEY_INT:
        if (number_whole(value, key->min, key->max, &whole) < 0)
            return sft_error_set(err, "%s=%.64s: must be a whole number from %.0f to %.0f",
                                 key->name, value, key->min, key->max);
        if (key_is_wide(key))
            *(long long *)field = whole;
        else
            *(int *)field = (int)whole;
        return 0;
    case SFT_KEY_REAL:
        if (number_real(value, key->min, key->max, field) < 0)
            return sft_error_set(err, "%s=%.64s: must be a number from %g to %g", key->name, value,
                                 key->min, key->max);
        return 0;
    case SFT_KEY_WORD:
        return word_set(key, value, field, err);
    case SFT_KEY_TEXT:
        break;
    }
    if (value[0] == '\0')
        return sft_error_set(err, "%s= is empty: give a value or leave the key out", key->name);
    if (strlen(value) >= SFT_REQUEST_PATH)
        return sft_error_set(err, "%s=%.32s...: longer than %d bytes", key->name, value,
                             SFT_REQUEST_PATH - 1);
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return sft_error_set(err, "%s=%.64s: has a control character", key->name, value);
    memcpy(field, value, strlen(value) + 1);
    return 0;
}

int sft_request_set(struct sft_request *request, const char *name, const char *value,
                    struct sft_error *err)
{
    const struct sft_key *key = key_find(name);
    return key == NULL ? key_unknown(name, err) : key_set(request, key, value, err);
}

/* Copy up to an unescaped comma (taking escapes off); returns where it stopped, NULL when too long.
 */
static const char *part_read(const char *text, char *part, size_t size)
{
    size_t used = 0;
    while (*text != '\0' && *text != ',') {
        if (text[0] == '\\' && (text[1] == ',' || text[1] == '\\'))
            text++;
        if (used + 1 >= size)
            return NULL;
        part[used++] = *text++;
    }
    part[used] = '\0';
    return text;
}

static const char *const task_words[] = {
    [SFT_TASK_EXPLAIN] = "explain",
    [SFT_TASK_VERIFY] = "verify",
};

static enum sft_task task_find(const char *word)
{
    for (enum sft_task task = SFT_TASK_EXPLAIN; task <= SFT_TASK_VERIFY; task++)
        if (strcmp(word, task_words[task]) == 0)
            return task;
    return SFT_TASK_TRAIN;
}

const char *sft_request_subject(enum sft_task task, const struct sft_preset *preset)
{
    return task == SFT_TASK_TRAIN ? preset->name : task_words[task];
}

static int model_parse(struct sft_request *request, char *part, struct sft_error *err)
{
    char *colon = strchr(part, ':');
    if (colon != NULL)
        *colon = '\0';
    char names[256];
    if (part[0] == '\0')
        return sft_error_set(err, "no model; write model:nodes, as llama-7b:2; the models are: %s",
                             sft_preset_names(names, sizeof names));
    request->task = task_find(part);
    if (request->task == SFT_TASK_VERIFY)
        return sft_error_set(err, "%s: not in this version", part);
    request->preset = sft_preset_find(part);
    if (request->task == SFT_TASK_TRAIN && request->preset == NULL)
        return sft_error_set(err, "unknown model '%.64s'; the models are: %s", part,
                             sft_preset_names(names, sizeof names));
    long long nodes;
    if (colon == NULL)
        return 0;
    if (number_whole(colon + 1, 1, SFT_REQUEST_NODES_MAX, &nodes) < 0)
        return sft_error_set(err, "%.64s:%.64s: nodes must be a whole number from 1 to %d", part,
                             colon + 1, SFT_REQUEST_NODES_MAX);
    request->nodes = (int)nodes;
    return 0;
}

static int pair_parse(struct sft_request *request, char *part, struct sft_error *err)
{
    char *equals = strchr(part, '=');
    if (equals == NULL)
        return sft_error_set(err, "'%.64s' has no value; write key=value", part);
    *equals = '\0';
    const struct sft_key *key = key_find(part);
    if (key == NULL)
        return key_unknown(part, err);
    if (key_is_said(request, key))
        return sft_error_set(err, "%s= stands twice; say it once", key->name);
    return key_set(request, key, equals + 1, err);
}

int sft_request_parse(struct sft_request *request, const char *text, struct sft_error *err)
{
    char part[SFT_REQUEST_PATH + 32];
    sft_request_init(request);
    if (strlen(text) >= SFT_REQUEST_MAX)
        return sft_error_set(err, "the request is longer than %d bytes", SFT_REQUEST_MAX - 1);
    for (bool first = true; first || *text != '\0'; first = false) {
        if (!first)
            text++; /* the comma */
        text = part_read(text, part, sizeof part);
        if (text == NULL)
            return sft_error_set(err, "'%.32s...' is longer than %d bytes", part,
                                 SFT_REQUEST_PATH - 1);
        if ((first ? model_parse(request, part, err) : pair_parse(request, part, err)) < 0)
            return -1;
    }
    return 0;
}

struct writer {
    char *text;
    size_t size, used;
};

static void writer_put(struct writer *w, char c)
{
    if (w->used < w->size)
        w->text[w->used] = c;
    w->used++;
}

static void writer_text(struct writer *w, const char *text, bool escape)
{
    for (; *text != '\0'; text++) {
        if (escape && (*text == ',' || *text == '\\'))
            writer_put(w, '\\');
        writer_put(w, *text);
    }
}

static void writer_key(struct writer *w, const struct sft_request *request,
                       const struct sft_key *key)
{
    char number[32];
    const void *field = key_field(request, key);
    const char *value = number;
    if (key->type == SFT_KEY_TEXT)
        value = field;
    else if (key->type == SFT_KEY_WORD)
        word_write(key, *(const int *)field, number, sizeof number);
    else if (key->type == SFT_KEY_REAL)
        snprintf(number, sizeof number, "%.*g", DBL_DECIMAL_DIG, *(const double *)field);
    else
        snprintf(number, sizeof number, "%lld",
                 key_is_wide(key) ? *(const long long *)field : *(const int *)field);
    writer_put(w, ',');
    writer_text(w, key->name, false);
    writer_put(w, '=');
    writer_text(w, value, key->type == SFT_KEY_TEXT);
}

static bool key_is_same(const struct sft_request *a, const struct sft_request *b,
                        const struct sft_key *key)
{
    const char *x = (const char *)a + key->offset, *y = (const char *)b + key->offset;
    switch (key->type) {
    case SFT_KEY_TEXT:
        return strcmp(x, y) == 0;
    case SFT_KEY_REAL:
        return *(const double *)x == *(const double *)y;
    case SFT_KEY_INT:
    case SFT_KEY_WORD:
        break;
    }
    return key_is_wide(key) ? *(const long long *)x == *(const long long *)y
                            : *(const int *)x == *(const int *)y;
}

/* Those that the site's configuration gives where the user says nothing. */
static bool key_is_site(const struct sft_key *key)
{
    static const size_t fields[] = {FIELD(data), FIELD(tokenizer),  FIELD(bind),
                                    FIELD(peak), FIELD(nvlink_gbs), FIELD(nic_gbs)};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (key->offset == fields[i])
            return true;
    return false;
}

bool sft_request_covers(const struct sft_request *wanted, const struct sft_request *actual)
{
    if (wanted->preset != actual->preset || wanted->task != actual->task ||
        wanted->nodes != actual->nodes)
        return false;
    for (const struct sft_key *key = keys; key->name != NULL; key++)
        if ((key_is_said(wanted, key) || !key_is_site(key)) && !key_is_same(wanted, actual, key))
            return false;
    return true;
}

int sft_request_format(const struct sft_request *request, char *text, size_t size,
                       struct sft_error *err)
{
    struct writer w = {text, size, 0};
    char nodes[16];
    writer_text(&w, sft_request_subject(request->task, request->preset), false);
    if (request->nodes > 0) {
        snprintf(nodes, sizeof nodes, ":%d", request->nodes);
        writer_text(&w, nodes, false);
    }
    for (const struct sft_key *key = keys; key->name != NULL; key++)
        if (key_is_said(request, key))
            writer_key(&w, request, key);
    writer_put(&w, '\0');
    if (w.used > size)
        return sft_error_set(err, "the request is longer than %zu bytes", size - 1);
    return 0;
}
