/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives: one table of functions a communicator, every slot mandatory. */
#ifndef SFT_JOB_COLLECTIVE_COMM_H
#define SFT_JOB_COLLECTIVE_COMM_H

#include <stddef.h>

#include "job/tensor/device.h"
#include "job/control/bootstrap.h"
#include "job/control/watchdog.h"
#include "lib/error.h"

/* All ranks; those of one node; those that have one place in their nodes, one of each node. Groups
 * exist when all nodes have as many ranks as each other; else node and across are of one rank each.
 */
enum comm_group { COMM_WORLD, COMM_NODE, COMM_ACROSS, COMM_GROUPS };

#define COMM_LANE(group) ((enum lane)(LANE_WORLD + (int)(group)))

/* Collectives of numbers and texts in host memory return when they are done, on every rank. Those
 * of elements of the device's format in its memory are enqueued on the lane of their group
 * (LANE_WORLD + group), and wait for nothing: callers order them with the device's mark and await.
 * `what` names one in messages
 * ("gradients of layer 3") and is kept by its address until the next. A group of one rank does
 * nothing but copy. */
struct comm {
    const char *name; /* "self", "mpi", "nccl" */
    char version[64]; /* of its library */
    int rank, size;
    int group_rank[COMM_GROUPS], group_size[COMM_GROUPS];
    void *state;
    struct watchdog *watchdog; /* told of blocking collectives; NULL: none */

    void (*destroy)(struct comm *c);
    /* How far the collectives are that run on a device, and what failed there; from another thread
     * than all the other calls. NULL where they run on the host, which tells `watchdog` itself. */
    int (*poll)(struct comm *c, struct watchdog_progress *progress, struct sft_error *err);
    /* Once, before collectives of device memory: `device` outlives the communicator's last use of
     * it. */
    int (*attach)(struct comm *c, struct device *device, struct sft_error *err);
    /* Device memory that many collectives will use, until dismissed: the library may prepare it.
     * NULL is none. */
    void (*enroll)(struct comm *c, void *memory, size_t bytes);
    void (*dismiss)(struct comm *c, void *memory);
    /* values[count] of each member becomes the sum over the members, the same bits on all. */
    int (*all_reduce)(struct comm *c, enum comm_group group, void *values, size_t count,
                      const char *what, struct sft_error *err);
    /* values[members * count]; to[count] on member m becomes the sum of part m, which begins at
     * values + m * count. `to` is that part, or does not touch values; in the first case what the
     * other parts hold then is unspecified. */
    int (*reduce_scatter)(struct comm *c, enum comm_group group, void *values, size_t count,
                          void *to, const char *what, struct sft_error *err);
    /* from[count] of member m, for all members, becomes to[members * count] on all. `from` is its
     * part of `to`, or does not touch it. */
    int (*all_gather)(struct comm *c, enum comm_group group, const void *from, size_t count,
                      void *to, const char *what, struct sft_error *err);
    /* One double in device memory becomes its sum over all ranks, on LANE_COMPUTE. */
    int (*sum_norm)(struct comm *c, double *value, struct sft_error *err);

    /* Sum over ranks, in place, the same bits on every rank. */
    int (*sum_double)(struct comm *c, double *values, size_t count, struct sft_error *err);
    /* values[count] of each rank, in the order of ranks, into all[size * count] on rank 0 */
    int (*gather_double)(struct comm *c, const double *values, size_t count, double *all,
                         struct sft_error *err);
    /* text of `size` bytes of each rank into all[c->size * size] on rank 0 */
    int (*gather_text)(struct comm *c, const char *text, size_t size, char *all,
                       struct sft_error *err);
    int (*barrier)(struct comm *c, struct sft_error *err);
};

struct comm *comm_create_self(struct sft_error *err);
/* Host memory. MPI's world must be the bootstrap's. NULL and err when built without MPI, or when it
 * is not. */
struct comm *comm_create_mpi(struct bootstrap *bootstrap, struct sft_error *err);
/* GPU memory, `device` as for device_create_cuda. `hosts`: [size] names of COMM_HOST bytes. Waits
 * `limit` seconds for the other ranks at most, each time. NULL and err when built without NCCL. */
struct comm *comm_create_nccl(struct bootstrap *bootstrap, const char *hosts, int device, int limit,
                              struct sft_error *err);
/* Collective over the bootstrap: self for one rank, NCCL where each rank has a GPU (`device`, -1:
 * none), MPI where none has; else an error that names a rank without. `limit` as above. */
struct comm *comm_create(struct bootstrap *bootstrap, int device, int limit, struct sft_error *err);

#define COMM_HOST 256

/* group_rank and group_size from the names of all ranks' hosts, [size] of COMM_HOST bytes. */
void comm_find_groups(struct comm *c, const char *hosts);

/* A step that every rank must pass: 0 when no rank failed. Else -1 everywhere, and on rank 0 err
 * holds the first failing rank's text with its rank and host; on the others it is "". */
int comm_agree(struct comm *comm, const char *host, int failed, struct sft_error *err);

#endif
