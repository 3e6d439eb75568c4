/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives: one table of functions a communicator, every slot mandatory. */
#ifndef SFT_JOB_COMM_H
#define SFT_JOB_COMM_H

#include <stddef.h>

#include "job/bootstrap.h"
#include "job/watchdog.h"
#include "lib/error.h"

/* All ranks; those of one node; those that have one place in their nodes, one of each node. Groups
 * exist when all nodes have as many ranks as each other; else node and across are of one rank each. */
enum comm_group { COMM_WORLD, COMM_NODE, COMM_ACROSS, COMM_GROUPS };

struct comm {
    const char *name; /* "self", "mpi" */
    int rank, size;
    int group_rank[COMM_GROUPS], group_size[COMM_GROUPS];
    void *state;
    struct watchdog *watchdog; /* told of blocking collectives; NULL: none */

    void (*destroy)(struct comm *c);
    /* Sum over ranks, in place, the same bits on every rank. Buffers are host memory. */
    int (*sum_float)(struct comm *c, float *values, size_t count, struct sft_error *err);
    int (*sum_double)(struct comm *c, double *values, size_t count, struct sft_error *err);
    /* values[members * count]: member m's part, values[m * count] on, becomes the sum over the members
     * on member m; what the other parts hold then is unspecified. Host memory. */
    int (*reduce_scatter)(struct comm *c, enum comm_group group, float *values, size_t count,
                          struct sft_error *err);
    /* values[members * bytes]: member m's part stands on member m, and then on all. Host memory. */
    int (*all_gather)(struct comm *c, enum comm_group group, void *values, size_t bytes,
                      struct sft_error *err);
    /* values[count] of each rank, in the order of ranks, into all[size * count] on rank 0 */
    int (*gather_double)(struct comm *c, const double *values, size_t count, double *all,
                         struct sft_error *err);
    /* text of `size` bytes of each rank into all[c->size * size] on rank 0 */
    int (*gather_text)(struct comm *c, const char *text, size_t size, char *all,
                       struct sft_error *err);
    int (*barrier)(struct comm *c, struct sft_error *err);
};

struct comm *comm_create_self(struct sft_error *err);
/* MPI's world must be the bootstrap's. NULL and err when built without MPI, or when it is not. */
struct comm *comm_create_mpi(const struct bootstrap *bootstrap, struct sft_error *err);
/* self for one rank, else MPI. */
struct comm *comm_create(const struct bootstrap *bootstrap, struct sft_error *err);

/* "Open MPI v4.1.4"; "none" when built without MPI. MPI must be running. */
void comm_mpi_version(char *text, size_t size);

/* A step that every rank must pass: 0 when no rank failed. Else -1 everywhere, and on rank 0 err
 * holds the first failing rank's text with its rank and host; on the others it is "". */
int comm_agree(struct comm *comm, const char *host, int failed, struct sft_error *err);

#endif
