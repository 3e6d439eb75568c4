/* SPDX-License-Identifier: Apache-2.0 */
#include "job/collective/collective_nccl_progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { RING = 256 };

struct posted {
    cudaEvent_t begin, end;
    const char *what;
};

/* Collectives number left to posted - 1 of a stream are on their way; entered of them have begun.
 */
struct queue {
    struct posted ring[RING];
    uint64_t posted, entered, left;
    bool open; /* the last one's end is not recorded yet */
};

struct nccl_progress {
    pthread_mutex_t lock;
    int device, queues;
    struct queue *queue; /* [queues] */
};

struct nccl_progress *nccl_progress_create(int device, int queues)
{
    struct nccl_progress *p = calloc(1, sizeof *p);
    struct queue *queue = calloc((size_t)queues, sizeof *queue);
    if (p == NULL || queue == NULL) {
        free(p);
        free(queue);
        return NULL;
    }
    *p = (struct nccl_progress){.device = device, .queues = queues, .queue = queue};
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void nccl_progress_destroy(struct nccl_progress *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->queues * RING; i++) {
        struct posted *c = &p->queue[i / RING].ring[i % RING];
        if (c->begin != NULL)
            cudaEventDestroy(c->begin);
        if (c->end != NULL)
            cudaEventDestroy(c->end);
    }
    pthread_mutex_destroy(&p->lock);
    free(p->queue);
    free(p);
}

static cudaError_t make(struct posted *c)
{
    cudaError_t status = cudaSuccess;
    if (c->begin == NULL)
        status = cudaEventCreateWithFlags(&c->begin, cudaEventDisableTiming);
    if (c->end == NULL && status == cudaSuccess)
        status = cudaEventCreateWithFlags(&c->end, cudaEventDisableTiming);
    return status;
}

/* Move on over all that has begun and ended. With the lock. */
static cudaError_t advance(struct queue *q)
{
    cudaError_t status = cudaSuccess;
    while (status == cudaSuccess && q->entered < q->posted) {
        status = cudaEventQuery(q->ring[q->entered % RING].begin);
        q->entered += status == cudaSuccess;
    }
    if (status == cudaErrorNotReady)
        status = cudaSuccess;
    while (status == cudaSuccess && q->left + (q->open ? 1 : 0) < q->posted &&
           q->left < q->entered) {
        status = cudaEventQuery(q->ring[q->left % RING].end);
        q->left += status == cudaSuccess;
    }
    return status == cudaErrorNotReady ? cudaSuccess : status;
}

cudaError_t nccl_progress_begin(struct nccl_progress *p, int queue, cudaStream_t stream,
                                const char *what)
{
    struct queue *q = &p->queue[queue];
    cudaError_t status = cudaSuccess;
    pthread_mutex_lock(&p->lock);
    bool full = q->posted - q->left == RING;
    pthread_mutex_unlock(&p->lock);
    if (full) /* without the lock: the watchdog goes on */
        status = cudaEventSynchronize(q->ring[q->posted % RING].end);
    pthread_mutex_lock(&p->lock);
    if (status == cudaSuccess)
        status = advance(q);
    struct posted *c = &q->ring[q->posted % RING];
    if (status == cudaSuccess)
        status = make(c);
    if (status == cudaSuccess)
        status = cudaEventRecord(c->begin, stream);
    if (status == cudaSuccess) {
        c->what = what;
        q->posted++;
        q->open = true;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

cudaError_t nccl_progress_end(struct nccl_progress *p, int queue, cudaStream_t stream)
{
    struct queue *q = &p->queue[queue];
    pthread_mutex_lock(&p->lock);
    cudaError_t status = cudaEventRecord(q->ring[(q->posted - 1) % RING].end, stream);
    q->open = false;
    pthread_mutex_unlock(&p->lock);
    return status;
}

cudaError_t nccl_progress_read(struct nccl_progress *p, struct watchdog_progress *progress)
{
    const char *what = NULL;
    cudaError_t status = cudaSetDevice(p->device);
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < p->queues && status == cudaSuccess; i++) {
        struct queue *q = &p->queue[i];
        status = advance(q);
        progress->entered += q->entered;
        progress->left += q->left;
        if (q->entered > q->left && what == NULL)
            what = q->ring[q->left % RING].what;
    }
    if (what != NULL)
        snprintf(progress->name, sizeof progress->name, "%s", what);
    pthread_mutex_unlock(&p->lock);
    return status;
}
