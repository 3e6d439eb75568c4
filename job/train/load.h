/* SPDX-License-Identifier: Apache-2.0 */
/* Weights out of files into a model, each rank its own part. */
#ifndef SFT_JOB_TRAIN_LOAD_H
#define SFT_JOB_TRAIN_LOAD_H

#include "job/collective/collective.h"
#include "job/control/control.h"
#include "job/model/model.h"
#include "job/model/shard.h"
#include "job/weights/weights.h"

struct load {
    const struct weights *weights; /* of the model's shape, adapters aside */
    struct model *model;
    struct shard *shard;
    struct device *device;
    struct control *control;
    struct collective *collective;
    const struct weights *adapters; /* to go on with, or NULL: they stay as they are */
};

/* Collective: unit by unit, so that nobody waits longer for another than for a unit. Weights are
 * rounded to the device's format. Beside adapters they are the frozen ones, in the format of the
 * base (load_base.c). */
int load_weights(const struct load *load, struct sft_error *err);

#endif
