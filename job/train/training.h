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
#include "job/weights/weights.h"
#include "job/train/fit.h"
#include "job/train/optim.h"
#include "lib/request.h"

/* What a rank asks of all of them while a step runs; of a step, how many did. */
struct wish {
    double save; /* a checkpoint is due */
    double stop; /* the run is told to end */
    double busy; /* a checkpoint is still being written */
};

struct keep;

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
    struct keep *keep; /* another's: what evaluations have found; NULL: nothing is evaluated */
    /* An earlier run may have done steps: the first one of this, and the first that is measured;
     * seconds and number of those that were measured before. */
    int first_step, first_measured;
    double measured_s;
    int measured_steps;
    struct wish *wish; /* this rank's; NULL: none ever */
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
/* Collective: these weights, and adapters unless NULL, in place of the first ones; the seconds that
 * it took. */
int training_load(struct training *training, const struct weights *weights,
                  const struct weights *adapters, double *seconds, struct sft_error *err);
/* Makes the optimizer, of the weights as they are. */
int training_start(struct training *training, struct sft_error *err);
/* After it: so many steps are done, of which some were measured. What a process does once, as the
 * choice of kernels, takes its first steps again: as many as in warm-up are not measured, but the
 * last one is. */
void training_resume(struct training *training, int steps, double measured_s, int measured_steps);
/* One that was not created, or zeroes, too. */
void training_destroy(struct training *training);

/* Bytes of the device's memory that should be in use while it trains. */
double training_bytes(const struct training *training);

#endif
