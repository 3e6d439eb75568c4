/* SPDX-License-Identifier: Apache-2.0 */
/* A model trained as its device does, and from there on as any recipe says, in one process: what
 * the held-out loss is then. */
#ifndef SFT_TESTS_GOLDEN_TUNING_H
#define SFT_TESTS_GOLDEN_TUNING_H

#include "job/data/data.h"
#include "job/train/optim.h"

struct tuning {
    const struct sft_preset *shape;
    struct device *device;
    struct data *data;
    int seq, micro, accumulation; /* sequences of a micro-batch; micro-batches of a step */
    int held;                     /* sequences that nobody trains on, the last of an epoch */
    int before, steps;            /* steps of the first training, and of each one after it */
    double lr, lr_after;
};

/* The loss on what is held out, a mean over its trained tokens, of the model that was trained first
 * (in *first), and of what came of it by each recipe. All of them see the same batches. 0, or -1
 * and err. */
int tuning_run(const struct tuning *tuning, const struct model_recipe *recipes, int count,
               double *first, double *losses, struct sft_error *err);

#endif
