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
    SFT_ROLE_LSTM_IN,    /* input, forget, cell and output gate stacked: of the layer's input, */
    SFT_ROLE_LSTM_STATE, /* and of the state that it carries */
    SFT_ROLE_HEAD
};

enum sft_init { SFT_INIT_ZEROS, SFT_INIT_ONES, SFT_INIT_NORMAL, SFT_INIT_UNIFORM };

/* Of a linear layer itself, or of the adapters of its projections: those that have one, in the
 * order of the projections, stand in one A [projections*rank,in], and one B, whose rows are theirs
 * [rows of them,rank]. */
enum sft_adapter { SFT_ADAPTER_NONE, SFT_ADAPTER_A, SFT_ADAPTER_B };

/* Which ranks keep it: each a slice, or all of them the whole. */
enum sft_sharding { SFT_SHARDING_CUT, SFT_SHARDING_WHOLE };

/* Rows of a parameter that are one tensor of Hugging Face's. */
struct sft_source {
    const char *name; /* "model.layers.%d.self_attn.q_proj.weight" */
    int row, rows;
    bool transposed; /* it stands there as [in,out] */
};

enum { SFT_PARAM_SOURCES = 3, SFT_PARAM_NAME = 80, SFT_UNIT_PARAMS = 24 };

/* Matrices of linear layers are [out,in], as Hugging Face stores them. */
struct sft_param {
    const char *name; /* "layers.%d.qkv" */
    int unit;         /* that it passes with, see sft_params_list */
    int rows, columns;
    enum sft_role role;
    bool bias; /* of the linear layer or norm of that role; one row */
    enum sft_adapter adapter;
    enum sft_init init;
    float spread; /* standard deviation of SFT_INIT_NORMAL, largest of SFT_INIT_UNIFORM, which is
                     as likely below zero */
    bool trains;  /* has a gradient and optimizer states; else it is frozen, the model's base */
    enum sft_base stored; /* of a frozen one */
    bool decays;          /* weight decay applies */
    bool overwritten; /* a matrix product writes its gradient; all others are added to, and so must
                         be cleared before a sum begins */
    enum sft_sharding sharding;
    struct sft_source source[SFT_PARAM_SOURCES]; /* by row, ended by a name of NULL if not full */
};

/* Refuses a shape whose numbers do not go together. */
int sft_params_check(const struct sft_preset *shape, struct sft_error *err);

/* Units are what passes together: unit 0 the embedding, or drawn features, which are no parameters,
 * 1 to layers a layer each, the last the final norm and, unless it is tied, the head. */
int sft_params_units(const struct sft_preset *shape);

/* Fill in a unit's parameters, in the order in which they are kept and numbered; returns how many.
 */
int sft_params_list(const struct sft_preset *shape, int unit,
                    struct sft_param params[SFT_UNIT_PARAMS]);

/* A parameter's name, or its source's, with the layer's number filled in; an adapter's as PEFT has
 * it: "layers.0.qkv.lora_A", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight".
 * Returns text. */
char *sft_param_name(const struct sft_param *param, const char *name, char text[SFT_PARAM_NAME]);

uint64_t sft_param_elements(const struct sft_param *param);
/* Is it the matrix of a linear layer inside of a layer: what can have adapters? */
bool sft_param_is_linear(const struct sft_param *param);

/* Elements of a unit: those that train, and those that are frozen. */
uint64_t sft_params_unit(const struct sft_preset *shape, int unit);
uint64_t sft_params_unit_frozen(const struct sft_preset *shape, int unit);

/* All parameters, adapters too, the embedding table counted once when tied. */
uint64_t sft_params_count(const struct sft_preset *shape);

/* Those that train: all, or with adapters only these. */
uint64_t sft_params_trained(const struct sft_preset *shape);

/* Parameters that a token is multiplied with: all but what is only looked up. */
uint64_t sft_params_multiplied(const struct sft_preset *shape);

/* Those of them that are the head's, and the adapters'. */
uint64_t sft_params_head(const struct sft_preset *shape);
uint64_t sft_params_adapters(const struct sft_preset *shape);

/* FLOPs of one step's forward and backward pass over `tokens` tokens standing in documents whose
 * squared lengths add up to `squared_lengths`: 6 a multiplied parameter that trains and token, 4 a
 * frozen one, which has no gradient, and attention counted causally (half of the square) by
 * document, forward once and backward twice: 6 * layers * heads * head_dim * squared_lengths.
 * Recomputation is not counted. Of an LSTM tokens are steps: 6 a parameter and step, but 4 of the
 * first layer's input, whose features want no gradient, and none of the state's matrix in the first
 * step of a sequence nor of the head in any but the last. */
double sft_params_flops(const struct sft_preset *shape, double tokens, double squared_lengths);

/* Of them the forward pass's. */
double sft_params_flops_forward(const struct sft_preset *shape, double tokens,
                                double squared_lengths);

/* TFLOP/s that no step reaches whose linear layers but the head and adapters are bound by `fast`,
 * all else by `slow`. Attention, of which every step has some, is left out: it would lower it. */
double sft_params_limit(const struct sft_preset *shape, double fast, double slow);

#endif
