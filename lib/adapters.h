/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters of low rank beside a model's linear layers, as LoRA has them (Hu et al., 2021): of a
 * projection W [out,in] it computes W x + s B A dropout(x), A [rank,in], B [out,rank]. They alone
 * train, all else is frozen. Projections are Hugging Face's: q, k and v are three. Pure functions.
 */
#ifndef SFT_LIB_ADAPTERS_H
#define SFT_LIB_ADAPTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct sft_preset;

/* What frozen weights stand in. */
enum sft_base {
    SFT_BASE_DEVICE, /* the format that the device trains in */
    SFT_BASE_FP8,    /* E4M3, a scale a matrix */
    SFT_BASE_NF4     /* with double quantization */
};

/* Bits of an element in it, of a device that trains in 16. */
double sft_base_bits(enum sft_base base);

/* Zeroes are no adapters: everything trains. */
struct sft_adapters {
    int rank; /* 0: none */
    double alpha;
    bool rank_stabilized; /* Kalajdzievski, 2023: s = alpha / sqrt(rank), else alpha / rank */
    double dropout;       /* part of a projection's input that it does not see, 0 to below 1 */
    unsigned targets;     /* projections of a layer, bits by their order in sft_params_list */
    enum sft_base base;
};

/* s: 0 without adapters. */
double sft_adapters_scale(const struct sft_adapters *adapters);

/* The bits of "all", "attention" (q, k, v and what follows attention), "qv", or of projections'
 * names joined by '+', each as its module is called in Hugging Face's model or that name's end:
 * "q_proj+v_proj", "mlp.c_proj". The shape's own adapters do not matter. Fails on a name that is
 * none, naming those there are, and on what is said twice. */
int sft_adapters_read(const struct sft_preset *shape, const char *text, unsigned *targets,
                      struct sft_error *err);

/* The same as text, the shortest: "qv" of q_proj and v_proj. Returns text. */
enum { SFT_ADAPTERS_TEXT = 96 };
char *sft_adapters_write(const struct sft_preset *shape, unsigned targets,
                         char text[SFT_ADAPTERS_TEXT]);
/* The projections' names alone: "q_proj+v_proj". Returns text. */
char *sft_adapters_names(const struct sft_preset *shape, unsigned targets,
                         char text[SFT_ADAPTERS_TEXT]);

#endif
