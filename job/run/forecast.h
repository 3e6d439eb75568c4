/* SPDX-License-Identifier: Apache-2.0 */
/* What a step should take. The data's own documents decide what attention costs, so a forecast
 * looks at the first batches. */
#ifndef SFT_JOB_RUN_FORECAST_H
#define SFT_JOB_RUN_FORECAST_H

#include "job/data/input.h"
#include "job/train/training.h"
#include "lib/predict.h"
#include "lib/timeline.h"

/* The device that --plan tells of when there is none: the one with measured ceilings, and its
 * memory that a job finds free, GiB. */
#define PLAN_DEVICE "NVIDIA H200"
#define PLAN_GIB 139
#define PLAN_GPUS 8 /* of a node whose GPUs the request does not say: HGX */

/* The data as one rank's micro-batch sees them on average; false without memory. */
bool forecast_work(struct sft_work *work, const struct input *input);
/* On the device of that name, with what was fitted into it; false where no ceilings of it are known
 * or there is no memory to look at the data. */
bool forecast_make(struct sft_prediction *prediction, const char *device, const struct input *input,
                   const struct fit *fit);
/* Steps of the plan, those of warm-up too, where one takes so many seconds. */
int forecast_steps(const struct sft_plan *plan, double step);
/* Bandwidths that a forecast of many GPUs goes by: the request's, else the default fabric's. */
struct sft_fabric forecast_fabric(const struct sft_request *request);
/* Tokens that are no padding, a second of all ranks, their collectives counted; 0 on devices whose
 * ceilings are not known. */
double forecast_tok_s(const struct training *training, const struct sft_request *request);

#endif
