/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a model, described once: counts, FLOPs, memory, slices and first values are
 * sums over this description. Pure functions. */
#ifndef SFT_LIB_PARAMS_H
#define SFT_LIB_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/preset.h"

/* What a parameter does in its unit; a unit has one weight, and at most one bias, of a role. */
enum sft_role {
    SFT_ROLE_EMBEDDING, /* table that tokens look up; where tied the head's matrix too */
    SFT_ROLE_POSITION,  /* table that positions look up */
    SFT_ROLE_ATTENTION_NORM,
    SFT_ROLE_QKV, /* heads of q, of k, of v stacked */
    SFT_ROLE_ATTENTION_OUT,
    SFT_ROLE_FFN_NORM,
    SFT_ROLE_FFN_IN, /* SwiGLU: gate and up stacked */
    SFT_ROLE_FFN_OUT,
    SFT_ROLE_FINAL_NORM,
    SFT_ROLE_HEAD
};

enum sft_init { SFT_INIT_ZEROS, SFT_INIT_ONES, SFT_INIT_NORMAL };

/* Which ranks keep it: each a slice, or all of them the whole. */
enum sft_sharding { SFT_SHARDING_CUT, SFT_SHARDING_WHOLE };

/* Rows of a parameter that are one tensor of Hugging Face's. */
struct sft_source {
    const char *name; /* "model.layers.%d.self_attn.q_proj.weight" */
    int row, rows;
    bool transposed; /* it stands there as [in,out] */
};

enum { SFT_PARAM_SOURCES = 3, SFT_PARAM_NAME = 56, SFT_UNIT_PARAMS = 16 };

/* Matrices of linear layers are [out,in], as Hugging Face stores them. */
struct sft_param {
    const char *name; /* "layers.%d.qkv" */
    int unit;         /* that it passes with, see sft_params_list */
    int rows, columns;
    enum sft_role role;
    bool bias; /* of the linear layer or norm of that role; one row */
    enum sft_init init;
    float spread;     /* standard deviation of SFT_INIT_NORMAL */
    bool trains;      /* has a gradient and optimizer states */
    bool decays;      /* weight decay applies */
    bool overwritten; /* a matrix product writes its gradient; all others are added to, and so must
                         be cleared before a sum begins */
    enum sft_sharding sharding;
    struct sft_source source[SFT_PARAM_SOURCES]; /* by row, ended by a name of NULL if not full */
};

/* Refuses a shape whose numbers do not go together. */
int sft_params_check(const struct sft_preset *shape, struct sft_error *err);

/* Units are what passes together: unit 0 the embedding, 1 to layers a layer each, the last the
 * final norm and, unless it is tied, the head. */
int sft_params_units(const struct sft_preset *shape);

/* Fill in a unit's parameters, in the order in which they are kept and numbered; returns how many.
 */
int sft_params_list(const struct sft_preset *shape, int unit,
                    struct sft_param params[SFT_UNIT_PARAMS]);

/* A parameter's name, or its source's, with the layer's number filled in. Returns text. */
char *sft_param_name(const struct sft_param *param, const char *name, char text[SFT_PARAM_NAME]);

uint64_t sft_param_elements(const struct sft_param *param);
uint64_t sft_params_unit(const struct sft_preset *shape, int unit); /* elements of a unit */

/* All parameters, the embedding table counted once when tied. */
uint64_t sft_params_count(const struct sft_preset *shape);

/* Parameters that a token is multiplied with: all but what is only looked up. */
uint64_t sft_params_multiplied(const struct sft_preset *shape);

/* Those of them that are the head's. */
uint64_t sft_params_head(const struct sft_preset *shape);

/* FLOPs of one full fine-tuning step's forward and backward pass over `tokens` tokens standing in
 * documents whose squared lengths add up to `squared_lengths`: 6 a multiplied parameter and token,
 * and attention counted causally (half of the square) by document, forward once and backward twice:
 * 6 * layers * heads * head_dim * squared_lengths. Recomputation is not counted. */
double sft_params_flops(const struct sft_preset *shape, double tokens, double squared_lengths);

#endif
