/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives of what devices keep: weights, gradients and their norm. Numbers and texts of the
 * hosts are job/control/control.h's. */
#ifndef SFT_JOB_COLLECTIVE_COLLECTIVE_H
#define SFT_JOB_COLLECTIVE_COLLECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "job/control/control.h"
#include "job/control/watchdog.h"
#include "job/tensor/device.h"
#include "lib/error.h"

enum collective_kind {
    /* to[count] of each member becomes their reduction over the members, the same bits on all. */
    COLLECTIVE_ALL_REDUCE,
    /* from[members * count]; to[count] on member m becomes the reduction of part m, which begins at
     * from + m * count. `to` is that part, or does not touch `from`; in the first case what the
     * other parts hold then is unspecified. */
    COLLECTIVE_REDUCE_SCATTER,
    /* from[count] of member m, for all members, becomes to[members * count] on all. `from` is its
     * part of `to`, or does not touch it. */
    COLLECTIVE_ALL_GATHER,
};

/* A group is the lane that its collectives run on, too. All ranks, between what LANE_COMPUTE
 * computes; all ranks; those of one node; those that have one place in their nodes, one of each
 * node. The last two exist when all nodes have as many ranks as each other; else they are of one
 * rank each. */
enum collective_group {
    COLLECTIVE_COMPUTE = LANE_COMPUTE,
    COLLECTIVE_WORLD = LANE_WORLD,
    COLLECTIVE_NODE = LANE_NODE,
    COLLECTIVE_ACROSS = LANE_ACROSS,
    COLLECTIVE_GROUPS
};

#define COLLECTIVE_LANE(group) ((enum lane)(group))

/* Numbers in FP8 are moved as bytes; as whole numbers the bits of magnitudes stand in their order,
 * NaN last. */
enum collective_type {
    COLLECTIVE_FP32,
    COLLECTIVE_BF16,
    COLLECTIVE_FP64,
    COLLECTIVE_UINT32,
    COLLECTIVE_BYTE,
    COLLECTIVE_TYPES
};
enum collective_reduction { COLLECTIVE_SUM, COLLECTIVE_MAX };

struct collective_call {
    enum collective_kind kind;
    enum collective_group group;
    enum collective_type type;
    enum collective_reduction reduction;
    void *from, *to; /* the device's memory; an all-reduce is in place, in `to` */
    size_t count;
    const char *what; /* in messages, "gradients of layer 3"; kept by its address until the next */
};

struct collective {
    const char *name; /* "self", "mpi", "nccl" */
    char version[64]; /* of its library */
    int group_rank[COLLECTIVE_GROUPS], group_size[COLLECTIVE_GROUPS];
    /* They run on a device, over its own network: poll tells how far they are, and destroy waits
     * for the other ranks within the limit by itself, and fails where they do not come. Else they
     * are done when run returns. */
    bool on_device;
    int nodes;     /* that the ranks are on */
    double across; /* bytes that this rank's part of its node's rings has sent to other nodes */
    void *state;

    int (*destroy)(struct collective *c, struct sft_error *err);
    /* See collective_run. */
    int (*run)(struct collective *c, struct device *device, const struct collective_call *call,
               struct sft_error *err);
    /* Of on_device alone: how far they are is added to *progress, and what failed there; from
     * another thread than all the other calls. */
    int (*poll)(struct collective *c, struct watchdog_progress *progress, struct sft_error *err);
    /* The device's memory that many collectives will use, until dismissed: the library may prepare
     * it. NULL: nothing to prepare. */
    void (*enroll)(struct collective *c, void *memory, size_t bytes);
    void (*dismiss)(struct collective *c, void *memory);
};

/* Collective: how many ranks have a GPU (`device`, as for device_create_cuda; -1: none); -1: err.
 */
int collective_devices(struct control *control, int device, struct sft_error *err);
/* Collective: self for one rank, NCCL where each rank has a GPU, MPI where none has; else an error
 * that names a rank without. `devices` are collective_devices'. `control` outlives it. */
struct collective *collective_create(struct control *control, int device, int devices,
                                     struct sft_error *err);
/* Collective. -1 and err: what is left of it is the process's end to take. NULL does nothing. */
int collective_destroy(struct collective *c, struct sft_error *err);

/* Enqueued on the lane of its group, and waits for nothing: callers order them with the device's
 * mark and await. A group of one rank does nothing but copy. */
int collective_run(struct collective *c, struct device *device, const struct collective_call *call,
                   struct sft_error *err);

/* NULL memory is none. */
void collective_enroll(struct collective *c, void *memory, size_t bytes);
void collective_dismiss(struct collective *c, void *memory);

/* What the device trains with. */
enum collective_type collective_type_of(const struct device *device);

struct collective *collective_create_self(struct sft_error *err);

/* For those who implement them. NULL and err where this build lacks the library. */
struct collective *collective_create_mpi(struct control *control, struct sft_error *err);
struct collective *collective_create_nccl(struct control *control, int device,
                                          struct sft_error *err);
/* Of the library that is linked, before anything of it was started; "" without it. */
void collective_mpi_version(char *text, size_t size);
void collective_nccl_version(char *text, size_t size);
void collective_find_groups(struct collective *c, const struct control *control);
/* Of a group of one rank. */
int collective_copy(struct device *device, const struct collective_call *call);
size_t collective_type_size(enum collective_type type); /* bytes */

#endif
