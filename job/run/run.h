/* SPDX-License-Identifier: Apache-2.0 */
/* A run that trains: what each step up to the first one of training made, in their order. */
#ifndef SFT_JOB_RUN_RUN_H
#define SFT_JOB_RUN_RUN_H

#include "job/data/input.h"
#include "job/run/machine.h"
#include "job/run/ranks.h"
#include "job/run/result.h"
#include "job/train/observer.h"
#include "job/train/training.h"

struct run {
    const struct sft_request *request;
    struct result result; /* on rank 0 */
    struct ranks ranks;
    struct input input;
    struct machine machine;
    struct training training;
    struct observed observed;
    struct observers *observers;
};

#endif
