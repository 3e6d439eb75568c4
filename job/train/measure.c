/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/roofline.h"
#include "lib/stats.h"

#define RANKS_TEXT 513 /* bytes of all ranks' times in the record */

struct measure {
    const struct observed *run;
    size_t count;
    double exposed;  /* seconds, sum: of waiting for weights and gradients */
    struct work sum; /* over the measured steps */
    double *compute; /* [count] as below, without waiting for other ranks */
    double step[];   /* [count] seconds from the step's begin to its end on this rank */
};

/* What can be said after at least one measured step. A figure is the mean work of a step over the
 * median step. */
struct figures {
    double step, mad, p95;                    /* seconds */
    double all;                               /* seconds, of all steps */
    double samples, processed, real, trained; /* a second, all ranks */
    double tflops;                            /* of one rank */
    double exposed;                           /* seconds of a step, mean of this rank's */
};

static int measure_open(const struct observed *run, void **self, struct sft_error *err)
{
    size_t steps = (size_t)run->training->input->plan.steps;
    struct measure *measure = calloc(1, sizeof *measure + 2 * steps * sizeof measure->step[0]);
    if (measure == NULL)
        return sft_error_set(err, "no memory for the times of %zu steps", steps);
    measure->run = run;
    measure->compute = measure->step + steps;
    *self = measure;
    return 0;
}

static void measure_add(struct measure *measure, const struct step *step)
{
    struct work *sum = &measure->sum;
    measure->step[measure->count] = step->total;
    measure->compute[measure->count++] = step->total - step->waited;
    measure->exposed += step->exposed;
    sum->samples += step->work.samples;
    sum->processed += step->work.processed;
    sum->real += step->work.real;
    sum->trained += step->work.trained;
    sum->squared_lengths += step->work.squared_lengths;
    sum->flops += step->work.flops;
}

static struct figures measure_figures(const struct measure *measure)
{
    const struct work *sum = &measure->sum;
    struct figures f = {
        .step = sft_stats_median(measure->step, measure->count),
        .mad = sft_stats_mad(measure->step, measure->count),
        .p95 = sft_stats_quantile(measure->step, measure->count, 0.95),
    };
    double seconds = f.step * (double)measure->count;
    for (size_t i = 0; i < measure->count; i++)
        f.all += measure->step[i];
    f.samples = sum->samples / seconds;
    f.processed = sum->processed / seconds;
    f.real = sum->real / seconds;
    f.trained = sum->trained / seconds;
    f.exposed = measure->exposed / (double)measure->count;
    f.tflops = sum->flops / measure->run->training->control->size / seconds / 1e12;
    return f;
}

static int record_figures(const struct observed *run, const struct figures *f,
                          struct sft_error *err)
{
    const struct {
        const char *key;
        double value;
    } reals[] = {
        {"step_ms", f->step * 1e3},       {"step_mad_ms", f->mad * 1e3},
        {"step_p95_ms", f->p95 * 1e3},    {"samples_s", f->samples},
        {"tok_s", f->processed},          {"tok_s_real", f->real},
        {"tok_s_trained", f->trained},    {"tflops", f->tflops},
        {"exposed_ms", f->exposed * 1e3}, {"steps_s", f->all},
    };
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (sft_record_set_real(run->record, reals[i].key, reals[i].value, err) < 0)
            return -1;
    if (run->peak_tflops == 0)
        return 0;
    return sft_record_set_real(run->record, "mfu", 100 * f->tflops / run->peak_tflops, err);
}

/* The record has the figures so far at any time: a run may be ended before its last step. */
static int measure_step(void *self, struct step *step, struct sft_error *err)
{
    struct measure *measure = self;
    const struct observed *run = measure->run;
    if (!step->measured)
        return 0;
    measure_add(measure, step);
    if (run->record == NULL)
        return 0;
    struct figures figures = measure_figures(measure);
    step->tok_s = figures.processed;
    if (sft_roofline_check(figures.tflops, run->limit_tflops, "a rank's rate", err) < 0)
        return -1;
    return record_figures(run, &figures, err);
}

/* This process' highest resident memory; 0 where unknown. */
static double process_gib(void)
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

/* GiB: of the device in use at the end, since nothing is given back before; else of the process. */
static double rank_memory(struct device *device)
{
    size_t used, all;
    device->memory(device, &used, &all);
    return all > 0 ? ldexp((double)used, -30) : process_gib();
}

/* "1234.5,1233.1,...", by rank; nothing where the record would not hold it. */
static int record_each(struct sft_record *record, const double *ms, int ranks,
                       struct sft_error *err)
{
    char text[RANKS_TEXT];
    size_t used = 0;
    for (int i = 0; i < ranks && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.5g", i > 0 ? "," : "", ms[i]);
    return used < sizeof text ? sft_record_set(record, "ranks_ms", text, err) : 0;
}

/* Who computes slowest. all: [ranks] pairs of a rank's median seconds and its GiB. */
static int record_ranks(const struct observed *run, const double *all, struct sft_record *record,
                        struct sft_error *err)
{
    int ranks = run->training->control->size, slow = 0;
    double *ms = run->rank_ms, memory = 0;
    for (int i = 0; i < ranks; i++) {
        ms[i] = all[2 * i] * 1e3;
        memory = fmax(memory, all[2 * i + 1]);
        slow = ms[i] > ms[slow] ? i : slow;
    }
    double median = sft_stats_median(ms, (size_t)ranks);
    if (sft_record_set_real(record, "rank_ms", median, err) < 0 ||
        sft_record_set_integer(record, "slow_rank", slow, err) < 0 ||
        sft_record_set(record, "slow_host", run->hosts + (size_t)slow * CONTROL_HOST, err) < 0 ||
        sft_record_set_real(record, "slow_ms", ms[slow], err) < 0 ||
        record_each(record, ms, ranks, err) < 0)
        return -1;
    return sft_record_set_real(record, "mem_gib", memory, err);
}

static int measure_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct measure *measure = self;
    const struct training *t = measure->run->training;
    double mine[] = {sft_stats_median(measure->compute, measure->count), rank_memory(t->device)};
    double *all = calloc((size_t)t->control->size * 2, sizeof *all);
    if (all == NULL)
        return sft_error_set(err, "no memory for the times of %d ranks", t->control->size);
    int failed = control_gather(t->control, mine, sizeof mine, all, err);
    if (!failed && record != NULL)
        failed = record_ranks(measure->run, all, record, err);
    free(all);
    return failed;
}

const struct observer observer_measure = {
    .open = measure_open,
    .step = measure_step,
    .record = measure_record,
    .close = free,
};
