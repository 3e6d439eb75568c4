/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU device: memory, and lanes whose work is done at once: nothing waits, and a stamp is the
 * time. */
#include "job/tensor/cpu/cpu_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"

enum { ALIGNMENT = 256 };

float *cpu_scratch(struct device *d, size_t count)
{
    struct device_cpu *cpu = d->state;
    if (count <= cpu->scratch_count)
        return cpu->scratch;
    free(cpu->scratch);
    cpu->scratch_count = 0;
    cpu->scratch = d->allocate(d, count * sizeof(float), &cpu->failed);
    if (cpu->scratch != NULL)
        cpu->scratch_count = count;
    return cpu->scratch;
}

static void cpu_destroy(struct device *d)
{
    struct device_cpu *cpu = d->state;
    free(cpu->scratch);
    free(cpu->stamps);
    free(cpu);
}

static void *cpu_allocate(struct device *d, size_t bytes, struct sft_error *err)
{
    void *memory = NULL;
    (void)d;
    if (bytes <= SIZE_MAX - ALIGNMENT)
        memory = aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
    if (memory == NULL)
        sft_error_set(err, "no memory for %.2f GiB: use a smaller model, seq or micro-batch",
                      (double)bytes / (1 << 30));
    return memory;
}

static void cpu_release(struct device *d, void *memory)
{
    (void)d;
    free(memory);
}

/* The process is what is there before a model is: libraries, records, buffers of MPI. */
static void cpu_memory(struct device *d, size_t *used, size_t *all)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    (void)d;
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    *used = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    *all = 0;
}

static void cpu_zero(struct device *d, void *memory, size_t bytes)
{
    (void)d;
    memset(memory, 0, bytes);
}

static void cpu_write(struct device *d, void *to, const void *host, size_t bytes)
{
    (void)d;
    if (bytes > 0)
        memcpy(to, host, bytes);
}

static void cpu_read(struct device *d, void *host, const void *from, size_t bytes)
{
    cpu_write(d, host, from, bytes);
}

static void cpu_read_many(struct device *d, const struct read_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cpu_read(d, parts[i].host, parts[i].from, parts[i].bytes);
}

static void cpu_copy(struct device *d, enum lane lane, void *to, const void *from, size_t bytes)
{
    (void)d, (void)lane;
    if (to != from)
        memcpy(to, from, bytes);
}

static int cpu_sync(struct device *d, struct sft_error *err)
{
    struct device_cpu *cpu = d->state;
    if (cpu->failed.text[0] == '\0')
        return 0;
    sft_error_set(err, "%s", cpu->failed.text);
    cpu->failed.text[0] = '\0';
    return -1;
}

static void cpu_mark(struct device *d, enum lane lane, int slot)
{
    (void)d, (void)lane, (void)slot;
}

static int cpu_stamp(struct device *d, enum lane lane)
{
    struct device_cpu *cpu = d->state;
    (void)lane;
    if (cpu->stamp_count == cpu->stamp_room) {
        int room = cpu->stamp_room > 0 ? 2 * cpu->stamp_room : 256;
        double *stamps = realloc(cpu->stamps, (size_t)room * sizeof *stamps);
        if (stamps == NULL) {
            sft_error_set(&cpu->failed, "no memory for %d times", room);
            return -1;
        }
        cpu->stamps = stamps;
        cpu->stamp_room = room;
    }
    cpu->stamps[cpu->stamp_count] = sft_clock_now();
    return cpu->stamp_count++;
}

static double cpu_stamp_time(struct device *d, int number)
{
    struct device_cpu *cpu = d->state;
    return number < 0 || number >= cpu->stamp_count ? 0 : cpu->stamps[number] - cpu->stamps[0];
}

static void cpu_stamps_clear(struct device *d)
{
    ((struct device_cpu *)d->state)->stamp_count = 0;
}

static void *cpu_queue(struct device *d, enum lane lane)
{
    (void)d, (void)lane;
    return NULL;
}

static const struct device cpu_table = {
    .name = "cpu",
    .title = "CPU",
    .format = FORMAT_FP32,
    .scalings = 1 << SCALING_TENSOR | 1 << SCALING_ROW,
    .logits = 16 << 20,
    .ops = &cpu_ops,
    .destroy = cpu_destroy,
    .allocate = cpu_allocate,
    .release = cpu_release,
    .pin = cpu_allocate,
    .unpin = cpu_release,
    .memory = cpu_memory,
    .zero = cpu_zero,
    .write = cpu_write,
    .read = cpu_read,
    .read_many = cpu_read_many,
    .copy = cpu_copy,
    .sync = cpu_sync,
    .mark = cpu_mark,
    .await = cpu_mark,
    .stamp = cpu_stamp,
    .stamp_time = cpu_stamp_time,
    .stamps_clear = cpu_stamps_clear,
    .queue = cpu_queue,
};

struct device *device_create_cpu(struct sft_error *err)
{
    struct device_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL) {
        sft_error_set(err, "no memory for the CPU device");
        return NULL;
    }
    cpu->table = cpu_table;
    cpu->table.state = cpu;
    return &cpu->table;
}
