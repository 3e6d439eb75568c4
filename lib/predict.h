/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a GPU should train, from ceilings measured on that kind of GPU. Pure functions. */
#ifndef SFT_LIB_PREDICT_H
#define SFT_LIB_PREDICT_H

#include <stdbool.h>

#include "lib/ceilings.h"
#include "lib/preset.h"
#include "lib/request.h"

/* Attention between products runs at the clock that these leave it; its ceiling was measured alone.
 * Fitted: the step of documents of 4096 tokens takes so much longer than that of 128 (llama-7b in
 * bf16 and in FP8 in one call, doc/measurements.md: 21 and 20 ms more than the ceilings' 209). */
#define SFT_PREDICT_IN_PLACE 1.095

/* One micro-batch and one step of one rank. */
struct sft_work {
    double tokens;                /* of a micro-batch, padding too */
    double squared_lengths;       /* sum over its documents of length^2 */
    double documents;             /* in it */
    int accumulation;             /* micro-batches of a step */
    enum sft_states states;       /* fp32 or bf16 */
    enum sft_recompute recompute; /* not auto */
    enum sft_precision precision; /* fp8: of linear layers but the head; auto: bf16 */
    bool by_row;                  /* its scales */
    bool sgd;                     /* in place of AdamW */
    int copies;                   /* of the weights, and of their transpose, that stay: 0 to 2 */
    int quantizers;               /* ranks that quantize the weights together and gather them in
                                     FP8; 0: each of them all, whole ones */
};

/* Seconds of a step, by what the time goes to. */
struct sft_prediction {
    double matmul, attention, elementwise, recompute, optimizer;
    double gradients; /* of weights, out of their products and, added to, into them */
    double quantize;  /* making FP8 of bf16 */
    double adapters;  /* their products, which wait for memory */
    double again;  /* of the step, what is computed again: recompute, or launching that once more */
    double launch; /* the CPU's, beside the others: to launch all kernels */
    double step;   /* the sum, or launch where that is more: of small models */
    double tok_s;  /* tokens processed a second */
};

struct sft_prediction sft_predict(const struct sft_preset *shape, const struct sft_work *work,
                                  const struct sft_ceiling *ceiling);

#endif
