/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives between GPUs, by NCCL. The world's unique id goes through the bootstrap; node, across
 * and a communicator for numbers in host memory are split off the world, so that none waits for
 * another's work. All are non-blocking: a rank that never comes is an error after the limit, not a
 * hang. */
#include "config.h"

#include "job/collective/comm.h"

#include <cuda_runtime_api.h>
#include <nccl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "job/collective/comm_nccl_progress.h"
#include "lib/clock.h"

enum { CONTROL = COMM_GROUPS, COMMS, ENROLLED = 8, SPINS = 2000 };
enum { PATIENCE = 20 }; /* seconds more than the watchdog has, which can name the rank at fault */

/* ncclBfloat16, which nccl.h before 2.24 shows to C++ alone. */
static const ncclDataType_t nccl_bf16 = (ncclDataType_t)9;
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 24, 0)
_Static_assert(ncclBfloat16 == 9, "NCCL's number of bf16");
#endif

struct enrolled {
    const void *memory;
    void *handle[COMM_GROUPS];
};

struct nccl {
    ncclComm_t comm[COMMS]; /* [COMM_GROUPS] for host memory; NULL for groups of one rank */
    bool alias[COMMS];      /* the same as the world's: a node that is all */
    cudaStream_t stream;    /* for host memory */
    void *device, *host;    /* [room] bytes for it, the latter pinned */
    size_t room;
    int limit; /* seconds */
    struct device *attached;
    struct enrolled enrolled[ENROLLED];
    struct nccl_progress *progress; /* queues as comm[] */
    bool failed;                    /* a communicator is to be aborted, not finalized */
};

static int cuda_check(const struct comm *c, cudaError_t status, const char *what,
                      struct sft_error *err)
{
    if (status == cudaSuccess)
        return 0;
    ((struct nccl *)c->state)->failed = true;
    return sft_error_set(err, "%s on rank %d of %d: %s", what, c->rank, c->size,
                         cudaGetErrorString(status));
}

static int nccl_fail(const struct comm *c, ncclResult_t status, const char *what,
                     struct sft_error *err)
{
    struct nccl *nccl = c->state;
    const char *more = ncclGetLastError(NULL);
    nccl->failed = true;
    return sft_error_set(err, "%s on rank %d of %d: NCCL says %s%s%.300s", what, c->rank, c->size,
                         ncclGetErrorString(status), more != NULL && *more != '\0' ? ": " : "",
                         more != NULL ? more : "");
}

/* Calls on a non-blocking communicator return before they have done their part on the host. */
static int nccl_settle(const struct comm *c, ncclComm_t comm, ncclResult_t status, const char *what,
                       struct sft_error *err)
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
        if (turn % SPINS == 0 && sft_clock_now() - begin > nccl->limit + PATIENCE) {
            nccl->failed = true;
            return sft_error_set(err, "%s on rank %d of %d: other ranks did not come within %d s",
                                 what, c->rank, c->size, nccl->limit);
        }
    }
    return status == ncclSuccess ? 0 : nccl_fail(c, status, what, err);
}

static cudaStream_t lane_of(const struct comm *c, enum lane lane)
{
    struct device *b = ((const struct nccl *)c->state)->attached;
    return b->queue(b, lane);
}

static int nccl_attach(struct comm *c, struct device *device, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    if (device->queue(device, LANE_COMPUTE) == NULL || device->format != FORMAT_BF16)
        return sft_error_set(err, "NCCL sums bf16 in GPU memory, not %s of the %s backend",
                             format_traits[device->format].name, device->name);
    nccl->attached = device;
    return 0;
}

/* What runs on a stream between these two is a collective for the watchdog. */
static int nccl_begin(struct comm *c, int which, cudaStream_t stream, const char *what,
                      struct sft_error *err)
{
    struct nccl *nccl = c->state;
    return cuda_check(c, nccl_progress_begin(nccl->progress, which, stream, what), what, err);
}

static int nccl_end(struct comm *c, int which, cudaStream_t stream, ncclResult_t status,
                    const char *what, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    if (nccl_settle(c, nccl->comm[which], status, what, err) < 0)
        return -1;
    return cuda_check(c, nccl_progress_end(nccl->progress, which, stream), what, err);
}

static int nccl_all_reduce(struct comm *c, enum comm_group group, void *values, size_t count,
                           const char *what, struct sft_error *err)
{
    ncclComm_t comm = ((struct nccl *)c->state)->comm[group];
    cudaStream_t stream = lane_of(c, COMM_LANE(group));
    if (comm == NULL)
        return 0;
    if (nccl_begin(c, (int)group, stream, what, err) < 0)
        return -1;
    return nccl_end(c, (int)group, stream,
                    ncclAllReduce(values, values, count, nccl_bf16, ncclSum, comm, stream), what,
                    err);
}

static int nccl_reduce_scatter(struct comm *c, enum comm_group group, void *values, size_t count,
                               void *to, const char *what, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    ncclComm_t comm = nccl->comm[group];
    cudaStream_t stream = lane_of(c, COMM_LANE(group));
    if (comm == NULL) {
        nccl->attached->copy(nccl->attached, COMM_LANE(group), to, values,
                             format_bytes(nccl->attached->format, count));
        return 0;
    }
    if (nccl_begin(c, (int)group, stream, what, err) < 0)
        return -1;
    return nccl_end(c, (int)group, stream,
                    ncclReduceScatter(values, to, count, nccl_bf16, ncclSum, comm, stream), what,
                    err);
}

static int nccl_all_gather(struct comm *c, enum comm_group group, const void *from, size_t count,
                           void *to, const char *what, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    ncclComm_t comm = nccl->comm[group];
    cudaStream_t stream = lane_of(c, COMM_LANE(group));
    if (comm == NULL) {
        nccl->attached->copy(nccl->attached, COMM_LANE(group), to, from,
                             format_bytes(nccl->attached->format, count));
        return 0;
    }
    if (nccl_begin(c, (int)group, stream, what, err) < 0)
        return -1;
    return nccl_end(c, (int)group, stream, ncclAllGather(from, to, count, nccl_bf16, comm, stream),
                    what, err);
}

/* On the lane that computes: the communicator for host memory is idle then. */
static int nccl_sum_norm(struct comm *c, double *value, struct sft_error *err)
{
    static const char what[] = "sum of the gradients' norm";
    ncclComm_t comm = ((struct nccl *)c->state)->comm[CONTROL];
    cudaStream_t stream = lane_of(c, LANE_COMPUTE);
    if (nccl_begin(c, CONTROL, stream, what, err) < 0)
        return -1;
    return nccl_end(c, CONTROL, stream,
                    ncclAllReduce(value, value, 1, ncclDouble, ncclSum, comm, stream), what, err);
}

/* The watchdog's: how far the streams are, and what a communicator says of itself. */
static int nccl_poll(struct comm *c, struct watchdog_progress *progress, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    cudaError_t status = nccl_progress_read(nccl->progress, progress);
    if (status != cudaSuccess)
        return sft_error_set(err, "rank %d of %d: %s", c->rank, c->size,
                             cudaGetErrorString(status));
    for (int i = 0; i < COMMS; i++) {
        ncclResult_t state = ncclSuccess;
        if (nccl->comm[i] != NULL && ncclCommGetAsyncError(nccl->comm[i], &state) == ncclSuccess &&
            state != ncclSuccess && state != ncclInProgress)
            return sft_error_set(err, "%s on rank %d of %d: NCCL says %s",
                                 progress->name[0] != '\0' ? progress->name : "between collectives",
                                 c->rank, c->size, ncclGetErrorString(state));
    }
    return 0;
}

static void room_free(struct nccl *nccl)
{
    cudaFree(nccl->device);
    cudaFreeHost(nccl->host);
    nccl->device = nccl->host = NULL;
    nccl->room = 0;
}

static int room_make(struct comm *c, size_t bytes, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    if (bytes <= nccl->room)
        return 0;
    room_free(nccl);
    if (cuda_check(c, cudaMalloc(&nccl->device, bytes), "memory for numbers to exchange", err) <
            0 ||
        cuda_check(c, cudaMallocHost(&nccl->host, bytes), "memory for numbers to exchange", err) <
            0)
        return -1;
    nccl->room = bytes;
    return 0;
}

/* `bytes` from the room on the host to the GPU, or back. */
static int room_copy(struct comm *c, bool back, size_t bytes, const char *what,
                     struct sft_error *err)
{
    struct nccl *nccl = c->state;
    cudaError_t status = back ? cudaMemcpyAsync(nccl->host, nccl->device, bytes,
                                                cudaMemcpyDeviceToHost, nccl->stream)
                              : cudaMemcpyAsync(nccl->device, nccl->host, bytes,
                                                cudaMemcpyHostToDevice, nccl->stream);
    if (status == cudaSuccess && back)
        status = cudaStreamSynchronize(nccl->stream);
    return cuda_check(c, status, what, err);
}

static int nccl_sum_double(struct comm *c, double *values, size_t count, struct sft_error *err)
{
    static const char what[] = "sum of numbers";
    struct nccl *nccl = c->state;
    size_t bytes = count * sizeof *values;
    if (room_make(c, bytes, err) < 0)
        return -1;
    memcpy(nccl->host, values, bytes);
    if (room_copy(c, false, bytes, what, err) < 0 ||
        nccl_begin(c, CONTROL, nccl->stream, what, err) < 0 ||
        nccl_end(c, CONTROL, nccl->stream,
                 ncclAllReduce(nccl->device, nccl->device, count, ncclDouble, ncclSum,
                               nccl->comm[CONTROL], nccl->stream),
                 what, err) < 0 ||
        room_copy(c, true, bytes, what, err) < 0)
        return -1;
    memcpy(values, nccl->host, bytes);
    return 0;
}

/* bytes[size] of each rank into all on rank 0 */
static int nccl_gather(struct comm *c, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    static const char what[] = "gathering of numbers";
    struct nccl *nccl = c->state;
    size_t total = bytes * (size_t)c->size;
    if (room_make(c, total, err) < 0)
        return -1;
    char *own = (char *)nccl->device + (size_t)c->rank * bytes;
    memcpy((char *)nccl->host + (size_t)c->rank * bytes, mine, bytes);
    if (room_copy(c, false, total, what, err) < 0 ||
        nccl_begin(c, CONTROL, nccl->stream, what, err) < 0 ||
        nccl_end(
            c, CONTROL, nccl->stream,
            ncclAllGather(own, nccl->device, bytes, ncclChar, nccl->comm[CONTROL], nccl->stream),
            what, err) < 0 ||
        room_copy(c, true, total, what, err) < 0)
        return -1;
    if (c->rank == 0)
        memcpy(all, nccl->host, total);
    return 0;
}

static int nccl_gather_double(struct comm *c, const double *values, size_t count, double *all,
                              struct sft_error *err)
{
    return nccl_gather(c, values, count * sizeof *values, all, err);
}

static int nccl_gather_text(struct comm *c, const char *text, size_t size, char *all,
                            struct sft_error *err)
{
    return nccl_gather(c, text, size, all, err);
}

static int nccl_barrier(struct comm *c, struct sft_error *err)
{
    double nothing = 0;
    return nccl_sum_double(c, &nothing, 1, err);
}

/* Registered memory goes to the NIC, and to NVLink's multicast, without a copy. Where NCCL cannot,
 * it copies as before: no failure. */
static void nccl_enroll(struct comm *c, void *memory, size_t bytes)
{
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 0)
    struct nccl *nccl = c->state;
    struct enrolled *free_place = NULL;
    for (int i = 0; i < ENROLLED && free_place == NULL; i++)
        if (nccl->enrolled[i].memory == NULL)
            free_place = &nccl->enrolled[i];
    if (free_place == NULL || memory == NULL || bytes == 0)
        return;
    free_place->memory = memory;
    for (int group = 0; group < COMM_GROUPS; group++) {
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

static void nccl_dismiss(struct comm *c, void *memory)
{
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 19, 0)
    struct nccl *nccl = c->state;
    for (int i = 0; i < ENROLLED; i++) {
        struct enrolled *e = &nccl->enrolled[i];
        if (memory == NULL || e->memory != memory)
            continue;
        for (int group = 0; group < COMM_GROUPS; group++)
            if (e->handle[group] != NULL && !nccl->failed)
                ncclCommDeregister(nccl->comm[group], e->handle[group]);
        *e = (struct enrolled){NULL, {NULL}};
    }
#else
    (void)c, (void)memory;
#endif
}

static void nccl_destroy(struct comm *c)
{
    struct nccl *nccl = c->state;
    struct sft_error ignored;
    for (int i = COMMS - 1; i >= 0; i--) { /* the world last */
        ncclComm_t comm = nccl->comm[i];
        if (comm == NULL || nccl->alias[i])
            continue;
        if (!nccl->failed &&
            nccl_settle(c, comm, ncclCommFinalize(comm), "end of collectives", &ignored) == 0)
            ncclCommDestroy(comm);
        else
            ncclCommAbort(comm);
    }
    nccl_progress_destroy(nccl->progress);
    room_free(nccl);
    if (nccl->stream != NULL)
        cudaStreamDestroy(nccl->stream);
    free(nccl);
    free(c);
}

static int nccl_world(struct comm *c, struct bootstrap *bootstrap, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId mine;
    ncclUniqueId *all = calloc((size_t)c->size, sizeof *all);
    int result = -1;
    memset(&mine, 0, sizeof mine);
    if (all == NULL) {
        sft_error_set(err, "no memory for %d ids of NCCL", c->size);
        return -1;
    }
    ncclResult_t status = c->rank == 0 ? ncclGetUniqueId(&mine) : ncclSuccess;
    if (status != ncclSuccess) /* and go on: the others wait for the exchange */
        nccl_fail(c, status, "an id for NCCL", err);
    if (bootstrap_exchange(bootstrap, &mine, sizeof mine, all, err) == 0 && status == ncclSuccess) {
        config.blocking = 0;
        status = ncclCommInitRankConfig(&nccl->comm[COMM_WORLD], c->size, all[0], c->rank, &config);
        result = nccl_settle(c, nccl->comm[COMM_WORLD], status, "the start of NCCL", err);
    }
    free(all);
    return result;
}

/* Collective over the world. A color of -1: this rank takes no part. */
static int nccl_split(struct comm *c, int which, int color, int key, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    ncclComm_t world = nccl->comm[COMM_WORLD];
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    if (which == CONTROL)
        config.maxCTAs = 1; /* a few numbers: as little of the GPU as possible */
    ncclResult_t status = ncclCommSplit(world, color < 0 ? NCCL_SPLIT_NOCOLOR : color, key,
                                        &nccl->comm[which], &config);
    if (nccl_settle(c, world, status, "a group of ranks", err) < 0)
        return -1;
    return color < 0 ? 0 : nccl_settle(c, nccl->comm[which], ncclSuccess, "a group of ranks", err);
}

static int nccl_groups(struct comm *c, struct sft_error *err)
{
    struct nccl *nccl = c->state;
    for (int group = COMM_NODE; group < COMM_GROUPS; group++) {
        int other = group == COMM_NODE ? COMM_ACROSS : COMM_NODE;
        nccl->alias[group] = c->group_size[group] == c->size;
        if (nccl->alias[group])
            nccl->comm[group] = nccl->comm[COMM_WORLD];
        else if (c->group_size[group] > 1 &&
                 nccl_split(c, group, c->group_rank[other], c->group_rank[group], err) < 0)
            return -1;
    }
    return nccl_split(c, CONTROL, 0, c->rank, err);
}

static struct comm *nccl_new(const struct bootstrap *bootstrap, int limit, struct sft_error *err)
{
    struct comm *c = malloc(sizeof *c);
    struct nccl *nccl = calloc(1, sizeof *nccl);
    if (c == NULL || nccl == NULL) {
        sft_error_set(err, "no memory for a communicator");
        free(c);
        free(nccl);
        return NULL;
    }
    nccl->limit = limit;
    *c = (struct comm){
        .name = "nccl",
        .rank = bootstrap->rank,
        .size = bootstrap->size,
        .state = nccl,
        .destroy = nccl_destroy,
        .poll = nccl_poll,
        .attach = nccl_attach,
        .enroll = nccl_enroll,
        .dismiss = nccl_dismiss,
        .all_reduce = nccl_all_reduce,
        .reduce_scatter = nccl_reduce_scatter,
        .all_gather = nccl_all_gather,
        .sum_norm = nccl_sum_norm,
        .sum_double = nccl_sum_double,
        .gather_double = nccl_gather_double,
        .gather_text = nccl_gather_text,
        .barrier = nccl_barrier,
    };
    return c;
}

struct comm *comm_create_nccl(struct bootstrap *bootstrap, const char *hosts, int device, int limit,
                              struct sft_error *err)
{
    int version = 0;
    struct comm *c = nccl_new(bootstrap, limit, err);
    if (c == NULL)
        return NULL;
    struct nccl *nccl = c->state;
    comm_find_groups(c, hosts);
    nccl->progress = nccl_progress_create(device, COMMS);
    if (nccl->progress == NULL) {
        sft_error_set(err, "no memory for a communicator");
        nccl_destroy(c);
        return NULL;
    }
    ncclGetVersion(&version);
    snprintf(c->version, sizeof c->version, "NCCL %d.%d.%d", version / 10000, version % 10000 / 100,
             version % 100);
    if (cuda_check(c, cudaSetDevice(device), "the GPU", err) == 0 &&
        cuda_check(c, cudaStreamCreateWithFlags(&nccl->stream, cudaStreamNonBlocking), "a stream",
                   err) == 0 &&
        nccl_world(c, bootstrap, err) == 0 && nccl_groups(c, err) == 0)
        return c;
    nccl->failed = true;
    nccl_destroy(c);
    return NULL;
}
