/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives of some ranks, for measuring: made when they are wanted, and left when one of them
 * does not come. MPI in host memory, NCCL in a GPU's. Unlike job/collective/collective.h's these
 * have a limit of their own and outlive the loss of a rank: the others make another team. */
#ifndef SFT_JOB_COLLECTIVE_TEAM_H
#define SFT_JOB_COLLECTIVE_TEAM_H

#include <stdbool.h>

#include "job/collective/collective.h"

enum { TEAM_ID = 128 }; /* bytes of ncclUniqueId */

struct team_place {
    const int *rank;           /* [count] of the world, ascending */
    int count, mine;           /* which of them this rank is */
    int number;                /* of this team: one that no other had, the same on its ranks */
    unsigned char id[TEAM_ID]; /* NCCL's, of team_id on one of them */
};

struct team {
    int count, mine;
    bool late; /* an operation did not end within its limit: it is of no use any more */
    void *state;
    /* Enqueues the call `times` times and waits for their end. type is COLLECTIVE_FP32 and
     * reduction COLLECTIVE_SUM; from, to and count as collective.h has them; group and what do not
     * matter. -1 and err, after `limit` seconds with late set: the memory is to be kept then, since
     * the network may still write to it. */
    int (*run)(struct team *team, struct device *device, const struct collective_call *call,
               int times, double limit, struct sft_error *err);
    void (*destroy)(struct team *team);
};

/* Of the device's kind. All ranks of the place within `limit` seconds; NULL and err. A team of one
 * rank does nothing. */
struct team *team_create(const struct team_place *place, struct device *device, double limit,
                         struct sft_error *err);
void team_destroy(struct team *team); /* not collective; NULL does nothing */
/* An id for NCCL; zeroes where this build has none. */
int team_id(unsigned char id[TEAM_ID], struct sft_error *err);

/* For those who implement them. MPI has been started. */
struct team *team_create_mpi(const struct team_place *place, struct sft_error *err);
struct team *team_create_nccl(const struct team_place *place, double limit, struct sft_error *err);

#endif
