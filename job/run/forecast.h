/* SPDX-License-Identifier: Apache-2.0 */
/* What a run on so many nodes would choose, and how fast it should be: the one source of --plan's
 * figures, and of the record's. */
#ifndef SFT_JOB_RUN_FORECAST_H
#define SFT_JOB_RUN_FORECAST_H

#include "job/data/input.h"
#include "job/train/training.h"

#define FORECAST_GPUS 8 /* of a node whose GPUs the request does not say: HGX */

/* Runs that were measured lay so far below and above what was predicted of them, rounded up:
 * doc/measurements.md, tests/unit/run/test_forecast.c. */
#define FORECAST_BELOW 0.05
#define FORECAST_ABOVE 0.02

/* GPUs differ, and no step is like the other: its time on one of them has this standard deviation,
 * and a step is as long as that of the slowest. Assumed; of two GPUs the slowest is then 0.6%
 * longer than one, as measured. */
#define FORECAST_SPREAD 0.01
/* Among so many it is in what was measured of collectives' contention. */
#define FORECAST_ALIKE 4

/* How much longer computing is on the slowest of so many GPUs: 1 and more. */
double forecast_slowest(int ranks);

/* What a plan is made of, on whatever number of nodes. */
struct forecast_question {
    const struct input *input;
    const struct sft_request *request;
    struct sft_gpu gpu;       /* that it is for: gpu_model=, else H200 */
    struct workload workload; /* of the data */
};

/* Input and request outlive the question. Fails where the data cannot be looked at, or gpu_model=
 * is not known. */
int forecast_ask(struct forecast_question *question, const struct input *input,
                 const struct sft_request *request, struct sft_error *err);

/* One number of nodes. Rates count tokens that are no padding, of all GPUs. */
struct forecast {
    struct sft_plan plan; /* as it would run there, its micro-batch chosen */
    bool fits;
    struct sft_error why;   /* where it does not */
    struct fit fit;         /* of what does not fit what needs least */
    double step_s, seconds; /* of a step; of all steps, warm-up too */
    double tok_s, samples_s;
    double tok_s_low;  /* with half of the bandwidths that are assumed, less FORECAST_BELOW */
    double tok_s_high; /* FORECAST_ABOVE more */
};

void forecast_make(struct forecast *forecast, const struct forecast_question *question, int nodes,
                   int gpus);

/* Steps of the plan, those of warm-up too, where one takes so long. */
int forecast_steps(const struct sft_plan *plan, double step_s);

/* Tokens a second of a GPU, at the low or the high end. */
double forecast_gpu(const struct forecast *forecast, bool low);

/* Samples a second of all GPUs, at the low or the high end. */
double forecast_samples(const struct forecast *forecast, bool low);

/* The least GPUs on which what does not fit here would, in whole nodes from `gpus` each on (up to
 * FORECAST_GPUS on the one of a request that says no nodes); 0: on none of up to 1024 nodes. */
int forecast_needs(const struct forecast *forecast, const struct forecast_question *question,
                   int gpus);

/* Tokens without padding a second of all ranks of a run; 0 on devices whose ceilings are not known.
 */
double forecast_tok_s(const struct training *training);

#endif
