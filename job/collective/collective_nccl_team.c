/* SPDX-License-Identifier: Apache-2.0 */
/* Teams of GPUs. The communicators do not block, and what runs on the stream is looked at, not
 * waited for: so a rank can abort what others do not come to. */
#include "config.h"

#include "job/collective/team.h"

#include <cuda_runtime_api.h>
#include <nccl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

enum { SPINS = 20000 }; /* some milliseconds: a collective that is timed is not slept through */

_Static_assert(sizeof(ncclUniqueId) == TEAM_ID, "an id is handed on as it is");

struct nccl_team {
    ncclComm_t comm; /* NULL: aborted */
};

static int nccl_fail(struct team *team, ncclResult_t status, struct sft_error *err)
{
    const char *more = ncclGetLastError(NULL);
    (void)team;
    return sft_error_set(err, "NCCL says %s%s%.120s", ncclGetErrorString(status),
                         more != NULL && *more != '\0' ? ": " : "", more != NULL ? more : "");
}

/* The memory that NCCL still used is free of it then. */
static void nccl_abort(struct team *team)
{
    struct nccl_team *mine = team->state;
    if (mine->comm != NULL)
        ncclCommAbort(mine->comm);
    mine->comm = NULL;
}

static int nccl_late(struct team *team, struct sft_error *err)
{
    nccl_abort(team);
    team->late = true;
    return sft_error_set(err, "ranks did not come to a collective in time");
}

/* Until the host's part of a call is done. */
static int nccl_settle(struct team *team, ncclResult_t status, double end, struct sft_error *err)
{
    struct nccl_team *mine = team->state;
    for (long turn = 0; status == ncclSuccess || status == ncclInProgress; turn++) {
        ncclResult_t asked = ncclCommGetAsyncError(mine->comm, &status);
        if (asked != ncclSuccess)
            status = asked;
        if (status != ncclInProgress)
            break;
        if (sft_clock_now() > end)
            return nccl_late(team, err);
        if (turn > SPINS)
            usleep(100);
    }
    if (status == ncclSuccess)
        return 0;
    nccl_fail(team, status, err);
    nccl_abort(team);
    return -1;
}

static ncclResult_t nccl_enqueue(ncclComm_t comm, const struct collective_call *call,
                                 cudaStream_t stream)
{
    switch (call->kind) {
    case COLLECTIVE_ALL_REDUCE:
        return ncclAllReduce(call->to, call->to, call->count, ncclFloat, ncclSum, comm, stream);
    case COLLECTIVE_REDUCE_SCATTER:
        return ncclReduceScatter(call->from, call->to, call->count, ncclFloat, ncclSum, comm,
                                 stream);
    case COLLECTIVE_ALL_GATHER:
        break;
    }
    return ncclAllGather(call->from, call->to, call->count, ncclFloat, comm, stream);
}

/* Of the stream. What NCCL finds wrong meanwhile, a link that is gone, ends the waiting. */
static int nccl_wait(struct team *team, cudaStream_t stream, double end, struct sft_error *err)
{
    struct nccl_team *mine = team->state;
    cudaError_t status;
    for (long turn = 0; (status = cudaStreamQuery(stream)) == cudaErrorNotReady; turn++) {
        ncclResult_t state = ncclSuccess;
        if (turn % 64 == 0 && (ncclCommGetAsyncError(mine->comm, &state) != ncclSuccess ||
                               (state != ncclSuccess && state != ncclInProgress))) {
            nccl_fail(team, state, err);
            nccl_abort(team);
            return -1;
        }
        if (turn % 64 == 0 && sft_clock_now() > end)
            return nccl_late(team, err);
        if (turn > SPINS)
            usleep(100);
    }
    return status == cudaSuccess
               ? 0
               : sft_error_set(err, "the GPU says %s", cudaGetErrorString(status));
}

static int nccl_run(struct team *team, struct device *device, const struct collective_call *call,
                    int times, double limit, struct sft_error *err)
{
    struct nccl_team *mine = team->state;
    cudaStream_t stream = device->queue(device, LANE_WORLD);
    double end = sft_clock_now() + limit;
    if (mine->comm == NULL)
        return nccl_late(team, err);
    for (int i = 0; i < times; i++)
        if (nccl_settle(team, nccl_enqueue(mine->comm, call, stream), end, err) < 0)
            return -1;
    return nccl_wait(team, stream, end, err);
}

/* Finalizing would wait for the others; what they sent has come, or is not wanted. */
static void nccl_destroy(struct team *team)
{
    nccl_abort(team);
    free(team->state);
    free(team);
}

struct team *team_create_nccl(const struct team_place *place, double limit, struct sft_error *err)
{
    struct team *team = calloc(1, sizeof *team);
    struct nccl_team *mine = calloc(1, sizeof *mine);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id;
    if (team == NULL || mine == NULL) {
        sft_error_set(err, "no memory for a team of %d ranks", place->count);
        free(team);
        free(mine);
        return NULL;
    }
    *team = (struct team){.count = place->count,
                          .mine = place->mine,
                          .state = mine,
                          .run = nccl_run,
                          .destroy = nccl_destroy};
    memcpy(&id, place->id, sizeof id);
    config.blocking = 0;
    ncclResult_t status =
        ncclCommInitRankConfig(&mine->comm, place->count, id, place->mine, &config);
    if (nccl_settle(team, status, sft_clock_now() + limit, err) == 0)
        return team;
    nccl_destroy(team);
    return NULL;
}

int team_id(unsigned char id[TEAM_ID], struct sft_error *err)
{
    ncclUniqueId unique;
    ncclResult_t status = ncclGetUniqueId(&unique);
    if (status != ncclSuccess)
        return sft_error_set(err, "an id for NCCL: %s", ncclGetErrorString(status));
    memcpy(id, &unique, sizeof unique);
    return 0;
}
