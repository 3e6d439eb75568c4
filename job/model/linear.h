/* SPDX-License-Identifier: Apache-2.0 */
/* A linear layer: out[n,to] = in[n,from] W^T + b, W [to,from]. */
#ifndef SFT_JOB_MODEL_LINEAR_H
#define SFT_JOB_MODEL_LINEAR_H

#include "job/model/model_internal.h"
#include "job/model/need.h"

struct linear {
    const struct model_tensor *weight, *bias; /* bias: NULL, none */
};

enum linear_want { LINEAR_DIN = 1, LINEAR_DWEIGHT = 2, LINEAR_DBIAS = 4, LINEAR_ALL = 7 };

/* The weight, and the bias if there is one, of that role in a unit. */
struct linear linear_find(const struct model *model, int unit, enum sft_role role);
int linear_out(const struct linear *linear); /* columns of its output */
int linear_in(const struct linear *linear);  /* and of its input */

/* Room for its output of the model's rows. */
struct tensor linear_need(const struct linear *linear, const struct model *model, struct need *need,
                          enum keep keep);
void linear_forward(const struct linear *linear, struct model *model, struct tensor out,
                    struct tensor in);
/* din = dout W, dW += dout^T in, db += the sum of dout: what is wanted of it. `fresh`: dW is
 * overwritten. */
void linear_backward(const struct linear *linear, struct model *model, unsigned want,
                     struct tensor din, struct tensor dout, struct tensor in, bool fresh);

#endif
