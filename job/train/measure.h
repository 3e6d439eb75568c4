/* SPDX-License-Identifier: Apache-2.0 */
/* Step times, throughput, FLOPs. Warm-up steps are not given to it. */
#ifndef SFT_JOB_TRAIN_MEASURE_H
#define SFT_JOB_TRAIN_MEASURE_H

#include <stddef.h>

#include "job/control/control.h"
#include "lib/error.h"

/* What one step worked on, over all ranks. */
struct work {
    double samples;         /* documents */
    double processed;       /* tokens, padding too */
    double real;            /* tokens that are not padding */
    double trained;         /* tokens with a loss */
    double squared_lengths; /* sum over documents of length^2 */
    double flops;           /* sft_preset_flops of the real tokens */
};

struct measure {
    size_t count, capacity;
    double *step;    /* [count] seconds from the step's begin to its end on this rank */
    double *compute; /* [count] the same without waiting for other ranks */
    double exposed;  /* seconds, sum: of waiting for weights and gradients */
    struct work sum; /* over the measured steps */
};

/* What can be said after at least one measured step. */
struct figures {
    double step, mad, p95;                    /* seconds */
    double all;                               /* seconds, of all steps */
    double samples, processed, real, trained; /* a second, all ranks */
    double tflops;                            /* of one rank */
    double exposed;                           /* seconds of a step, mean of this rank's */
};

/* Who computes slowest: medians of `compute` over the ranks. On rank 0 only. */
struct ranks {
    double median;  /* seconds */
    double slowest; /* seconds */
    int slow_rank;
};

int measure_create(struct measure *measure, size_t steps, struct sft_error *err);
void measure_destroy(struct measure *measure);
void measure_add(struct measure *measure, double step, double compute, double exposed,
                 const struct work *work);
/* count must be at least 1. A figure is the mean work of a step over the median step. */
struct figures measure_figures(const struct measure *measure, int ranks);
/* Collective. `medians` holds one value a rank, on rank 0. */
int measure_ranks(const struct measure *measure, struct control *control, double *medians,
                  struct ranks *ranks, struct sft_error *err);

double measure_peak_gib(void); /* this process' highest resident memory; 0 where unknown */

#endif
