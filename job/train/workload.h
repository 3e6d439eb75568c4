/* SPDX-License-Identifier: Apache-2.0 */
/* What a sequence of the data holds on average: the documents decide what attention costs, and how
 * much of what is processed is no padding. */
#ifndef SFT_JOB_TRAIN_WORKLOAD_H
#define SFT_JOB_TRAIN_WORKLOAD_H

#include "job/data/input.h"
#include "lib/predict.h"

/* Of one packed sequence. */
struct workload {
    double tokens;          /* padding too */
    double real;            /* without */
    double documents;       /* samples */
    double squared_lengths; /* sum of length^2 */
};

/* The mean of the first sequences of the data. Fails without memory. */
int workload_make(struct workload *workload, const struct input *input, struct sft_error *err);

/* One document as long as the sequence: where nothing is known of the data. */
struct workload workload_full(int seq);

/* A rank's work of micro-batches of so many sequences; states and recompute are the caller's. */
struct sft_work workload_work(const struct workload *workload, int micro_batch, int accumulation);

#endif
