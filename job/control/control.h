/* SPDX-License-Identifier: Apache-2.0 */
/* Talk between the hosts of all ranks: numbers, texts and which rank failed. Over TCP, in a tree of
 * ranks, before any device stands and whatever the devices' network does. All calls but
 * control_stop are collective: every rank makes the same ones in the same order, from one thread.
 * Who does not come in time, is gone or talks of something else is named with its host. A lone rank
 * has no socket, and every call is the identity. */
#ifndef SFT_JOB_CONTROL_CONTROL_H
#define SFT_JOB_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "job/control/bootstrap.h"
#include "job/control/net.h"
#include "lib/error.h"

#define CONTROL_HOST NET_HOST

struct watchdog;
struct control_tree;

struct control {
    int rank, size;
    double limit;                /* seconds that ranks wait for each other */
    char (*hosts)[CONTROL_HOST]; /* [size] by rank: Slurm's names of the nodes, else the hosts' */
    int *node;                   /* [size] which host that is, from 0 in the order of ranks */
    int nodes;                   /* different hosts */
    struct watchdog *watchdog;   /* told of every call; NULL: none. Set by the owner. */
    struct control_tree *tree;
};

/* NULL and err; then the others learn it within their limits. */
struct control *control_start(struct bootstrap *bootstrap, double limit, struct sft_error *err);
/* NULL does nothing. */
void control_stop(struct control *c);

/* Over the ranks, in place. The order of adding is the ranks', so that all of them have the same
 * bits, again and again. */
int control_sum(struct control *c, double *values, size_t count, struct sft_error *err);
int control_max(struct control *c, double *values, size_t count, struct sft_error *err);
/* `bytes` of each rank, in the order of ranks, into all[size * bytes] on rank 0. */
int control_gather(struct control *c, const void *mine, size_t bytes, void *all,
                   struct sft_error *err);
/* `bytes` of rank 0 into those of all. */
int control_broadcast(struct control *c, void *values, size_t bytes, struct sft_error *err);
int control_barrier(struct control *c, struct sft_error *err);

/* Not collective: has a call failed? So do all after it, with the same text. */
bool control_has_failed(const struct control *c);

/* A step that every rank must pass: 0 when no rank failed. Else -1 everywhere, and on rank 0 err
 * holds the first failing rank's text with its rank and host; on the others it is "". */
int control_agree(struct control *c, int failed, struct sft_error *err);

#endif
