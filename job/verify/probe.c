/* SPDX-License-Identifier: Apache-2.0 */
#include "job/verify/probe.h"

#include <math.h>
#include <string.h>

#include "job/tensor/ops.h"
#include "lib/clock.h"
#include "lib/stats.h"

/* A repeat is longer than what schedulers, clocks and power controls change in. */
#define REPEAT_SECONDS 0.4
/* Copies over a bus have no clocks that change, and GPUs wait for each other's turn. */
#define BUS_SECONDS 0.1

/* What one check enqueues, and how much work that is in its unit. */
struct work_item {
    void (*enqueue)(const struct work_item *item);
    struct device *device;
    struct matmul_args matmul;
    void *from, *to;
    size_t bytes;
    double amount;  /* TFLOP, GB */
    double seconds; /* of a repeat */
};

static double item_time(const struct work_item *item, long count, struct sft_error *err)
{
    double begin = sft_clock_now();
    for (long i = 0; i < count; i++)
        item->enqueue(item);
    return item->device->sync(item->device, err) < 0 ? -1 : sft_clock_now() - begin;
}

/* The first time is the warm-up, the second says how often it goes into a repeat. */
static int item_measure(const struct work_item *item, double values[JUDGE_REPEATS],
                        struct sft_error *err)
{
    if (item_time(item, 1, err) < 0)
        return -1;
    double once = item_time(item, 1, err);
    if (once < 0)
        return -1;
    long count = 1 + (long)(item->seconds / fmax(once, 1e-6));
    for (int i = 0; i < JUDGE_REPEATS; i++) {
        double seconds = item_time(item, count, err);
        if (seconds < 0)
            return -1;
        values[i] = (double)count * item->amount / seconds;
    }
    return JUDGE_REPEATS;
}

static void enqueue_matmul(const struct work_item *item)
{
    item->device->ops->matmul(item->device, &item->matmul);
}

static void enqueue_copy(const struct work_item *item)
{
    item->device->copy(item->device, LANE_COMPUTE, item->to, item->from, item->bytes);
}

static bool on_gpu(const struct device *device)
{
    return device->bus_id[0] != '\0';
}

/* Values as a training has them: zeros would draw less power, and run faster. */
static void matmul_operand(struct device *d, struct tensor *x, void *memory, int n, uint64_t seed)
{
    struct fill_args fill = {.deviation = 0.02F, .seed = seed};
    *x = (struct tensor){.format = d->format, .rows = n, .columns = n, .data = memory};
    fill.to = (struct array){.data = memory, .count = (size_t)n * (size_t)n, .format = d->format};
    d->ops->fill(d, &fill);
}

/* Three matrices of 8192 on a GPU, 384 MiB in bf16; 512 on a CPU stays in its caches. */
static int probe_gemm(struct device *d, double values[JUDGE_REPEATS], struct sft_error *err)
{
    int n = on_gpu(d) ? 8192 : 512;
    size_t bytes = format_bytes(d->format, (size_t)n * (size_t)n);
    struct work_item item = {.enqueue = enqueue_matmul, .device = d, .seconds = REPEAT_SECONDS};
    char *memory = d->allocate(d, 3 * bytes, err);
    if (memory == NULL)
        return -1;
    matmul_operand(d, &item.matmul.a, memory, n, 1);
    matmul_operand(d, &item.matmul.b, memory + bytes, n, 2);
    matmul_operand(d, &item.matmul.c, memory + 2 * bytes, n, 3);
    item.amount = 2e-12 * n * n * n;
    int count = item_measure(&item, values, err);
    d->release(d, memory);
    return count;
}

/* Far above any cache: 2 GiB of a GPU, 128 MiB of a CPU; each byte is read and written. */
static int probe_memory(struct device *d, double values[JUDGE_REPEATS], struct sft_error *err)
{
    size_t bytes = on_gpu(d) ? (size_t)1 << 30 : (size_t)64 << 20;
    char *memory = d->allocate(d, 2 * bytes, err);
    if (memory == NULL)
        return -1;
    d->zero(d, memory, 2 * bytes);
    struct work_item item = {.enqueue = enqueue_copy,
                             .device = d,
                             .from = memory,
                             .to = memory + bytes,
                             .bytes = bytes,
                             .amount = 2e-9 * (double)bytes,
                             .seconds = REPEAT_SECONDS};
    int count = item_measure(&item, values, err);
    d->release(d, memory);
    return count;
}

static void enqueue_and_wait(const struct work_item *item)
{
    struct fill_args fill = {.to = {.data = item->to, .count = 1, .format = item->device->format}};
    item->device->ops->fill(item->device, &fill);
    item->device->sync(item->device, NULL);
}

/* To the end of the operation: of a GPU alone, where the host's part is most of it. */
static int probe_launch(struct device *d, double values[JUDGE_REPEATS], struct sft_error *err)
{
    struct work_item item = {
        .enqueue = enqueue_and_wait, .device = d, .amount = 1e-6, .seconds = REPEAT_SECONDS};
    if (!on_gpu(d))
        return 0;
    item.to = d->allocate(d, 256, err);
    if (item.to == NULL)
        return -1;
    int count = item_measure(&item, values, err);
    for (int i = 0; i < count; i++)
        values[i] = 1 / values[i]; /* us a launch, of launches in a us */
    d->release(d, item.to);
    return count;
}

/* Between pinned memory and the GPU: 256 MiB, far above what the bus buffers. */
static int probe_bus(struct device *d, bool to_device, double values[JUDGE_REPEATS],
                     struct sft_error *err)
{
    size_t bytes = (size_t)256 << 20;
    if (!on_gpu(d))
        return 0;
    char *host = d->pin(d, bytes, err), *memory = d->allocate(d, bytes, err);
    int count = -1;
    if (host != NULL && memory != NULL) {
        memset(host, 1, bytes); /* its pages are there, near this rank's core */
        struct work_item item = {.enqueue = enqueue_copy,
                                 .device = d,
                                 .from = to_device ? host : memory,
                                 .to = to_device ? memory : host,
                                 .bytes = bytes,
                                 .amount = 1e-9 * (double)bytes,
                                 .seconds = BUS_SECONDS};
        count = item_measure(&item, values, err);
    }
    d->release(d, memory);
    d->unpin(d, host);
    return count;
}

int probe_pass(struct device *device, enum check check, double values[JUDGE_REPEATS],
               struct sft_error *err)
{
    switch (check) {
    case CHECK_GEMM:
        return probe_gemm(device, values, err);
    case CHECK_MEMORY:
        return probe_memory(device, values, err);
    case CHECK_LAUNCH:
        return probe_launch(device, values, err);
    case CHECK_H2D:
    case CHECK_H2D_ALL:
        return probe_bus(device, true, values, err);
    case CHECK_D2H:
    case CHECK_D2H_ALL:
        return probe_bus(device, false, values, err);
    default:
        return 0;
    }
}
