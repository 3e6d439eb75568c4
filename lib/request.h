/* SPDX-License-Identifier: Apache-2.0 */
/* What the user asked for: `model[:nodes][,key=value...]`, read and written here alone. */
#ifndef SFT_LIB_REQUEST_H
#define SFT_LIB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/fields.h"
#include "lib/preset.h"

#define SFT_REQUEST_MAX 4096 /* longest text of a request, bytes with the NUL */
#define SFT_REQUEST_PATH 1024
#define SFT_REQUEST_NODES_MAX 16384

/* What is done with the nodes: a model's name asks for training, a task's own word for another. */
enum sft_task { SFT_TASK_TRAIN, SFT_TASK_EXPLAIN, SFT_TASK_VERIFY };

/* Numbers are -1 and texts "" where the user said nothing: see sft_request_defaults. */
struct sft_request {
    enum sft_task task;
    const struct sft_preset *preset; /* that is trained; NULL: another task */
    int nodes;
    int gpus;         /* GPUs, and so tasks, on each node; 0: no GPU, one task a node on the CPU */
    int steps;        /* measured steps, */
    double seconds;   /* or seconds of them, at least: not both */
    double epochs;    /* or passes over the data, warm-up too */
    int warmup;       /* steps before them, not measured */
    int seq;          /* tokens of one packed sequence */
    int micro_batch;  /* sequences of one forward pass on one rank; 0: auto */
    int global_batch; /* sequences of one optimizer step over all ranks */
    double lr;        /* highest learning rate */
    int lr_warmup;    /* steps of linear warm-up */
    double weight_decay;
    double clip; /* global gradient norm; 0: no clipping */
    long long seed;
    double nvlink_gbs, nic_gbs; /* busbw that --plan assumes; -1: the default fabric's */
    double oversubscription;    /* of the switches above those that leaf_nodes share */
    int leaf_nodes;
    double interrupts, storage_gbs; /* of 1,000 nodes a day; of a node */
    double peak;                    /* TFLOP/s a rank, for MFU, when the hardware's is not known */
    int method;                     /* enum sft_method; the next five are of adapters */
    int lora_rank;
    double lora_alpha; /* what they compute is multiplied with alpha / rank */
    double lora_dropout;
    int base;                         /* enum sft_base */
    int rslora;                       /* enum sft_answer: alpha / sqrt(rank) instead */
    char lora_targets[64];            /* as sft_adapters_read takes it */
    int device;                       /* enum sft_device */
    int precision;                    /* enum sft_precision */
    int scaling;                      /* enum sft_scaling */
    int optimizer;                    /* enum sft_optimizer */
    int states;                       /* enum sft_states */
    int recompute;                    /* enum sft_recompute */
    int zero;                         /* enum sft_share */
    int bind;                         /* enum sft_bind */
    int timeout;                      /* seconds that a rank may wait in one collective */
    double skip;                      /* percent of a data file's records that may be bad */
    char data[SFT_REQUEST_PATH];      /* Alpaca-format JSON file, "synthetic" or "synthetic:N" */
    char weights[SFT_REQUEST_PATH];   /* folder of a model, or its name; "": drawn */
    char adapter[SFT_REQUEST_PATH];   /* folder of adapters, or their name; "": new ones */
    char save[SFT_REQUEST_PATH];      /* folder for what was trained, "": none */
    int merge;                        /* enum sft_answer: of adapters, folded into the model */
    char eval[SFT_REQUEST_PATH];      /* file of records to evaluate with, or a part of data's */
    int eval_every;                   /* steps between two evaluations */
    char tokenizer[SFT_REQUEST_PATH]; /* a file, a folder or "bytes" */
    int template;                     /* enum sft_template */
    char trace[SFT_REQUEST_PATH];     /* file for one step's timeline, "": none */
    char out[SFT_REQUEST_PATH];       /* folder for result.json; made when missing */
    char checks[128];                 /* of verify, as checks_read takes it */
    char history[SFT_REQUEST_PATH];   /* folder that keeps what verify found, "": none */
    /* Folder for checkpoints, "": none; how often (sft_every_read), how many stay, and whether a
     * run goes on from one and is queued again, both enum sft_answer. */
    char checkpoint[SFT_REQUEST_PATH], checkpoint_every[32];
    int checkpoint_keep, resume, requeue;
    /* File of what GPUs sustain, sft-ceilings(5), "": none; and the GPU that --plan is for, "": an
     * H200. */
    char ceilings[SFT_REQUEST_PATH], gpu_model[128];
};

/* Values of the keys that choose among words, in the order of their words. */
enum sft_method { SFT_METHOD_FULL, SFT_METHOD_LORA, SFT_METHOD_QLORA };
enum sft_answer { SFT_ANSWER_NO, SFT_ANSWER_YES };
enum sft_device { SFT_DEVICE_AUTO, SFT_DEVICE_CPU, SFT_DEVICE_CUDA };
enum sft_precision {
    SFT_PRECISION_AUTO,
    SFT_PRECISION_BF16,
    SFT_PRECISION_FP8,
    SFT_PRECISION_TF32,
    SFT_PRECISION_FP32
};
enum sft_optimizer { SFT_OPTIMIZER_ADAMW, SFT_OPTIMIZER_SGD };
enum sft_scaling { SFT_SCALING_TENSOR, SFT_SCALING_ROW };
enum sft_states { SFT_STATES_AUTO, SFT_STATES_FP32, SFT_STATES_BF16 };
enum sft_recompute {
    SFT_RECOMPUTE_AUTO,
    SFT_RECOMPUTE_NONE,
    SFT_RECOMPUTE_NORMS,
    SFT_RECOMPUTE_BLOCK
};

enum sft_template {
    SFT_TEMPLATE_AUTO,
    SFT_TEMPLATE_ALPACA,
    SFT_TEMPLATE_LLAMA2,
    SFT_TEMPLATE_LLAMA3,
    SFT_TEMPLATE_LLAMA31,
    SFT_TEMPLATE_CHATML
};

enum sft_bind { SFT_BIND_AUTO, SFT_BIND_NONE };

enum sft_share {
    SFT_SHARE_AUTO,
    SFT_SHARE_0,
    SFT_SHARE_1,
    SFT_SHARE_2,
    SFT_SHARE_3,
    SFT_SHARE_HYBRID
};

/* Their words; the manual's "zero" is sft_share_words. */
extern const char *const sft_method_words[];
extern const char *const sft_base_words[];
extern const char *const sft_answer_words[];
extern const char *const sft_device_words[];
extern const char *const sft_precision_words[];
extern const char *const sft_scaling_words[];
extern const char *const sft_optimizer_words[];
extern const char *const sft_states_words[];
extern const char *const sft_recompute_words[];
extern const char *const sft_share_words[];
extern const char *const sft_bind_words[];
extern const char *const sft_template_words[];

/* The rows of the keys. */
const struct sft_field *sft_request_keys(void);

/* A request that says nothing yet. */
void sft_request_init(struct sft_request *request);

/* Every key's default for this model; NULL: any but the test model. Three count something else than
 * the key does: global_batch the sequences of a rank, lr_warmup the percent of all steps,
 * lora_alpha ranks. lr is method=full's. */
void sft_request_defaults(struct sft_request *request, const struct sft_preset *preset);

/* Read `model[:nodes][,key=value...]`, or `explain[:nodes]...`, `verify[:nodes]...`. In a value,
 * `\,` is a comma and
 * `\\` a backslash. Fails on an unknown model (naming the known ones), a task that this version
 * does not have, an unknown or repeated key, a number that is none or out of its range, an overlong
 * text. On failure *request is unspecified. */
int sft_request_parse(struct sft_request *request, const char *text, struct sft_error *err);

/* Set one key, as `key=value` or as the job's `--key value` does; '-' and '_' are the same. */
int sft_request_set(struct sft_request *request, const char *key, const char *value,
                    struct sft_error *err);

/* tf32 and fp32, in which weights and activations stand in fp32. */
bool sft_precision_is_wide(int precision);

/* The word in the model's place: "llama-7b", "explain". */
const char *sft_request_subject(enum sft_task task, const struct sft_preset *preset);

/* Is `actual` what `wanted` asked for: the same task, model and nodes, and of every key the same
 * value? Where `wanted` says nothing, `actual` may have what a site gives: data, tokenizer, bind,
 * peak, nvlink_gbs, nic_gbs, ceilings, history. */
bool sft_request_covers(const struct sft_request *wanted, const struct sft_request *actual);

/* Write the request so that sft_request_parse reads it back the same: only what was said. */
int sft_request_format(const struct sft_request *request, char *text, size_t size,
                       struct sft_error *err);

#endif
