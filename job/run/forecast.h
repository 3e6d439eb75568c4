/* SPDX-License-Identifier: Apache-2.0 */
/* What a step should take. The data's own documents decide what attention costs, so a forecast
 * looks at the first batches. */
#ifndef SFT_JOB_RUN_FORECAST_H
#define SFT_JOB_RUN_FORECAST_H

#include "job/data/input.h"
#include "job/train/training.h"
#include "lib/predict.h"
#include "lib/timeline.h"

#define PLAN_GPU "H200" /* that --plan is for when gpu_model= says nothing: measured by us */
#define PLAN_GPUS 8     /* of a node whose GPUs the request does not say: HGX */

/* The data as one rank's micro-batch sees them on average; false without memory. */
bool forecast_work(struct sft_work *work, const struct input *input);
/* The GPU that --plan is for; fails where gpu_model= names none that is known. */
int forecast_gpu(struct sft_gpu *gpu, const struct sft_request *request, struct sft_error *err);
/* On such a device, with what was fitted into it; false where there is no memory to look at the
 * data. */
bool forecast_make(struct sft_prediction *prediction, const struct sft_ceiling *ceiling,
                   const struct input *input, const struct fit *fit);
/* Bandwidths that a forecast of many GPUs goes by: the request's, else those measured with that
 * device, else the default fabric's. */
struct sft_fabric forecast_fabric(const struct sft_request *request,
                                  const struct sft_ceiling *ceiling, const struct sft_preset *shape,
                                  int nodes);
/* Tokens a second of all ranks, their collectives counted; 0 on devices whose ceilings are not
 * known. */
double forecast_tok_s(const struct training *training, const struct sft_request *request);

#endif
