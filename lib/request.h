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
    int warmup;       /* steps before them, not measured */
    int seq;          /* tokens of one packed sequence */
    int micro_batch;  /* sequences of one forward pass on one rank; 0: auto */
    int global_batch; /* sequences of one optimizer step over all ranks */
    double lr;        /* highest learning rate */
    int lr_warmup;    /* steps of linear warm-up */
    double weight_decay;
    double clip; /* global gradient norm; 0: no clipping */
    long long seed;
    double nvlink_gbs, nic_gbs;  /* busbw that --plan assumes; -1: the default fabric's */
    double peak;                 /* TFLOP/s a rank, for MFU, when the hardware's is not known */
    int device;                  /* enum sft_device */
    int states;                  /* enum sft_states */
    int recompute;               /* enum sft_recompute */
    int zero;                    /* enum sft_share */
    int bind;                    /* enum sft_bind */
    int timeout;                 /* seconds that a rank may wait in one collective */
    double skip;                 /* percent of a data file's records that may be bad */
    char data[SFT_REQUEST_PATH]; /* Alpaca-format JSON file, "synthetic" or "synthetic:N" */
    char tokenizer[SFT_REQUEST_PATH]; /* SentencePiece model, or "bytes" */
    char trace[SFT_REQUEST_PATH];     /* file for one step's timeline, "": none */
    char out[SFT_REQUEST_PATH];       /* folder for result.json; made when missing */
    /* File of what GPUs sustain, sft-ceilings(5), "": none; and the GPU that --plan is for, "": an
     * H200. */
    char ceilings[SFT_REQUEST_PATH], gpu_model[128];
};

/* Values of the keys that choose among words, in the order of their words. */
enum sft_device { SFT_DEVICE_AUTO, SFT_DEVICE_CPU, SFT_DEVICE_CUDA };
enum sft_states { SFT_STATES_AUTO, SFT_STATES_FP32, SFT_STATES_BF16 };
enum sft_recompute {
    SFT_RECOMPUTE_AUTO,
    SFT_RECOMPUTE_NONE,
    SFT_RECOMPUTE_NORMS,
    SFT_RECOMPUTE_BLOCK
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
extern const char *const sft_device_words[],
    *const sft_states_words[], *const sft_recompute_words[], *const sft_share_words[],
                                                                 *const sft_bind_words[];

/* The rows of the keys. */
const struct sft_field *sft_request_keys(void);

/* A request that says nothing yet. */
void sft_request_init(struct sft_request *request);

/* Every key's default for this model; NULL: any but the test model. Two count something else than
 * the key does: global_batch the sequences of a rank, lr_warmup the percent of all steps. */
void sft_request_defaults(struct sft_request *request, const struct sft_preset *preset);

/* Read `model[:nodes][,key=value...]`, or `explain[:nodes]...`. In a value, `\,` is a comma and
 * `\\` a backslash. Fails on an unknown model (naming the known ones), a task that this version
 * does not have, an unknown or repeated key, a number that is none or out of its range, an overlong
 * text. On failure *request is unspecified. */
int sft_request_parse(struct sft_request *request, const char *text, struct sft_error *err);

/* Set one key, as `key=value` or as the job's `--key value` does; '-' and '_' are the same. */
int sft_request_set(struct sft_request *request, const char *key, const char *value,
                    struct sft_error *err);

/* The word in the model's place: "llama-7b", "explain". */
const char *sft_request_subject(enum sft_task task, const struct sft_preset *preset);

/* Is `actual` what `wanted` asked for: the same task, model and nodes, and of every key the same
 * value? Where `wanted` says nothing, `actual` may have what a site gives: data, tokenizer, bind,
 * peak, nvlink_gbs, nic_gbs, ceilings. */
bool sft_request_covers(const struct sft_request *wanted, const struct sft_request *actual);

/* Write the request so that sft_request_parse reads it back the same: only what was said. */
int sft_request_format(const struct sft_request *request, char *text, size_t size,
                       struct sft_error *err);

#endif
