/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/request.h"
#include "lib/checks.h"
#include "lib/every.h"

#include <stdio.h>
#include <string.h>

#define FIELD(member)                                                                              \
    offsetof(struct sft_request, member), sizeof(((struct sft_request *)NULL)->member)

static int request_checks(void *request, const char *value, struct sft_error *err)
{
    unsigned checks;
    (void)request;
    return checks_read(value, &checks, err);
}

static int every_check(void *object, const char *value, struct sft_error *err)
{
    struct sft_every every;
    (void)object;
    return sft_every_read(&every, value, err);
}

static const struct sft_field keys[] = {
    {"gpus", SFT_FIELD_INT, FIELD(gpus), 0, 64, .argument = "N", .otherwise = "the node's GPUs",
     .help = "GPUs, and so tasks, on each node; 0: one task a node on the CPU"},
    {"steps", SFT_FIELD_INT, FIELD(steps), 1, 1e6, .argument = "N", .tiny = "20",
     .otherwise = "20 for tiny, else what seconds= takes",
     .help = "measured steps, in place of seconds="},
    {"seconds", SFT_FIELD_REAL, FIELD(seconds), 0.1, 604800, .argument = "SECONDS",
     .standard = "60", .otherwise = "60, but not for tiny",
     .help = "measure for at least so long, and 5 steps"},
    {"epochs", SFT_FIELD_REAL, FIELD(epochs), 1e-4, 1e4, .argument = "N",
     .otherwise = "what steps= or seconds= say",
     .help = "passes over the data, as 3 or 0.5, in place of steps=; steps of warmup= count"},
    {"warmup", SFT_FIELD_INT, FIELD(warmup), 0, 1e5, .argument = "N", .standard = "5",
     .help = "steps before them that are trained but not measured"},
    {"seq", SFT_FIELD_INT, FIELD(seq), 32, 131072, .argument = "N", .standard = "4096",
     .tiny = "1024",
     .otherwise = "1024 for tiny and GPT-2, 224 for gpt2-smoke, 32 for LSTMs, else 4096",
     .help = "tokens of one packed sequence"},
    {"micro_batch", SFT_FIELD_INT, FIELD(micro_batch), 1, 1024, .zero = "auto",
     .argument = "N|auto", .standard = "auto",
     .otherwise = "32 for gpt2-smoke, 1024 for lstm, else auto",
     .help = "sequences of one forward pass on one rank; auto: on a GPU the fastest that fits"},
    {"global_batch", SFT_FIELD_INT, FIELD(global_batch), 1, 1048576, .argument = "N",
     .standard = "4", .tiny = "2",
     .otherwise = "2 a rank for tiny, 32 for gpt2-smoke, 1024 for lstm, else 4",
     .help =
         "sequences of one optimizer step over all ranks; the default takes whole micro-batches, "
         "so one that is larger is a step"},
    {"lr", SFT_FIELD_REAL, FIELD(lr), 0, 1, .argument = "RATE", .standard = "2e-5", .tiny = "1e-3",
     .otherwise = "1e-3 for tiny, 1e-5 for gpt2-smoke and lstm, else 2e-5, with adapters 2e-4",
     .help = "highest learning rate"},
    {"lr_warmup", SFT_FIELD_INT, FIELD(lr_warmup), 0, 1e6, .argument = "N", .standard = "3",
     .per = "% of steps=", .otherwise = "3% of all steps, or without steps= those of warmup=",
     .help = "steps of linear learning rate warm-up"},
    {"weight_decay", SFT_FIELD_REAL, FIELD(weight_decay), 0, 1, .argument = "RATE", .standard = "0",
     .help = "weight decay"},
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
    {"oversubscription", SFT_FIELD_REAL, FIELD(oversubscription), 1, 64, .argument = "RATIO",
     .standard = "1",
     .help = "of the network above the leaf switches, that --plan assumes: its lower end has so "
             "much less busbw across leaves"},
    {"leaf_nodes", SFT_FIELD_INT, FIELD(leaf_nodes), 1, SFT_REQUEST_NODES_MAX, .argument = "N",
     .standard = "32", .help = "nodes that share leaf switches"},
    {"interrupts", SFT_FIELD_REAL, FIELD(interrupts), 0.001, 1e5, .argument = "N",
     .standard = "3.8",
     .help = "interruptions a day of 1,000 nodes, that --plan assumes; the default is Llama 3's"},
    {"storage_gbs", SFT_FIELD_REAL, FIELD(storage_gbs), 0.001, 1e4, .argument = "GB/s",
     .standard = "1",
     .help = "what a node writes of a checkpoint while all do, that --plan assumes"},
    {"ceilings", SFT_FIELD_TEXT, FIELD(ceilings), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .otherwise = "the site's, or none",
     .help = "what GPUs sustain, sft-ceilings(5), for predictions and --plan"},
    {"gpu_model", SFT_FIELD_TEXT, FIELD(gpu_model), .argument = "GPU", .otherwise = "H200",
     .help =
         "GPU that --plan is for: H100, H200, H20, B200, A100, L40S, or a device of the file of "
         "ceilings="},
    {"method", SFT_FIELD_WORD, FIELD(method), .words = sft_method_words, .standard = "full",
     .help =
         "what trains: full all parameters, lora adapters of low rank beside frozen ones, qlora "
         "the same with the frozen ones in 4 bits"},
    {"lora_rank", SFT_FIELD_INT, FIELD(lora_rank), 1, 1024, .argument = "N", .standard = "16",
     .help = "rank of the adapters"},
    {"lora_alpha", SFT_FIELD_REAL, FIELD(lora_alpha), 1e-3, 1e6, .argument = "ALPHA",
     .standard = "2", .per = " x lora_rank",
     .help = "the adapters' output is multiplied with lora_alpha / lora_rank"},
    {"lora_dropout", SFT_FIELD_REAL, FIELD(lora_dropout), 0, 0.9, .argument = "PART",
     .standard = "0", .help = "part of their input that the adapters do not see"},
    {"lora_targets", SFT_FIELD_TEXT, FIELD(lora_targets), .argument = "all|attention|qv|NAMES",
     .standard = "all",
     .help = "projections with an adapter: all, those of attention, q and v, or Hugging Face's "
             "names joined by `+`"},
    {"base", SFT_FIELD_WORD, FIELD(base), .words = sft_base_words, .standard = "bf16",
     .otherwise = "nf4 with method=qlora, else bf16",
     .help = "what frozen weights of linear layers stand in; fp8: E4M3 with a scale a matrix, nf4: "
             "4 bits with double quantization"},
    {"rslora", SFT_FIELD_WORD, FIELD(rslora), .words = sft_answer_words, .standard = "no",
     .help = "rank-stabilized: lora_alpha / sqrt(lora_rank)"},
    {"device", SFT_FIELD_WORD, FIELD(device), .words = sft_device_words, .standard = "auto",
     .help = "what trains; auto: a GPU if the job has one"},
    {"precision", SFT_FIELD_WORD, FIELD(precision), .words = sft_precision_words,
     .standard = "auto",
     .help = "what the model computes in; fp8: linear layers but the head in 8 bits; tf32, fp32: "
             "weights and activations in fp32, products in either; auto: bf16 on a GPU"},
    {"scaling", SFT_FIELD_WORD, FIELD(scaling), .words = sft_scaling_words, .standard = "tensor",
     .help = "what shares a scale with precision=fp8: a tensor, the fastest, or a row of it"},
    {"optimizer", SFT_FIELD_WORD, FIELD(optimizer), .words = sft_optimizer_words,
     .standard = "adamw", .otherwise = "adamw, for lstm sgd",
     .help = "what makes steps of gradients; sgd: with Nesterov's momentum of 0.9"},
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
    {"weights", SFT_FIELD_TEXT, FIELD(weights), .argument = "FOLDER|NAME",
     .otherwise = "drawn by seed=",
     .help = "weights to begin with: a folder with config.json and safetensors, or a model of "
             "Hugging Face's that was loaded before"},
    {"adapter", SFT_FIELD_TEXT, FIELD(adapter), .argument = "FOLDER|NAME", .otherwise = "new ones",
     .help = "adapters to go on with, as save= or PEFT left them; rank, alpha, dropout and targets "
             "are theirs"},
    {"data", SFT_FIELD_TEXT, FIELD(data), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .standard = "synthetic", .tiny = SFT_PKGDATADIR "/instructions.json",
     .otherwise = "the site's, or for tiny the examples that are installed, else synthetic",
     .help = "records in JSON (Alpaca, messages, ShareGPT, prompt and completion), or `synthetic` "
             "for documents of Alpaca's lengths, `synthetic:N` for N tokens each"},
    {"skip", SFT_FIELD_REAL, FIELD(skip), 0, 100, .argument = "PERCENT", .standard = "1",
     .help = "bad records of the data that may be left out; 0: none, nor empty ones"},
    {"eval", SFT_FIELD_TEXT, FIELD(eval), .argument = "FILE|PART", .otherwise = "none",
     .help =
         "records to evaluate with and not to train: as data=, or a part of that, as 0.05; save= "
         "then saves the weights of their lowest loss"},
    {"eval_every", SFT_FIELD_INT, FIELD(eval_every), 1, 1e6, .argument = "N",
     .otherwise = "a tenth of all steps, or 100",
     .help = "steps between evaluations; there is one before the first and after the last"},
    {"tokenizer", SFT_FIELD_TEXT, FIELD(tokenizer), .scope = SFT_SCOPE_SITE_TOO, .argument = "FILE",
     .otherwise = "that of weights=, else the site's, or bytes",
     .help = "SentencePiece model, tokenizer.json, tiktoken's ranks, a folder of them, or `bytes`"},
    {"template", SFT_FIELD_WORD, FIELD(template), .words = sft_template_words, .standard = "auto",
     .help =
         "what texts are made of conversations; auto: the checkpoint's, or that of the tokenizer's "
         "special tokens; Alpaca's own for its records"},
    {"trace", SFT_FIELD_TEXT, FIELD(trace), .argument = "FILE", .otherwise = "none",
     .help = "timeline of one step, for Perfetto"},
    {"save", SFT_FIELD_TEXT, FIELD(save), .argument = "FOLDER", .otherwise = "none",
     .help =
         "folder for the trained model, as transformers or PEFT loads it; one of an earlier run "
         "is replaced, whole, at the end"},
    {"merge", SFT_FIELD_WORD, FIELD(merge), .words = sft_answer_words, .standard = "no",
     .help = "what save= leaves of adapters: yes the whole model with them folded in, no the "
             "adapters alone, as PEFT loads them"},
    {"checkpoint", SFT_FIELD_TEXT, FIELD(checkpoint), .argument = "FOLDER", .otherwise = "none",
     .help = "folder for checkpoints; a run that finds one of its own there goes on from it"},
    {"checkpoint_every", SFT_FIELD_TEXT, FIELD(checkpoint_every), .argument = "STEPS|TIME",
     .otherwise = "10min", .check = every_check,
     .help = "steps, as 500, or time, as 90s, 10min or 2h, between two checkpoints"},
    {"checkpoint_keep", SFT_FIELD_INT, FIELD(checkpoint_keep), 1, 100, .argument = "N",
     .standard = "2", .help = "checkpoints that stay, the newest"},
    {"resume", SFT_FIELD_WORD, FIELD(resume), .words = sft_answer_words, .standard = "yes",
     .help = "go on from a checkpoint; no: begin anew, and replace what stands there"},
    {"requeue", SFT_FIELD_WORD, FIELD(requeue), .words = sft_answer_words, .standard = "no",
     .help = "a run that is told to end (by its time limit, preemption or a signal) writes a "
             "checkpoint in any case; yes: and asks Slurm to queue its job again"},
    {"out", SFT_FIELD_TEXT, FIELD(out), .argument = "DIR", .otherwise = "none",
     .help = "folder that result.json is written to, and verify's verify.json"},
    {"checks", SFT_FIELD_TEXT, FIELD(checks), .argument = "all|NAMES", .standard = "all",
     .check = request_checks,
     .help = "what verify measures, names joined by `+`: gemm, memory, launch, h2d, d2h, h2d-all, "
             "d2h-all, nvlink, node, pair, collectives, ceilings, facts"},
    {"history", SFT_FIELD_TEXT, FIELD(history), .scope = SFT_SCOPE_SITE_TOO, .argument = "DIR",
     .otherwise = "the site's, or none",
     .help = "folder in which each verify leaves its figures by node, a file a run"},
    {.name = NULL},
};

/* Behind the model's colon. */
static const struct sft_field nodes = {"nodes", SFT_FIELD_INT, FIELD(nodes), .min = 1,
                                       .max = SFT_REQUEST_NODES_MAX};

const struct sft_field *sft_request_keys(void)
{
    return keys;
}

void sft_request_init(struct sft_request *request)
{
    memset(request, 0, sizeof *request);
    request->nodes = -1;
    sft_fields_clear(keys, request);
}

static int key_refuse(const struct sft_field *key, enum sft_fault fault, const char *value,
                      struct sft_error *err)
{
    char words[128];
    if (fault == SFT_FAULT_CHECK)
        return -1;
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
    if (fault == SFT_FAULT_CHECK)
        return -1;
    return fault == SFT_FAULT_NONE ? 0 : key_refuse(key, fault, value, err);
}

int sft_request_set(struct sft_request *request, const char *name, const char *value,
                    struct sft_error *err)
{
    const struct sft_field *key = sft_field_find(keys, name);
    return key == NULL ? sft_field_unknown(keys, name, err) : key_set(request, key, value, err);
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

bool sft_precision_is_wide(int precision)
{
    return precision == SFT_PRECISION_TF32 || precision == SFT_PRECISION_FP32;
}

static int model_unknown(const char *name, struct sft_error *err)
{
    struct nearest nearest;
    char names[256], meant[96];
    nearest_begin(&nearest, name);
    for (enum sft_task task = SFT_TASK_EXPLAIN; task <= SFT_TASK_VERIFY; task++)
        nearest_offer(&nearest, task_words[task], task_words[task]);
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
    request->preset =
        strcmp(part, sft_preset_auto()->name) == 0 ? sft_preset_auto() : sft_preset_find(part);
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
        return sft_field_unknown(keys, part, err);
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
