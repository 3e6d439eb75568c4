/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes of a backend whose work is done at once: nothing waits, and a stamp is the time. */
#include "job/tensor/cpu/backend_cpu.h"

#include <stdlib.h>
#include <time.h>

void backend_cpu_mark(struct backend *b, enum backend_lane lane, int slot)
{
    (void)b, (void)lane, (void)slot;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int backend_cpu_stamp(struct backend *b, enum backend_lane lane)
{
    struct backend_cpu *cpu = b->state;
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
    cpu->stamps[cpu->stamp_count] = now();
    return cpu->stamp_count++;
}

double backend_cpu_stamp_time(struct backend *b, int number)
{
    struct backend_cpu *cpu = b->state;
    return number < 0 || number >= cpu->stamp_count ? 0 : cpu->stamps[number] - cpu->stamps[0];
}

void backend_cpu_stamps_clear(struct backend *b)
{
    ((struct backend_cpu *)b->state)->stamp_count = 0;
}

void *backend_cpu_queue(struct backend *b, enum backend_lane lane)
{
    (void)b, (void)lane;
    return NULL;
}
