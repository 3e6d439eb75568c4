/* SPDX-License-Identifier: Apache-2.0 */
/* Stragglers: ranks whose time to compute, without waiting, became longer than their own was and
 * than the others'. All of it is pure: numbers in, numbers out. In a synchronous run every rank's
 * steps are as long as the slowest's, so times are those to compute, a unit of the rank's own work:
 * a step with more attention in its sequences is not slower. */
#ifndef SFT_JOB_TRAIN_STRAGGLER_H
#define SFT_JOB_TRAIN_STRAGGLER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define STRAGGLER_STEPS 20   /* between two judgements, where steps are not very short */
#define STRAGGLER_SLOW 0.15  /* of its time more, and a rank is told: at least, see below */
#define STRAGGLER_NEVER (-1) /* no step */

/* What a rank says of its last steps. */
struct straggler_word {
    double cost;    /* seconds a unit of work, their median; NAN: they had no work */
    double noise;   /* standard deviation of one step, a part of cost, robust */
    double since;   /* number of the step from which on they cost that; STRAGGLER_NEVER: always */
    double sm_mhz;  /* of its GPU, mean; NAN: not known */
    double reasons; /* why its clock was held back, bits of NVML; few, so exact */
};

/* A rank's own steps, the newest of them. */
struct straggler_series;

/* Words are of that many steps; three times as many are kept to say since when. NULL and err. */
struct straggler_series *straggler_series_create(size_t steps, struct sft_error *err);
void straggler_series_destroy(struct straggler_series *series); /* NULL does nothing */
/* Step `number` took so many seconds to compute so much work. */
void straggler_series_add(struct straggler_series *series, int number, double seconds, double work);
/* Of the newest `steps`: cost, noise, since; the rest is the caller's. */
struct straggler_word straggler_series_word(const struct straggler_series *series);

/* The first of those that cost `after` and no longer `before`: the split that puts the fewest costs
 * on the wrong side of the middle between the two; count where none does. */
size_t straggler_split(const double *costs, size_t count, double before, double after);

/* The judge. */
struct stragglers;

struct straggler_event {
    int rank;
    bool begins;    /* else it has ended */
    double percent; /* longer than before: in the last steps; of an end the median of its
                       judgements, up to the last eight */
    int since;      /* step from which on it is slow */
    int until;      /* of an end: first step that is as before */
};

struct stragglers *stragglers_create(int ranks, struct sft_error *err);
void stragglers_destroy(struct stragglers *stragglers); /* NULL does nothing */

/* words[ranks] of steps from `first` to `last`; returns how many events[ranks] there are, by rank.
 *
 * A rank's time is held against its own in the first five judgements in which it was none, and that
 * ratio against what is common to all: the lower of their two middle ratios where all have become
 * slower, the higher where all have become faster, else 1; what made all faster by 4% stays what
 * they are held against. So of two ranks one is named, and up to half of more; what all have in
 * common is no straggler's. Who is slow from the beginning is held against the others' time. A rank
 * is slow at STRAGGLER_SLOW and above 2 standard deviations of its healthy steps and 5 of its
 * healthy ratios, at most at 3/4 more; and until it is under half of that. */
size_t stragglers_judge(struct stragglers *stragglers, const struct straggler_word *words,
                        int first, int last, struct straggler_event *events);

/* Over all judgements so far: what cost the run most, by its share times its steps. One that has
 * not ended has until = the newest step + 1. false: there was none. */
bool stragglers_worst(const struct stragglers *stragglers, struct straggler_event *worst);
/* Ranks that were one at any time. */
int stragglers_count(const struct stragglers *stragglers);

#endif
