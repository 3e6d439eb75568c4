/* SPDX-License-Identifier: Apache-2.0 */
/* A linear layer: out[n,to] = in[n,from] W^T + b, W [to,from]. It computes in the device's format,
 * in FP8 (linear_fp8.c), or with adapters beside it (linear_lora.c): which, nobody else needs to
 * know. */
#ifndef SFT_JOB_MODEL_LINEAR_H
#define SFT_JOB_MODEL_LINEAR_H

#include "job/model/model_internal.h"
#include "job/model/need.h"

struct linear_kind;

/* What its backward pass makes: of what is frozen there is no gradient, and of the input none where
 * nothing trains before the layer. */
enum linear_want { LINEAR_DIN = 1, LINEAR_DWEIGHT = 2, LINEAR_DBIAS = 4 };

struct linear {
    const struct linear_kind *kind;
    unsigned want;
    const struct model_tensor *weight, *bias; /* bias: NULL, none */
    int beyond;       /* rows behind the weight's own that products take along: linear_widen */
    bool input_stays; /* its caller keeps the input for the backward pass in any case */
    /* of FP8 */
    int number;                        /* among the model's of this kind */
    long version;                      /* of the weights that weight8 was made of */
    struct tensor in8, dout8, weight8; /* what is NULL of them is borrowed when it is used; no
                                          weight8 of a weight that comes in FP8 */
    /* of adapters */
    const struct linear_kind *base;             /* what they stand beside */
    const struct model_tensor *a, *b;           /* [blocks*rank,from], [rows of the blocks,rank] */
    int blocks;                                 /* projections that have one, */
    struct adapter_block block[ADAPTER_BLOCKS]; /* and their rows of the output */
    struct tensor inner;                        /* [rows,blocks*rank] in A^T */
};

/* What a kind does of the functions below; what is NULL it does not need. `accumulate`: added to
 * what is there. Of biases it does the forward pass alone. `fresh`: gradients of weights are
 * overwritten. */
struct linear_kind {
    /* Does its backward pass read what its caller gives as input? */
    bool (*reads_input)(const struct linear *linear);
    void (*need)(struct linear *linear, const struct model *model, struct need *need);
    float *(*in_amax)(const struct linear *linear, const struct model *model);
    float *(*dout_amax)(const struct linear *linear, const struct model *model);
    void (*forward)(struct linear *linear, struct model *model, struct tensor out, struct tensor in,
                    bool accumulate);
    void (*again)(struct linear *linear, struct model *model, struct tensor in);
    void (*backward)(struct linear *linear, struct model *model, struct tensor din,
                     struct tensor dout, struct tensor in, bool fresh, bool accumulate);
};

extern const struct linear_kind linear_plain, linear_fp8, linear_stored, linear_lora;

/* The weight, the bias and adapters, if there are, of that role in a unit. Asked for in the order
 * of the forward pass: so it knows whether anything trains before it. */
struct linear linear_find(struct model *model, int unit, enum sft_role role);
/* linear_lora.c: puts the adapters of that role in front of it, if there are any. */
void linear_adapt(struct linear *linear, const struct model *model, int unit, enum sft_role role);
/* linear_stored.c, for linear_fp8.c: frozen weights in FP8 or NF4 as products in FP8 read them. */
void stored_need8(struct linear *linear, const struct model *model, struct need *need);
struct tensor stored_ready8(struct linear *linear, struct model *model, bool backward);
/* Rows of an odd number cost products most of their speed (of GPT-2's head of 50,257 a seventh is
 * left). So where other parameters stand behind the weight, their first rows are taken along up to
 * the next multiple of 64. What products make of them in the output means nothing, and its gradient
 * there must be zero: then they change no other gradient. Where the weight trains, so must they,
 * and their gradient is still zero when a fresh one is made. Not for FP8, adapters or a bias. */
void linear_widen(struct linear *linear, const struct model *model);
int linear_out(const struct linear *linear); /* columns of its output */
int linear_in(const struct linear *linear);  /* and of its input */

/* For the kinds: the bias; no data: none. */
struct tensor linear_bias(const struct linear *linear, const struct model *model);

/* What it keeps and borrows itself. */
void linear_need(struct linear *linear, const struct model *model, struct need *need);
/* Room for its output of the model's rows, and for its input where nobody else reads that later. */
struct tensor linear_need_out(const struct linear *linear, const struct model *model,
                              struct need *need, enum keep keep);
struct tensor linear_need_in(const struct linear *linear, const struct model *model,
                             struct need *need, enum keep keep);

/* Where the producer of its input, and that of its output's gradient, should leave their largest
 * magnitude (tensor.amax); NULL: it does not ask. */
float *linear_in_amax(const struct linear *linear, const struct model *model);
float *linear_dout_amax(const struct linear *linear, const struct model *model);

/* An input or a gradient without amax gets it taken here where it is needed. */
void linear_forward(struct linear *linear, struct model *model, struct tensor out,
                    struct tensor in);
/* Its output is not wanted again, but what it keeps of the input is. */
void linear_again(struct linear *linear, struct model *model, struct tensor in);
/* din = dout W, dW += dout^T in, db += the sum of dout: what it wants of it. `fresh`: dW is
 * overwritten. `in` may have changed since where the kind does not read it and input_stays is not
 * said. */
void linear_backward(struct linear *linear, struct model *model, struct tensor din,
                     struct tensor dout, struct tensor in, bool fresh);

#endif
