/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW, or SGD with Nesterov's momentum, with clipping, linear warm-up and cosine decay. */
#ifndef SFT_JOB_TRAIN_OPTIM_H
#define SFT_JOB_TRAIN_OPTIM_H

#include "job/collective/collective.h"
#include "job/model/model.h"
#include "job/model/shard.h"

struct optim_options {
    double lr;                  /* highest */
    int lr_warmup, total_steps; /* total_steps 0: nobody knows, and the rate stays */
    bool sgd;                   /* with beta1 as momentum: it has one moment, `m`, in fp32 */
    double beta1, beta2, eps, weight_decay;
    double clip; /* global norm, 0: none */
    /* Of master weights and moments, with 16-bit weights and gradients 16 bytes a parameter in all
     * in fp32; of moments alone in bf16, 8 bytes, weights and moments rounded stochastically. */
    enum format states;
    uint64_t seed; /* of the stochastic rounding */
};

struct optim;

/* Moments, and master weights where states are fp32 and weights are not, in one allocation of the
 * model's device. Master weights begin as the model's weights, which must be there. */
struct optim *optim_create(struct model *model, struct device *device,
                           const struct optim_options *options, struct sft_error *err);

/* The same for some parts of the parameters; the parts of all ranks of `collective` make the whole,
 * once, and the gradients' norm is theirs together. `parts` is copied. */
struct optim *optim_create_parts(struct model *model, struct device *device,
                                 const struct optim_options *options,
                                 const struct shard_part *parts, size_t count,
                                 struct collective *collective, struct sft_error *err);
void optim_destroy(struct optim *optim);

/* Learning rate of step `step`, from 0: lr * (step + 1) / lr_warmup while step < lr_warmup, then
 * lr * (1 + cos(pi * (step - lr_warmup) / (total_steps - lr_warmup))) / 2, and 0
 * from total_steps on; without total_steps lr. */
double optim_rate(const struct optim_options *options, int step);

double optim_rate_now(const struct optim *optim, int step); /* the same of this one's options */

/* One update from the model's gradients (already summed over ranks). *norm, if not NULL, is the
 * gradients' global norm before clipping. */
int optim_step(struct optim *optim, int step, double *norm, struct sft_error *err);

/* Of the last step: was its gradients' norm a finite number? All ranks find the same. Where it was
 * not, *tensor is the first one of this rank's parts whose own is not, or NULL. Waits. */
int optim_check(struct optim *optim, bool *finite, const char **tensor, struct sft_error *err);

/* Where the states of elements [offset, offset + count) of the flat array stand, which one of this
 * rank's parts has. Without data: master values where weights are their own. */
enum optim_state { OPTIM_MASTER, OPTIM_M, OPTIM_V };
struct array optim_state(const struct optim *optim, enum optim_state state, size_t offset,
                         size_t count);

size_t optim_bytes(const struct optim *optim);

/* What optim_create would allocate for so many parameters, bytes. */
size_t optim_plan(size_t parameters, enum format format, enum format states, bool sgd);

#endif
