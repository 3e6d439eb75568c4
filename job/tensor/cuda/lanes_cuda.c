/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes are streams, slots and stamps are events. The lanes of collectives have the higher
 * priority: what they move is waited for, and they need few multiprocessors. */
#include <stdlib.h>

#include "job/tensor/cuda/cuda_internal.h"

cudaError_t lanes_create(struct device_cuda *cuda)
{
    int least = 0, most = 0;
    cudaError_t status = cudaDeviceGetStreamPriorityRange(&least, &most);
    cuda->lanes[LANE_COMPUTE] = cuda->stream;
    for (int lane = LANE_WORLD; lane < LANES && status == cudaSuccess; lane++)
        status = cudaStreamCreateWithPriority(&cuda->lanes[lane], cudaStreamNonBlocking, most);
    return status;
}

static void events_destroy(struct cuda_events *events)
{
    for (int i = 0; i < events->count; i++)
        if (events->event[i] != NULL)
            cudaEventDestroy(events->event[i]);
    free(events->event);
    *events = (struct cuda_events){NULL, 0};
}

void lanes_destroy(struct device_cuda *cuda)
{
    events_destroy(&cuda->marks);
    events_destroy(&cuda->stamps);
    for (int lane = LANE_WORLD; lane < LANES; lane++)
        if (cuda->lanes[lane] != NULL)
            cudaStreamDestroy(cuda->lanes[lane]);
}

/* The event of that number, made when it is first asked for; NULL after a failure. */
static cudaEvent_t event_at(struct device_cuda *cuda, struct cuda_events *events, int number,
                            unsigned flags)
{
    if (number >= events->count) {
        int count = number + 64;
        cudaEvent_t *more = realloc(events->event, (size_t)count * sizeof *more);
        if (more == NULL) {
            cuda_fail(cuda, "an event", "no memory");
            return NULL;
        }
        for (int i = events->count; i < count; i++)
            more[i] = NULL;
        events->event = more;
        events->count = count;
    }
    if (events->event[number] == NULL &&
        cuda_failed(cuda, cudaEventCreateWithFlags(&events->event[number], flags), "an event"))
        events->event[number] = NULL;
    return events->event[number];
}

void lanes_mark(struct device *d, enum lane lane, int slot)
{
    struct device_cuda *cuda = d->state;
    cudaEvent_t event = event_at(cuda, &cuda->marks, slot, cudaEventDisableTiming);
    if (event != NULL)
        cuda_failed(cuda, cudaEventRecord(event, cuda->lanes[lane]), "an event");
}

void lanes_await(struct device *d, enum lane lane, int slot)
{
    struct device_cuda *cuda = d->state;
    if (slot < cuda->marks.count && cuda->marks.event[slot] != NULL)
        cuda_failed(cuda, cudaStreamWaitEvent(cuda->lanes[lane], cuda->marks.event[slot], 0),
                    "waiting for another stream");
}

int lanes_stamp(struct device *d, enum lane lane)
{
    struct device_cuda *cuda = d->state;
    cudaEvent_t event = event_at(cuda, &cuda->stamps, cuda->stamp_count, cudaEventDefault);
    if (event == NULL || cuda_failed(cuda, cudaEventRecord(event, cuda->lanes[lane]), "an event"))
        return -1;
    return cuda->stamp_count++;
}

double lanes_stamp_time(struct device *d, int number)
{
    struct device_cuda *cuda = d->state;
    float ms = 0;
    if (number < 0 || number >= cuda->stamp_count)
        return 0;
    cuda_failed(cuda, cudaEventSynchronize(cuda->stamps.event[number]), "an event");
    cuda_failed(cuda, cudaEventElapsedTime(&ms, cuda->stamps.event[0], cuda->stamps.event[number]),
                "the time between two events");
    return (double)ms * 1e-3;
}

void lanes_stamps_clear(struct device *d)
{
    ((struct device_cuda *)d->state)->stamp_count = 0;
}

void *lanes_queue(struct device *d, enum lane lane)
{
    return ((struct device_cuda *)d->state)->lanes[lane];
}

void *lanes_pin(struct device *d, size_t bytes, struct sft_error *err)
{
    void *memory = NULL;
    cudaError_t status = cudaMallocHost(&memory, bytes > 0 ? bytes : 1);
    if (status == cudaSuccess)
        return memory;
    cudaGetLastError();
    sft_error_set(err, "%s: no room for %.2f GiB of pinned host memory (%s)", d->title,
                  (double)bytes / (1 << 30), cudaGetErrorString(status));
    return NULL;
}

void lanes_unpin(struct device *d, void *memory)
{
    (void)d;
    cudaFreeHost(memory);
}

void lanes_copy(struct device *d, enum lane lane, void *to, const void *from, size_t bytes)
{
    struct device_cuda *cuda = d->state;
    if (to != from && bytes > 0)
        cuda_failed(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, cuda->lanes[lane]),
                    "a copy on the GPU");
}
