/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

#define OPENING "sft1{"
#define KEY_MAX 31

static const struct sft_record_key keys[] = {
    {"step", SFT_SAID, true, "", "Slurm job and step, JOBID.STEPID"},
    {"state", SFT_MEASURED, true, "", "running, complete, partial (ended early) or failed"},
    {"model", SFT_SAID, true, "", "preset that was trained"},
    {"method", SFT_SAID, true, "", "full: all parameters are trained"},
    {"precision", SFT_SAID, true, "", "type of weights and activations"},
    {"states", SFT_SAID, false, "",
     "type of the optimizer's states: fp32, or bf16 with stochastic rounding"},
    {"zero", SFT_SAID, false, "",
     "what ranks shared: 0 nothing, 1 states, 2 gradients too, 3 weights too, or hybrid"},
    {"recompute", SFT_SAID, false, "",
     "what the backward pass computed again: none, norms or block"},
    {"backend", SFT_SAID, false, "", "what computed: cpu or cuda"},
    {"device", SFT_MEASURED, false, "", "rank 0's device as the machine names it"},
    {"nodes", SFT_MEASURED, true, "", "nodes that ran"},
    {"ranks", SFT_MEASURED, true, "", "ranks that ran"},
    {"seq", SFT_SAID, true, "tokens", "length of one packed sequence"},
    {"micro_batch", SFT_SAID, false, "sequences", "of one forward pass on one rank"},
    {"accumulation", SFT_SAID, false, "", "forward passes of one rank in one step"},
    {"global_batch", SFT_SAID, true, "sequences", "of one optimizer step over all ranks"},
    {"steps", SFT_SAID, true, "", "measured steps that were asked for"},
    {"steps_done", SFT_MEASURED, true, "", "measured steps that were done"},
    {"warmup", SFT_SAID, false, "", "steps before them, trained but not measured"},
    {"seed", SFT_SAID, false, "", "of weights, packing and order"},
    {"lr", SFT_SAID, false, "", "highest learning rate"},
    {"data", SFT_SAID, true, "", "file name of the records, or synthetic"},
    {"data_sum", SFT_MEASURED, false, "", "checksum of that file's bytes"},
    {"records", SFT_MEASURED, false, "", "documents in one epoch"},
    {"cut", SFT_MEASURED, false, "", "documents longer than the sequence, cut to it or left out"},
    {"skipped", SFT_MEASURED, false, "", "records left out because they are empty or bad"},
    {"mended", SFT_MEASURED, false, "", "records in whose texts something became U+FFFD"},
    {"tokenizer", SFT_SAID, false, "", "file name of the SentencePiece model, or bytes"},
    {"vocab", SFT_MEASURED, false, "", "rows of the embedding table"},
    {"parameters", SFT_DERIVED, false, "", "parameters of the model as it ran"},
    {"request", SFT_SAID, false, "", "what was asked for, as --sft-bench= takes it"},
    {"step_ms", SFT_MEASURED, true, "ms", "median time of a measured step on rank 0"},
    {"step_mad_ms", SFT_MEASURED, false, "ms", "its median absolute deviation"},
    {"exposed_ms", SFT_MEASURED, true, "ms", "of a step, rank 0 waits for weights and gradients"},
    {"step_p95_ms", SFT_MEASURED, false, "ms", "its 95th percentile"},
    {"steps_s", SFT_MEASURED, false, "s", "all measured steps together on rank 0"},
    {"samples_s", SFT_DERIVED, true, "samples/s",
     "documents of all ranks in a measured step, mean / step_ms"},
    {"tok_s", SFT_DERIVED, true, "tokens/s", "tokens processed in a step, padding too / step_ms"},
    {"tok_s_real", SFT_DERIVED, false, "tokens/s",
     "tokens in a step that are not padding, mean / step_ms"},
    {"tok_s_trained", SFT_DERIVED, false, "tokens/s",
     "tokens in a step with a loss, mean / step_ms"},
    {"tflops", SFT_DERIVED, true, "TFLOP/s",
     "of one rank: model FLOPs of a step's real tokens, mean / ranks / step_ms"},
    {"mfu", SFT_DERIVED, true, "%", "tflops / peak_tflops"},
    {"peak_tflops", SFT_SAID, false, "TFLOP/s", "of one device: data sheet, or the user's peak="},
    {"rank_ms", SFT_MEASURED, false, "ms",
     "median over the ranks of their median time to compute, waiting left out"},
    {"slow_rank", SFT_MEASURED, true, "", "rank with the longest median time to compute"},
    {"slow_host", SFT_MEASURED, true, "", "its host"},
    {"slow_ms", SFT_MEASURED, true, "ms", "its median time to compute"},
    {"ranks_ms", SFT_MEASURED, false, "ms", "median time to compute of each rank, by rank"},
    {"mem_gib", SFT_MEASURED, true, "GiB", "peak memory of the rank that used most"},
    {"mem_plan_gib", SFT_ESTIMATED, false, "GiB", "memory that the plan counted on a rank"},
    {"tok_s_plan", SFT_ESTIMATED, false, "tokens/s",
     "tok_s that was predicted from the device's measured ceilings before the run"},
    {"gpu_util", SFT_MEASURED, true, "%",
     "time that a kernel ran on the GPU, by NVML, mean of the ranks"},
    {"power_w", SFT_MEASURED, false, "W", "of a GPU, by its energy counter, mean of the ranks"},
    {"energy_j", SFT_MEASURED, false, "J", "of all GPUs over the measured steps"},
    {"tok_j", SFT_DERIVED, false, "tokens/J", "tokens processed in the measured steps / energy_j"},
    {"sm_mhz", SFT_MEASURED, false, "MHz", "mean clock of the slowest GPU"},
    {"temp_c", SFT_MEASURED, false, "C", "mean temperature of the hottest GPU"},
    {"limited", SFT_MEASURED, false, "%",
     "of the samples in which power or heat held a clock back"},
    {"clock_reasons", SFT_MEASURED, false, "",
     "all reasons for which a clock was held back, by NVML"},
    {"loss_first", SFT_MEASURED, false, "", "mean loss of a trained token in the first step"},
    {"loss_last", SFT_MEASURED, true, "", "the same in the last step"},
    {"start", SFT_MEASURED, false, "", "when the step began, UTC, ISO 8601"},
    {"seconds", SFT_MEASURED, false, "s", "from there to this record"},
    {"hosts", SFT_MEASURED, false, "", "hosts that ran, in the order of ranks"},
    {"version", SFT_MEASURED, true, "", "of sft-bench"},
    {"cuda", SFT_MEASURED, false, "", "runtime, driver and libraries of the GPU"},
    {"blas", SFT_MEASURED, false, "",
     "library of matrix products, and the CPU whose kernels it took"},
    {"pinned", SFT_MEASURED, true, "ranks", "bound to cores near their GPU by the plugin"},
    {"cpus", SFT_MEASURED, false, "", "cores that rank 0 is bound to"},
    {"nccl_env", SFT_SAID, false, "", "NCCL's variables of rank 0: the plugin's and the user's"},
    {"nic_gbps", SFT_MEASURED, false, "Gb/s",
     "of rank 0's node: rates of the ports in use, added up"},
    {"mpi", SFT_MEASURED, false, "", "library of collectives between CPUs"},
    {"nccl", SFT_MEASURED, false, "", "library of collectives between GPUs"},
    {"pmix", SFT_MEASURED, false, "", "library of the bootstrap"},
    {"program", SFT_MEASURED, true, "",
     "what rank 0 executed, as root saw it: site, script, or another's name"},
    {"checked", SFT_MEASURED, true, "",
     "what the step daemon held the record against and found right"},
    {"doubted", SFT_MEASURED, true, "", "what it found wrong; such a record is counted nowhere"},
    {"fail", SFT_MEASURED, true, "", "why the run failed, or ended early"},
    {NULL, SFT_SAID, false, NULL, NULL},
};

const struct sft_record_key *sft_record_keys(void)
{
    return keys;
}

const struct sft_record_key *sft_record_key_find(const char *name)
{
    for (const struct sft_record_key *key = keys; key->name != NULL; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

void sft_record_init(struct sft_record *record)
{
    record->count = 0;
}

void sft_record_clear(struct sft_record *record)
{
    if (record == NULL)
        return;
    for (size_t i = 0; i < record->count; i++) {
        free(record->fields[i].key);
        free(record->fields[i].value);
    }
    record->count = 0;
}

static bool key_is_legal(const char *key)
{
    if (key[0] < 'a' || key[0] > 'z' || strlen(key) > KEY_MAX)
        return false;
    return key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static struct sft_record_field *field_find(const struct sft_record *record, const char *key)
{
    for (size_t i = 0; i < record->count; i++)
        if (strcmp(record->fields[i].key, key) == 0)
            return (struct sft_record_field *)&record->fields[i];
    return NULL;
}

int sft_record_set(struct sft_record *record, const char *key, const char *value,
                   struct sft_error *err)
{
    if (!key_is_legal(key))
        return sft_error_set(err, "'%.40s' is no key of a record", key);
    char *copy = strdup(value);
    if (copy == NULL)
        return sft_error_set(err, "no memory for a record");
    struct sft_record_field *field = field_find(record, key);
    if (field != NULL) {
        free(field->value);
        field->value = copy;
        return 0;
    }
    char *name = strdup(key);
    if (record->count == SFT_RECORD_FIELDS || name == NULL) {
        free(copy);
        free(name);
        return sft_error_set(err, "a record holds at most %d fields", SFT_RECORD_FIELDS);
    }
    record->fields[record->count++] = (struct sft_record_field){name, copy};
    return 0;
}

void sft_record_unset(struct sft_record *record, const char *key)
{
    struct sft_record_field *field = field_find(record, key);
    if (field == NULL)
        return;
    free(field->key);
    free(field->value);
    size_t behind = record->count - (size_t)(field - record->fields) - 1;
    memmove(field, field + 1, behind * sizeof *field);
    record->count--;
}

int sft_record_set_integer(struct sft_record *record, const char *key, long long value,
                           struct sft_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    return sft_record_set(record, key, text, err);
}

int sft_record_set_real(struct sft_record *record, const char *key, double value,
                        struct sft_error *err)
{
    char text[SFT_NUMBER];
    if (!isfinite(value))
        return sft_error_set(err, "%s is %g: no figure", key, value);
    return sft_record_set(record, key, sft_number(text, value, 6), err);
}

const char *sft_record_get(const struct sft_record *record, const char *key)
{
    const struct sft_record_field *field = field_find(record, key);
    return field == NULL ? NULL : field->value;
}

double sft_record_get_real(const struct sft_record *record, const char *key, double missing)
{
    const char *value = sft_record_get(record, key);
    if (value == NULL || value[0] == '\0')
        return missing;
    char *end;
    double number = strtod(value, &end);
    return *end == '\0' && isfinite(number) ? number : missing;
}

static bool byte_is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && strchr("%{}\"'`|\\", c) == NULL;
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

static void writer_plain(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++)
        writer_put(w, *text);
}

static void writer_field(struct writer *w, const char *key, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (w->used > strlen(OPENING))
        writer_put(w, ' ');
    writer_plain(w, key);
    writer_put(w, '=');
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (byte_is_plain(c)) {
            writer_put(w, (char)c);
            continue;
        }
        writer_put(w, '%');
        writer_put(w, hex[c >> 4]);
        writer_put(w, hex[c & 15]);
    }
}

int sft_record_format(const struct sft_record *record, bool brief, char *text, size_t size,
                      struct sft_error *err)
{
    struct writer w = {text, size, 0};
    writer_plain(&w, OPENING);
    for (const struct sft_record_key *key = keys; key->name != NULL; key++) {
        const char *value = sft_record_get(record, key->name);
        if (value != NULL && (key->brief || !brief))
            writer_field(&w, key->name, value);
    }
    for (size_t i = 0; i < record->count && !brief; i++)
        if (sft_record_key_find(record->fields[i].key) == NULL)
            writer_field(&w, record->fields[i].key, record->fields[i].value);
    writer_put(&w, '}');
    writer_put(&w, '\0');
    if (w.used > size || w.used > SFT_RECORD_MAX)
        return sft_error_set(err, "the record is longer than %zu bytes",
                             (size < SFT_RECORD_MAX ? size : SFT_RECORD_MAX) - 1);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode in place; a NUL cannot stand in a value. */
static int value_decode(char *value)
{
    char *to = value;
    for (const char *from = value; *from != '\0'; from++) {
        if (*from == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || high * 16 + low == 0)
                return -1;
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else if (byte_is_plain((unsigned char)*from)) {
            *to++ = *from;
        } else {
            return -1;
        }
    }
    *to = '\0';
    return 0;
}

static int field_parse(struct sft_record *record, char *field, struct sft_error *err)
{
    char *equals = strchr(field, '=');
    if (equals == NULL)
        return sft_error_set(err, "record: '%.40s' has no value", field);
    *equals = '\0';
    if (!key_is_legal(field))
        return sft_error_set(err, "record: '%.40s' is no key", field);
    if (field_find(record, field) != NULL)
        return sft_error_set(err, "record: %s= stands twice", field);
    if (value_decode(equals + 1) < 0)
        return sft_error_set(err, "record: %s= has a bad value", field);
    return sft_record_set(record, field, equals + 1, err);
}

int sft_record_parse(struct sft_record *record, const char *text, const char **end,
                     struct sft_error *err)
{
    sft_record_init(record);
    size_t opening = strlen(OPENING);
    if (strncmp(text, "sft", 3) == 0 && isdigit((unsigned char)text[3]) &&
        strncmp(text, OPENING, opening) != 0)
        return sft_error_set(err,
                             "record: version '%.8s' is not known here; this release reads "
                             "sft1",
                             text);
    if (strncmp(text, OPENING, opening) != 0)
        return sft_error_set(err, "record: does not begin with " OPENING);
    size_t length = strcspn(text + opening, "}");
    if (text[opening + length] != '}')
        return sft_error_set(err, "record: has no end");
    if (opening + length + 2 > SFT_RECORD_MAX)
        return sft_error_set(err, "record: longer than %d bytes", SFT_RECORD_MAX - 1);
    char copy[SFT_RECORD_MAX];
    memcpy(copy, text + opening, length);
    copy[length] = '\0';
    char *rest = copy, *field;
    while (length > 0 && (field = strsep(&rest, " ")) != NULL) {
        if (field_parse(record, field, err) < 0) {
            sft_record_clear(record);
            return -1;
        }
    }
    if (end != NULL)
        *end = strchr(text + opening, '}') + 1;
    return 0;
}

int sft_record_next(struct sft_record *record, const char **cursor)
{
    const char *at = *cursor;
    while ((at = strstr(at, OPENING)) != NULL) {
        if (sft_record_parse(record, at, cursor, NULL) == 0)
            return 1;
        at++;
    }
    sft_record_init(record);
    *cursor += strlen(*cursor);
    return 0;
}

int sft_record_page(const struct sft_record *record, char page[SFT_RECORD_PAGE],
                    struct sft_error *err)
{
    if (sft_record_format(record, false, page, SFT_RECORD_MAX, err) < 0)
        return -1;
    size_t length = strlen(page);
    memset(page + length, '\n', SFT_RECORD_PAGE - length);
    return 0;
}
