/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between GPUs, by NCCL. The world's unique id goes over control; node, across and a
 * communicator for numbers between the operations are split off the world, so that none waits for
 * another's work. All are non-blocking: a rank that never comes is an error after the limit, not a
 * hang. */
#include "config.h"

#include "job/collective/collective.h"

#include <cuda_runtime_api.h>
#include <nccl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "job/collective/collective_nccl_progress.h"
#include "lib/clock.h"

enum { ENROLLED = 8, SPINS = 2000 };
enum { PATIENCE = 20 }; /* seconds more than the watchdog has, which can name the rank at fault */

/* ncclBfloat16, which nccl.h before 2.24 shows to C++ alone. */
static const ncclDataType_t nccl_bf16 = (ncclDataType_t)9;
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 24, 0)
_Static_assert(ncclBfloat16 == 9, "NCCL's number of bf16");
#endif

struct enrolled {
    const void *memory;
    void *handle[COLLECTIVE_GROUPS];
};

struct nccl {
    struct control *control;
    ncclComm_t comm[COLLECTIVE_GROUPS]; /* NULL for groups of one rank */
    bool alias[COLLECTIVE_GROUPS];      /* the same as the world's: a node that is all */
    struct enrolled enrolled[ENROLLED];
    struct nccl_progress *progress; /* a queue a group */
    bool failed;                    /* a communicator is to be aborted, not finalized */
    bool late;                      /* it was waited for in vain */
};

static int cuda_check(const struct collective *c, cudaError_t status, const char *what,
                      struct sft_error *err)
{
    if (status == cudaSuccess)
        return 0;
    struct nccl *nccl = c->state;
    nccl->failed = true;
    return sft_error_set(err, "%s on rank %d of %d: %s", what, nccl->control->rank,
                         nccl->control->size, cudaGetErrorString(status));
}

static int nccl_fail(const struct collective *c, ncclResult_t status, const char *what,
                     struct sft_error *err)
{
    struct nccl *nccl = c->state;
    const char *more = ncclGetLastError(NULL);
    nccl->failed = true;
    return sft_error_set(err, "%s on rank %d of %d: NCCL says %s%s%.300s", what,
                         nccl->control->rank, nccl->control->size, ncclGetErrorString(status),
                         more != NULL && *more != '\0' ? ": " : "", more != NULL ? more : "");
}

/* Calls on a non-blocking communicator return before they have done their part on the host. */
static int nccl_settle(const struct collective *c, ncclComm_t comm, ncclResult_t status,
                       const char *what, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    double begin = sft_clock_now();
    for (long turn = 0; status == ncclSuccess || status == ncclInProgress; turn++) {
        ncclResult_t asked = comm == NULL ? ncclSuccess : ncclCommGetAsyncError(comm, &status);
        if (comm == NULL || asked != ncclSuccess)
            status = asked;
        if (status != ncclInProgress)
            break;
        if (turn > SPINS)
            usleep(100);
        if (turn % SPINS == 0 && sft_clock_now() - begin > nccl->control->limit + PATIENCE) {
            nccl->failed = nccl->late = true;
            return sft_error_set(err, "%s on rank %d of %d: other ranks did not come within %.0f s",
                                 what, nccl->control->rank, nccl->control->size,
                                 nccl->control->limit);
        }
    }
    return status == ncclSuccess ? 0 : nccl_fail(c, status, what, err);
}

/* What runs on a stream between these two is a collective for the watchdog. */
static int nccl_begin(struct collective *c, int which, cudaStream_t stream, const char *what,
                      struct sft_error *err)
{
    struct nccl *nccl = c->state;
    return cuda_check(c, nccl_progress_begin(nccl->progress, which, stream, what), what, err);
}

static int nccl_end(struct collective *c, int which, cudaStream_t stream, ncclResult_t status,
                    const char *what, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    if (nccl_settle(c, nccl->comm[which], status, what, err) < 0)
        return -1;
    return cuda_check(c, nccl_progress_end(nccl->progress, which, stream), what, err);
}

static ncclResult_t nccl_enqueue(const struct nccl *nccl, const struct collective_call *call,
                                 cudaStream_t stream)
{
    const ncclDataType_t types[COLLECTIVE_TYPES] = {ncclFloat, nccl_bf16, ncclDouble, ncclUint32,
                                                    ncclUint8};
    ncclRedOp_t operation = call->reduction == COLLECTIVE_MAX ? ncclMax : ncclSum;
    ncclDataType_t type = types[call->type];
    ncclComm_t comm = nccl->comm[call->group];
    switch (call->kind) {
    case COLLECTIVE_ALL_REDUCE:
        return ncclAllReduce(call->to, call->to, call->count, type, operation, comm, stream);
    case COLLECTIVE_REDUCE_SCATTER:
        return ncclReduceScatter(call->from, call->to, call->count, type, operation, comm, stream);
    case COLLECTIVE_ALL_GATHER:
        break;
    }
    return ncclAllGather(call->from, call->to, call->count, type, comm, stream);
}

static int nccl_run(struct collective *c, struct device *device, const struct collective_call *call,
                    struct sft_error *err)
{
    struct nccl *nccl = c->state;
    cudaStream_t stream = device->queue(device, COLLECTIVE_LANE(call->group));
    if (nccl->comm[call->group] == NULL)
        return collective_copy(device, call);
    if (stream == NULL)
        return sft_error_set(err, "%s: NCCL works in GPU memory, not on the %s backend", call->what,
                             device->name);
    if (nccl_begin(c, (int)call->group, stream, call->what, err) < 0)
        return -1;
    return nccl_end(c, (int)call->group, stream, nccl_enqueue(nccl, call, stream), call->what, err);
}

/* How far the streams are, and what a communicator says of itself. */
static int nccl_poll(struct collective *c, struct watchdog_progress *progress,
                     struct sft_error *err)
{
    struct nccl *nccl = c->state;
    cudaError_t status = nccl_progress_read(nccl->progress, progress);
    if (status != cudaSuccess)
        return sft_error_set(err, "rank %d of %d: %s", nccl->control->rank, nccl->control->size,
                             cudaGetErrorString(status));
    for (int i = 0; i < COLLECTIVE_GROUPS; i++) {
        ncclResult_t state = ncclSuccess;
        if (nccl->comm[i] != NULL && ncclCommGetAsyncError(nccl->comm[i], &state) == ncclSuccess &&
            state != ncclSuccess && state != ncclInProgress)
            return sft_error_set(err, "%s on rank %d of %d: NCCL says %s",
                                 progress->name[0] != '\0' ? progress->name : "between collectives",
                                 nccl->control->rank, nccl->control->size,
                                 ncclGetErrorString(state));
    }
    return 0;
}

/* Registered memory goes to the NIC, and to NVLink's multicast, without a copy. Where NCCL cannot,
 * it copies as before: no failure. */
static void nccl_enroll(struct collective *c, void *memory, size_t bytes)
{
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 0)
    struct nccl *nccl = c->state;
    struct enrolled *free_place = NULL;
    for (int i = 0; i < ENROLLED && free_place == NULL; i++)
        if (nccl->enrolled[i].memory == NULL)
            free_place = &nccl->enrolled[i];
    if (free_place == NULL || bytes == 0)
        return;
    free_place->memory = memory;
    for (int group = COLLECTIVE_WORLD; group < COLLECTIVE_GROUPS; group++) {
        struct sft_error ignored;
        if (nccl->comm[group] == NULL || nccl->alias[group])
            continue;
        ncclResult_t status =
            ncclCommRegister(nccl->comm[group], memory, bytes, &free_place->handle[group]);
        bool failed = nccl->failed;
        if (nccl_settle(c, nccl->comm[group], status, "registering of memory", &ignored) < 0)
            free_place->handle[group] = NULL;
        nccl->failed = failed;
    }
#else
    (void)c, (void)memory, (void)bytes;
#endif
}

static void nccl_dismiss(struct collective *c, void *memory)
{
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 0)
    struct nccl *nccl = c->state;
    for (int i = 0; i < ENROLLED; i++) {
        struct enrolled *e = &nccl->enrolled[i];
        if (e->memory != memory)
            continue;
        for (int group = COLLECTIVE_WORLD; group < COLLECTIVE_GROUPS; group++)
            if (e->handle[group] != NULL && !nccl->failed)
                ncclCommDeregister(nccl->comm[group], e->handle[group]);
        *e = (struct enrolled){NULL, {NULL}};
    }
#else
    (void)c, (void)memory;
#endif
}

/* Where another rank does not come to the end, to abort a communicator could hang, too. What else
 * goes wrong there is told, and makes no figure less true. */
static int nccl_destroy(struct collective *c, struct sft_error *err)
{
    static const enum collective_group order[] = {COLLECTIVE_COMPUTE, COLLECTIVE_ACROSS,
                                                  COLLECTIVE_NODE, COLLECTIVE_WORLD};
    struct nccl *nccl = c->state;
    for (int i = 0; i < COLLECTIVE_GROUPS; i++) {
        ncclComm_t comm = nccl->comm[order[i]];
        if (comm == NULL || nccl->alias[order[i]])
            continue;
        bool failed = nccl->failed;
        if (!failed &&
            nccl_settle(c, comm, ncclCommFinalize(comm), "end of collectives", err) == 0) {
            ncclCommDestroy(comm);
            continue;
        }
        if (nccl->late)
            return -1;
        if (!failed)
            fprintf(stderr, "sft-bench-job: note: %s\n", err->text);
        ncclCommAbort(comm);
    }
    nccl_progress_destroy(nccl->progress);
    free(nccl);
    free(c);
    return 0;
}

static int nccl_world(struct collective *c, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    struct control *control = nccl->control;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id;
    memset(&id, 0, sizeof id);
    ncclResult_t status = control->rank == 0 ? ncclGetUniqueId(&id) : ncclSuccess;
    int failed = status == ncclSuccess ? 0 : nccl_fail(c, status, "an id for NCCL", err);
    if (control_agree(control, failed, err) < 0 ||
        control_broadcast(control, &id, sizeof id, err) < 0)
        return -1;
    config.blocking = 0;
    status = ncclCommInitRankConfig(&nccl->comm[COLLECTIVE_WORLD], control->size, id, control->rank,
                                    &config);
    return nccl_settle(c, nccl->comm[COLLECTIVE_WORLD], status, "the start of NCCL", err);
}

/* Collective over the world. A color of -1: this rank takes no part. */
static int nccl_split(struct collective *c, int which, int color, int key, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    ncclComm_t world = nccl->comm[COLLECTIVE_WORLD];
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    if (which == COLLECTIVE_COMPUTE)
        config.maxCTAs = 1; /* a few numbers: as little of the GPU as possible */
    ncclResult_t status = ncclCommSplit(world, color < 0 ? NCCL_SPLIT_NOCOLOR : color, key,
                                        &nccl->comm[which], &config);
    if (nccl_settle(c, world, status, "a group of ranks", err) < 0)
        return -1;
    return color < 0 ? 0 : nccl_settle(c, nccl->comm[which], ncclSuccess, "a group of ranks", err);
}

static int nccl_groups(struct collective *c, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    for (int group = COLLECTIVE_NODE; group < COLLECTIVE_GROUPS; group++) {
        int other = group == COLLECTIVE_NODE ? COLLECTIVE_ACROSS : COLLECTIVE_NODE;
        nccl->alias[group] = c->group_size[group] == nccl->control->size;
        if (nccl->alias[group])
            nccl->comm[group] = nccl->comm[COLLECTIVE_WORLD];
        else if (c->group_size[group] > 1 &&
                 nccl_split(c, group, c->group_rank[other], c->group_rank[group], err) < 0)
            return -1;
    }
    return nccl_split(c, COLLECTIVE_COMPUTE, 0, nccl->control->rank, err);
}

static struct collective *nccl_new(struct control *control, int device, struct sft_error *err)
{
    struct collective *c = malloc(sizeof *c);
    struct nccl *nccl = calloc(1, sizeof *nccl);
    struct nccl_progress *progress = nccl_progress_create(device, COLLECTIVE_GROUPS);
    if (c == NULL || nccl == NULL || progress == NULL) {
        sft_error_set(err, "no memory for collectives");
        nccl_progress_destroy(progress);
        free(c);
        free(nccl);
        return NULL;
    }
    nccl->control = control;
    nccl->progress = progress;
    *c = (struct collective){
        .name = "nccl",
        .on_device = true,
        .state = nccl,
        .destroy = nccl_destroy,
        .run = nccl_run,
        .poll = nccl_poll,
        .enroll = nccl_enroll,
        .dismiss = nccl_dismiss,
    };
    collective_find_groups(c, control);
    return c;
}

void collective_nccl_version(char *text, size_t size)
{
    int version = 0;
    ncclGetVersion(&version);
    snprintf(text, size, "NCCL %d.%d.%d", version / 10000, version % 10000 / 100, version % 100);
}

struct collective *collective_create_nccl(struct control *control, int device,
                                          struct sft_error *err)
{
    struct collective *c = nccl_new(control, device, err);
    if (c == NULL)
        return NULL;
    struct nccl *nccl = c->state;
    collective_nccl_version(c->version, sizeof c->version);
    if (cuda_check(c, cudaSetDevice(device), "the GPU", err) == 0 && nccl_world(c, err) == 0 &&
        nccl_groups(c, err) == 0)
        return c;
    nccl->failed = true;
    nccl_destroy(c, NULL);
    return NULL;
}
