/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

int measure_create(struct measure *measure, size_t steps, struct sft_error *err)
{
    memset(measure, 0, sizeof *measure);
    measure->step = calloc(steps, sizeof *measure->step);
    measure->compute = calloc(steps, sizeof *measure->compute);
    measure->capacity = steps;
    if (measure->step != NULL && measure->compute != NULL)
        return 0;
    measure_destroy(measure);
    return sft_error_set(err, "no memory for the times of %zu steps", steps);
}

void measure_destroy(struct measure *measure)
{
    free(measure->step);
    free(measure->compute);
    memset(measure, 0, sizeof *measure);
}

void measure_add(struct measure *measure, double step, double compute, double exposed,
                 const struct work *work)
{
    if (measure->count == measure->capacity)
        return;
    measure->step[measure->count] = step;
    measure->compute[measure->count++] = compute;
    measure->exposed += exposed;
    measure->sum.samples += work->samples;
    measure->sum.processed += work->processed;
    measure->sum.real += work->real;
    measure->sum.trained += work->trained;
    measure->sum.squared_lengths += work->squared_lengths;
    measure->sum.flops += work->flops;
}

struct figures measure_figures(const struct measure *measure, int ranks)
{
    struct figures f = {
        .step = sft_stats_median(measure->step, measure->count),
        .mad = sft_stats_mad(measure->step, measure->count),
        .p95 = sft_stats_quantile(measure->step, measure->count, 0.95),
    };
    double seconds = f.step * (double)measure->count;
    for (size_t i = 0; i < measure->count; i++)
        f.all += measure->step[i];
    f.samples = measure->sum.samples / seconds;
    f.processed = measure->sum.processed / seconds;
    f.real = measure->sum.real / seconds;
    f.trained = measure->sum.trained / seconds;
    f.exposed = measure->exposed / (double)measure->count;
    f.tflops = measure->sum.flops / ranks / seconds / 1e12;
    return f;
}

int measure_ranks(const struct measure *measure, struct control *control, double *medians,
                  struct ranks *ranks, struct sft_error *err)
{
    double mine = sft_stats_median(measure->compute, measure->count);
    if (control_gather(control, &mine, sizeof mine, medians, err) < 0)
        return -1;
    if (control->rank != 0)
        return 0;
    ranks->median = sft_stats_median(medians, (size_t)control->size);
    ranks->slow_rank = 0;
    for (int rank = 1; rank < control->size; rank++)
        if (medians[rank] > medians[ranks->slow_rank])
            ranks->slow_rank = rank;
    ranks->slowest = medians[ranks->slow_rank];
    return 0;
}

double measure_peak_gib(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    fclose(status);
    return (double)kib / (1024 * 1024);
}
