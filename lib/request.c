/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/request.h"
#include "lib/writer.h"

#include <stdio.h>
#include <string.h>

#define FIELD(member)                                                                              \
    offsetof(struct sft_request, member), sizeof(((struct sft_request *)NULL)->member)

const char *const sft_device_words[] = {
    [SFT_DEVICE_AUTO] = "auto", [SFT_DEVICE_CPU] = "cpu", [SFT_DEVICE_CUDA] = "cuda", NULL};
const char *const sft_states_words[] = {
    [SFT_STATES_AUTO] = "auto", [SFT_STATES_FP32] = "fp32", [SFT_STATES_BF16] = "bf16", NULL};
const char *const sft_recompute_words[] = {[SFT_RECOMPUTE_AUTO] = "auto",
                                           [SFT_RECOMPUTE_NONE] = "none",
                                           [SFT_RECOMPUTE_NORMS] = "norms",
                                           [SFT_RECOMPUTE_BLOCK] = "block",
                                           NULL};
const char *const sft_share_words[] = {[SFT_SHARE_AUTO] = "auto",
                                       [SFT_SHARE_0] = "0",
                                       [SFT_SHARE_1] = "1",
                                       [SFT_SHARE_2] = "2",
                                       [SFT_SHARE_3] = "3",
                                       [SFT_SHARE_HYBRID] = "hybrid",
                                       NULL};
const char *const sft_bind_words[] = {[SFT_BIND_AUTO] = "auto", [SFT_BIND_NONE] = "none", NULL};

static const struct sft_field keys[] = {
    {"gpus", SFT_FIELD_INT, FIELD(gpus), 0, 64, .argument = "N", .otherwise = "the node's GPUs",
     .help = "GPUs, and so tasks, on each node; 0: one task a node on the CPU"},
    {"steps", SFT_FIELD_INT, FIELD(steps), 1, 1e6, .argument = "N", .tiny = "20",
     .otherwise = "20 for tiny, else what seconds= takes",
     .help = "measured steps, in place of seconds="},
    {"seconds", SFT_FIELD_REAL, FIELD(seconds), 0.1, 604800, .argument = "SECONDS",
     .standard = "60", .otherwise = "60, but not for tiny",
     .help = "measure for at least so long, and 5 steps"},
    {"warmup", SFT_FIELD_INT, FIELD(warmup), 0, 1e5, .argument = "N", .standard = "5",
     .help = "steps before them that are trained but not measured"},
    {"seq", SFT_FIELD_INT, FIELD(seq), 32, 131072, .argument = "N", .standard = "4096",
     .tiny = "1024", .otherwise = "1024 for tiny and GPT-2, else 4096",
     .help = "tokens of one packed sequence"},
    {"micro_batch", SFT_FIELD_INT, FIELD(micro_batch), 1, 1024, .zero = "auto",
     .argument = "N|auto", .standard = "auto",
     .help = "sequences of one forward pass on one rank; auto: on a GPU the fastest that fits"},
    {"global_batch", SFT_FIELD_INT, FIELD(global_batch), 1, 1048576, .argument = "N",
     .standard = "4", .tiny = "2", .per = " a rank",
     .help =
         "sequences of one optimizer step over all ranks; the default takes whole micro-batches, "
         "so one that is larger is a step"},
    {"lr", SFT_FIELD_REAL, FIELD(lr), 0, 1, .argument = "RATE", .standard = "2e-5", .tiny = "1e-3",
     .help = "highest learning rate"},
    {"lr_warmup", SFT_FIELD_INT, FIELD(lr_warmup), 0, 1e6, .argument = "N", .standard = "3",
     .per = "% of steps=", .otherwise = "3% of all steps, or without steps= those of warmup=",
     .help = "steps of linear learning rate warm-up"},
    {"weight_decay", SFT_FIELD_REAL, FIELD(weight_decay), 0, 1, .argument = "RATE", .standard = "0",
     .help = "AdamW weight decay"},
    {"clip", SFT_FIELD_REAL, FIELD(clip), 0, 1e6, .argument = "NORM", .standard = "1",
     .help = "largest global gradient norm; 0: no clipping"},
    {"seed", SFT_FIELD_INT, FIELD(seed), 0, 9007199254740992.0, .argument = "N", .standard = "42",
     .help = "seed of weights, packing and order"},
    {"peak", SFT_FIELD_REAL, FIELD(peak), 1e-6, 1e6, .scope = SFT_SCOPE_SITE_TOO,
     .argument = "TFLOPS",
     .help = "peak of one device in TFLOP/s, for MFU, where it is not known; never above the data "
             "sheet's"},
    {"nvlink_gbs", SFT_FIELD_REAL, FIELD(nvlink_gbs), 0.001, 1e5, .scope = SFT_SCOPE_SITE_TOO,
     .argument = "GB/s", .standard = "366",
     .help = "busbw of collectives inside a node, of a GPU, that --plan assumes; the default "
             "is an H200's, other GPUs have their links' share of it"},
    {"nic_gbs", SFT_FIELD_REAL, FIELD(nic_gbs), 0.001, 1e5, .scope = SFT_SCOPE_SITE_TOO,
     .argument = "GB/s", .standard = "92",
     .help = "busbw of collectives across nodes, of a node, that --plan assumes"},
    {"ceilings", SFT_FIELD_TEXT, FIELD(ceilings), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .otherwise = "the site's, or none",
     .help = "what GPUs sustain, sft-ceilings(5), for predictions and --plan"},
    {"gpu_model", SFT_FIELD_TEXT, FIELD(gpu_model), .argument = "GPU", .otherwise = "H200",
     .help =
         "GPU that --plan is for: H100, H200, H20, B200, A100, L40S, or a device of the file of "
         "ceilings="},
    {"device", SFT_FIELD_WORD, FIELD(device), .words = sft_device_words, .standard = "auto",
     .help = "what trains; auto: a GPU if the job has one"},
    {"states", SFT_FIELD_WORD, FIELD(states), .words = sft_states_words, .standard = "auto",
     .help = "optimizer states on a GPU: fp32 16 bytes a parameter, bf16 8; auto: fp32 if they fit "
             "without computing blocks again or sharing weights across nodes"},
    {"recompute", SFT_FIELD_WORD, FIELD(recompute), .words = sft_recompute_words,
     .standard = "auto", .help = "what the backward pass computes again; auto: as little as fits"},
    {"zero", SFT_FIELD_WORD, FIELD(zero), .words = sft_share_words, .standard = "auto",
     .help = "what ranks share: 1 optimizer states, 2 gradients too, 3 weights too, hybrid "
             "weights and gradients inside the node; auto: the fastest that fits"},
    {"bind", SFT_FIELD_WORD, FIELD(bind), .words = sft_bind_words, .scope = SFT_SCOPE_SITE_TOO,
     .standard = "auto",
     .help = "under srun, pin tasks to cores and memory near their GPU; auto: unless --cpu-bind "
             "is given"},
    {"timeout", SFT_FIELD_INT, FIELD(timeout), 10, 86400, .argument = "SECONDS", .standard = "180",
     .help = "longest wait in one collective before the run is ended, naming the rank at fault"},
    {"data", SFT_FIELD_TEXT, FIELD(data), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .standard = "synthetic", .tiny = SFT_PKGDATADIR "/instructions.json",
     .otherwise = "the site's, or for tiny the examples that are installed, else synthetic",
     .help = "Alpaca-format JSON, or `synthetic` for documents of Alpaca's lengths, `synthetic:N` "
             "for N tokens each"},
    {"skip", SFT_FIELD_REAL, FIELD(skip), 0, 100, .argument = "PERCENT", .standard = "1",
     .help = "bad records of the data that may be left out; 0: none, nor empty ones"},
    {"tokenizer", SFT_FIELD_TEXT, FIELD(tokenizer), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .otherwise = "the site's, or bytes", .help = "SentencePiece model, or `bytes`"},
    {"trace", SFT_FIELD_TEXT, FIELD(trace), .argument = "FILE", .otherwise = "none",
     .help = "timeline of one step, for Perfetto"},
    {"out", SFT_FIELD_TEXT, FIELD(out), .argument = "DIR", .otherwise = "none",
     .help = "folder that result.json is written to"},
    {.name = NULL},
};

/* Behind the model's colon. */
static const struct sft_field nodes = {"nodes", SFT_FIELD_INT, FIELD(nodes), .min = 1,
                                       .max = SFT_REQUEST_NODES_MAX};

const struct sft_field *sft_request_keys(void)
{
    return keys;
}

static bool is_test_model(const struct sft_preset *preset)
{
    return preset != NULL && strcmp(preset->name, "tiny") == 0;
}

void sft_request_defaults(struct sft_request *request, const struct sft_preset *preset)
{
    sft_request_init(request);
    request->preset = preset;
    sft_fields_default(keys, request, is_test_model(preset));
    int positions = preset != NULL ? sft_preset_positions(preset) : 0;
    if (positions > 0 && request->seq > positions)
        request->seq = positions;
}

void sft_request_init(struct sft_request *request)
{
    memset(request, 0, sizeof *request);
    request->nodes = -1;
    sft_fields_clear(keys, request);
}

static int key_unknown(const char *name, struct sft_error *err)
{
    struct nearest nearest;
    char known[512], meant[96];
    nearest_begin(&nearest, name);
    sft_fields_offer(keys, &nearest);
    return sft_error_set(err, "unknown key '%.64s'; the keys are: %s%s", name,
                         sft_field_names(keys, known, sizeof known),
                         nearest_ask(&nearest, meant, sizeof meant));
}

static int key_refuse(const struct sft_field *key, enum sft_fault fault, const char *value,
                      struct sft_error *err)
{
    char words[128];
    switch (key->type) {
    case SFT_FIELD_INT:
        return sft_error_set(err, "%s=%.64s: must be a whole number from %.0f to %.0f%s%s",
                             key->name, value, key->min, key->max, key->zero == NULL ? "" : ", or ",
                             key->zero == NULL ? "" : key->zero);
    case SFT_FIELD_REAL:
        return sft_error_set(err, "%s=%.64s: must be a number from %g to %g", key->name, value,
                             key->min, key->max);
    case SFT_FIELD_WORD:
        return sft_error_set(err, "%s=%.64s: must be one of %s", key->name, value,
                             sft_field_argument(key, words, sizeof words));
    default:
        break;
    }
    if (fault == SFT_FAULT_EMPTY)
        return sft_error_set(err, "%s= is empty: give a value or leave the key out", key->name);
    if (fault == SFT_FAULT_LONG)
        return sft_error_set(err, "%s=%.32s...: longer than %zu bytes", key->name, value,
                             key->size - 1);
    return sft_error_set(err, "%s=%.64s: has a control character", key->name, value);
}

static int key_set(struct sft_request *request, const struct sft_field *key, const char *value,
                   struct sft_error *err)
{
    enum sft_fault fault = sft_field_read(key, request, value, err);
    return fault == SFT_FAULT_NONE ? 0 : key_refuse(key, fault, value, err);
}

int sft_request_set(struct sft_request *request, const char *name, const char *value,
                    struct sft_error *err)
{
    const struct sft_field *key = sft_field_find(keys, name);
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

static int model_unknown(const char *name, struct sft_error *err)
{
    struct nearest nearest;
    char names[256], meant[96];
    nearest_begin(&nearest, name);
    nearest_offer(&nearest, task_words[SFT_TASK_EXPLAIN], task_words[SFT_TASK_EXPLAIN]);
    sft_preset_offer(&nearest);
    return sft_error_set(err, "unknown model '%.64s'; the models are: %s%s", name,
                         sft_preset_names(names, sizeof names),
                         nearest_ask(&nearest, meant, sizeof meant));
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
        return model_unknown(part, err);
    if (colon != NULL && sft_field_read(&nodes, request, colon + 1, err) != SFT_FAULT_NONE)
        return sft_error_set(err, "%.64s:%.64s: nodes must be a whole number from 1 to %d", part,
                             colon + 1, SFT_REQUEST_NODES_MAX);
    return 0;
}

static int pair_parse(struct sft_request *request, char *part, struct sft_error *err)
{
    char *equals = strchr(part, '=');
    if (equals == NULL)
        return sft_error_set(err, "'%.64s' has no value; write key=value", part);
    *equals = '\0';
    const struct sft_field *key = sft_field_find(keys, part);
    if (key == NULL)
        return key_unknown(part, err);
    if (sft_field_said(key, request))
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

static void write_key(struct writer *w, const struct sft_request *request,
                      const struct sft_field *key)
{
    char value[SFT_REQUEST_PATH];
    sft_field_write(key, request, value, sizeof value);
    writer_put(w, ',');
    writer_text(w, key->name);
    writer_put(w, '=');
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == ',' || *at == '\\')
            writer_put(w, '\\');
        writer_put(w, *at);
    }
}

bool sft_request_covers(const struct sft_request *wanted, const struct sft_request *actual)
{
    if (wanted->preset != actual->preset || wanted->task != actual->task ||
        wanted->nodes != actual->nodes)
        return false;
    for (const struct sft_field *key = keys; key->name != NULL; key++)
        if ((sft_field_said(key, wanted) || key->scope != SFT_SCOPE_SITE_TOO) &&
            !sft_field_same(key, wanted, actual))
            return false;
    return true;
}

int sft_request_format(const struct sft_request *request, char *text, size_t size,
                       struct sft_error *err)
{
    struct writer w;
    char nodes[16];
    writer_begin(&w, text, size);
    writer_text(&w, sft_request_subject(request->task, request->preset));
    if (request->nodes > 0) {
        snprintf(nodes, sizeof nodes, ":%d", request->nodes);
        writer_text(&w, nodes);
    }
    for (const struct sft_field *key = keys; key->name != NULL; key++)
        if (sft_field_said(key, request))
            write_key(&w, request, key);
    if (w.cut)
        return sft_error_set(err, "the request is longer than %zu bytes", size - 1);
    return 0;
}
