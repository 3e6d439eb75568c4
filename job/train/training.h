/* SPDX-License-Identifier: Apache-2.0 */
/* What is trained: model, slices and optimizer on one device, as its memory lets them be. */
#ifndef SFT_JOB_TRAIN_TRAINING_H
#define SFT_JOB_TRAIN_TRAINING_H

#include "job/collective/collective.h"
#include "job/control/control.h"
#include "job/data/input.h"
#include "job/model/model.h"
#include "job/model/shard.h"
#include "job/tensor/spans.h"
#include "job/train/fit.h"
#include "job/train/optim.h"
#include "lib/request.h"

struct training {
    struct input *input; /* this and the next three are others' */
    struct device *device;
    struct control *control;
    struct collective *collective;
    double memory_before;       /* bytes of the device's memory in use before the model */
    struct sft_request request; /* as the device obeys it */
    struct fit_question question;
    struct fit fit;
    struct model *model;
    struct spans *spans;
    struct shard *shard;
    struct optim *optim;
};

/* What of the plan fits into the memory that is free on this rank's device. */
int training_fit(struct training *training, const struct sft_request *request, struct input *input,
                 struct device *device, struct control *control, struct collective *collective,
                 struct sft_error *err);
/* All ranks take what rank 0 chooses for the least memory that any has, and the input's plan its
 * micro-batch. Collective, after each has found that something fits. */
int training_agree(struct training *training, struct sft_error *err);
/* Makes the model with its first weights. */
int training_create(struct training *training, struct sft_error *err);
/* One that was not created, or zeroes, too. */
void training_destroy(struct training *training);

/* Bytes of the device's memory that should be in use while it trains. */
double training_bytes(const struct training *training);

#endif
