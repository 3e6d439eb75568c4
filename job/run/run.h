/* SPDX-License-Identifier: Apache-2.0 */
/* A run that trains: what each step up to the first one of training made, in their order. */
#ifndef SFT_JOB_RUN_RUN_H
#define SFT_JOB_RUN_RUN_H

#include "job/data/input.h"
#include "job/run/base.h"
#include "job/run/checkpoints.h"
#include "job/run/machine.h"
#include "job/run/ranks.h"
#include "job/run/result.h"
#include "job/run/software.h"
#include "job/train/observer.h"
#include "job/train/training.h"

struct run {
    const struct sft_request *asked; /* as the user wrote it */
    struct sft_request request;      /* with the model that is trained in the place of auto */
    struct base base;
    struct result result; /* on rank 0 */
    struct ranks ranks;
    char mixed[SOFTWARE_BRIEF]; /* what differs between the nodes; on rank 0 */
    struct input input;
    struct machine machine;
    struct training training;
    struct checkpoints checkpoints;
    double load_s; /* to read the base's weights */
    double save_s; /* to save the model */
    struct observed observed;
    struct observers *observers;
};

#endif
