/* SPDX-License-Identifier: Apache-2.0 */
/* What evaluations have found, this run's and those of the run that it goes on from; and where they
 * will be saved, the weights of the lowest loss in the host's memory: each rank has its part, all
 * together the model once. Frozen ones stay as they are. */
#ifndef SFT_JOB_TRAIN_KEEP_H
#define SFT_JOB_TRAIN_KEEP_H

#include "job/checkpoint/checkpoint.h"
#include "job/train/training.h"

struct kept; /* a span of it */

struct keep {
    const struct training *t;
    struct checkpoint_eval eval; /* any: it was evaluated */
    /* Weights of eval.best_step; NULL: nobody wants them. */
    struct kept *spans;
    size_t count;
    char *values;
};

/* With weights where the request has save=. NULL and err without memory. */
struct keep *keep_create(const struct training *training, struct sft_error *err);
void keep_destroy(struct keep *keep); /* NULL does nothing */

/* Keep what the weights are now; waits. Not collective. Without weights it does nothing. */
int keep_take(struct keep *keep, struct sft_error *err);
/* Collective: the weights are again what was kept. Optimizer states are not: training does not go
 * on from here. */
int keep_give(struct keep *keep, struct sft_error *err);

/* Where the weights of a tensor's elements from there on are kept; NULL: this rank has them not. */
char *keep_find(const struct keep *keep, const char *tensor, uint64_t from);
/* Are the kept weights others than those after `step`, and so a checkpoint's to keep? */
bool keep_is_older(const struct keep *keep, long long step);
/* What is evaluated is as a checkpoint says of it: then its losses count here, too. -1 and err
 * where its weights of the lowest loss cannot be read. Not collective. `same` says whether. Where
 * those weights alone are missing, the lowest loss is open, INFINITY: it is evaluated before the
 * first step. */
int keep_load(struct keep *keep, struct checkpoint *c, bool *same, struct sft_error *err);

#endif
