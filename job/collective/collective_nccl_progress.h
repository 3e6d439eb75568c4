/* SPDX-License-Identifier: Apache-2.0 */
/* Which collectives the GPU has begun and ended, for the watchdog: two events around each. */
#ifndef SFT_JOB_COLLECTIVE_COLLECTIVE_NCCL_PROGRESS_H
#define SFT_JOB_COLLECTIVE_COLLECTIVE_NCCL_PROGRESS_H

#include <cuda_runtime_api.h>

#include "job/control/watchdog.h"

struct nccl_progress;

/* `queues` streams, numbered from 0, each of which runs its collectives in order. NULL: no memory.
 */
struct nccl_progress *nccl_progress_create(int device, int queues);
void nccl_progress_destroy(struct nccl_progress *p);

/* Around the call that enqueues a collective. `what` is kept by its address. Waits when some
 * hundreds are on their way already. */
cudaError_t nccl_progress_begin(struct nccl_progress *p, int queue, cudaStream_t stream,
                                const char *what);
cudaError_t nccl_progress_end(struct nccl_progress *p, int queue, cudaStream_t stream);

/* From any thread: adds the counts of all queues, and names one that has begun and not ended. */
cudaError_t nccl_progress_read(struct nccl_progress *p, struct watchdog_progress *progress);

#endif
