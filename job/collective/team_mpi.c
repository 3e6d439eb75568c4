/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of sends and receives over MPI's world. A communicator of some ranks would have to be made
 * by all of them, in a call that does not return while one hangs; and so would not a collective.
 * Sends and receives are begun and looked at, so a rank can leave them where they are. What it
 * leaves may still come: so the messages of a team have its own tags, and buffers that were handed
 * to MPI are never given back. */
#include "config.h"

#include "job/collective/team.h"

#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

enum { TAGS = 32768 }; /* that any MPI has */

/* Pieces: MPI counts to int, and a piece's sum goes on while the next is on its way. */
#define PIECE ((size_t)1 << 20)

struct mpi_team {
    int next, before; /* ranks of the world */
    int tag;
    float *room; /* [PIECE] */
    double end;  /* of the clock; set by each run */
};

static int requests_wait(struct team *team, MPI_Request requests[2], struct sft_error *err)
{
    struct mpi_team *mine = team->state;
    for (int done = 0, turn = 0; !done; turn++) {
        if (MPI_Testall(2, requests, &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
            return sft_error_set(err, "MPI fails between ranks");
        if (!done && sft_clock_now() > mine->end) {
            team->late = true;
            return sft_error_set(err, "ranks did not come to a collective in time");
        }
        if (!done && turn > 64)
            sched_yield(); /* ranks may share a core */
    }
    return 0;
}

/* Floats to the next rank, and from the one before; none is no message. */
static int ring_shift(struct team *team, const float *send, size_t sends, float *receive,
                      size_t receives, struct sft_error *err)
{
    struct mpi_team *mine = team->state;
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    int status = MPI_SUCCESS;
    if (receives > 0)
        status = MPI_Irecv(receive, (int)receives, MPI_FLOAT, mine->before, mine->tag,
                           MPI_COMM_WORLD, &requests[0]);
    if (sends > 0 && status == MPI_SUCCESS)
        status = MPI_Isend(send, (int)sends, MPI_FLOAT, mine->next, mine->tag, MPI_COMM_WORLD,
                           &requests[1]);
    return status == MPI_SUCCESS ? requests_wait(team, requests, err)
                                 : sft_error_set(err, "MPI fails between ranks");
}

/* Where part `which` of `count` floats begins. */
static size_t part_begin(const struct team *team, size_t count, int which)
{
    return count * (size_t)which / (size_t)team->count;
}

static int part_of(const struct team *team, int which)
{
    return (which % team->count + team->count) % team->count;
}

/* One step of the ring: a part goes on, another comes; added to what is there, or in its place. */
static int ring_step(struct team *team, float *all, size_t count, int gives, int takes, bool adds,
                     struct sft_error *err)
{
    struct mpi_team *mine = team->state;
    size_t from = part_begin(team, count, gives), from_end = part_begin(team, count, gives + 1);
    size_t to = part_begin(team, count, takes), to_end = part_begin(team, count, takes + 1);
    while (from < from_end || to < to_end) {
        size_t sends = from_end - from < PIECE ? from_end - from : PIECE;
        size_t receives = to_end - to < PIECE ? to_end - to : PIECE;
        if (ring_shift(team, all + from, sends, adds ? mine->room : all + to, receives, err) < 0)
            return -1;
        for (size_t i = 0; adds && i < receives; i++)
            all[to + i] += mine->room[i];
        from += sends;
        to += receives;
    }
    return 0;
}

/* After it part `mine` is summed. */
static int ring_reduce(struct team *team, float *all, size_t count, struct sft_error *err)
{
    for (int step = 1; step < team->count; step++)
        if (ring_step(team, all, count, part_of(team, team->mine - step),
                      part_of(team, team->mine - step - 1), true, err) < 0)
            return -1;
    return 0;
}

static int ring_gather(struct team *team, float *all, size_t count, struct sft_error *err)
{
    for (int step = 0; step < team->count - 1; step++)
        if (ring_step(team, all, count, part_of(team, team->mine - step),
                      part_of(team, team->mine - step - 1), false, err) < 0)
            return -1;
    return 0;
}

/* Parts of a gather or scatter are of count floats each; an all-reduce's cut the array. */
static int mpi_once(struct team *team, const struct collective_call *call, struct sft_error *err)
{
    size_t all = call->count * (size_t)team->count;
    switch (call->kind) {
    case COLLECTIVE_ALL_REDUCE:
        if (ring_reduce(team, call->to, call->count, err) < 0)
            return -1;
        return ring_gather(team, call->to, call->count, err);
    case COLLECTIVE_REDUCE_SCATTER:
        if (ring_reduce(team, call->from, all, err) < 0)
            return -1;
        memmove(call->to, (float *)call->from + call->count * (size_t)team->mine,
                call->count * sizeof(float));
        return 0;
    case COLLECTIVE_ALL_GATHER:
        break;
    }
    memmove((float *)call->to + call->count * (size_t)team->mine, call->from,
            call->count * sizeof(float));
    return ring_gather(team, call->to, all, err);
}

static int mpi_run(struct team *team, struct device *device, const struct collective_call *call,
                   int times, double limit, struct sft_error *err)
{
    struct mpi_team *mine = team->state;
    (void)device;
    mine->end = sft_clock_now() + limit;
    if (team->late)
        return sft_error_set(err, "ranks did not come to a collective in time");
    for (int i = 0; i < times; i++)
        if (mpi_once(team, call, err) < 0)
            return -1;
    return 0;
}

static void mpi_destroy(struct team *team)
{
    struct mpi_team *mine = team->state;
    if (!team->late) {
        free(mine->room);
        free(mine);
    }
    free(team);
}

struct team *team_create_mpi(const struct team_place *place, struct sft_error *err)
{
    struct team *team = calloc(1, sizeof *team);
    struct mpi_team *mine = calloc(1, sizeof *mine);
    float *room = malloc(PIECE * sizeof *room);
    if (team == NULL || mine == NULL || room == NULL) {
        sft_error_set(err, "no memory for a team of %d ranks", place->count);
        free(team);
        free(mine);
        free(room);
        return NULL;
    }
    int count = place->count;
    *mine = (struct mpi_team){.next = place->rank[(place->mine + 1) % count],
                              .before = place->rank[(place->mine + count - 1) % count],
                              .tag = place->number % TAGS,
                              .room = room};
    *team = (struct team){
        .count = count, .mine = place->mine, .state = mine, .run = mpi_run, .destroy = mpi_destroy};
    return team;
}
