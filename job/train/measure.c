/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/roofline.h"
#include "lib/stats.h"

#define RANKS_TEXT 513       /* bytes of all ranks' times in the record */
#define UNSTEADY 0.02        /* the whole and its median part by more: both are shown */
#define SLOW 1.1             /* times the median, and a step is slow */
#define SLOW_TEXT 200        /* bytes of which steps were slow */
#define FIGURES_SECONDS 0.25 /* a short step is not worth the sorting of all before it */

/* Of the measured steps so far, in their order. */
struct measure {
    const struct observed *run;
    size_t count, room;
    double *step;    /* [room] seconds from the step's begin to its end on this rank */
    double *compute; /* [room] the same without waiting for other ranks */
    double seconds;  /* all steps */
    double stopped;  /* seconds that are in none of them */
    double exposed;  /* seconds of them, waiting for weights and gradients */
    struct work sum;
    double figured; /* when figures went into the record; 0: never */
};

static int measure_open(const struct observed *run, void **self, struct sft_error *err)
{
    struct measure *measure = calloc(1, sizeof *measure);
    if (measure == NULL)
        return sft_error_set(err, "no memory for the times of steps");
    measure->run = run;
    *self = measure;
    return 0;
}

static void measure_close(void *self)
{
    struct measure *measure = self;
    free(measure->step);
    free(measure->compute);
    free(measure);
}

static int measure_grow(struct measure *measure, struct sft_error *err)
{
    size_t room = measure->room > 0 ? 2 * measure->room : 64;
    double *step = realloc(measure->step, room * sizeof *step);
    measure->step = step != NULL ? step : measure->step;
    double *compute = realloc(measure->compute, room * sizeof *compute);
    measure->compute = compute != NULL ? compute : measure->compute;
    if (step == NULL || compute == NULL)
        return sft_error_set(err, "no memory for the times of %zu steps", room);
    measure->room = room;
    return 0;
}

static int measure_add(struct measure *measure, const struct step *step, struct sft_error *err)
{
    struct work *sum = &measure->sum;
    if (measure->count == measure->room && measure_grow(measure, err) < 0)
        return -1;
    measure->step[measure->count] = step->total;
    measure->compute[measure->count++] = step->total - step->waited;
    measure->seconds += step->total;
    measure->stopped += step->stopped;
    measure->exposed += step->exposed;
    sum->samples += step->work.samples;
    sum->processed += step->work.processed;
    sum->real += step->work.real;
    sum->trained += step->work.trained;
    sum->squared_lengths += step->work.squared_lengths;
    sum->flops += step->work.flops;
    return 0;
}

/* "3-5,12", numbers of measured steps from 1; cut at an end of one where there are too many. */
static size_t slow_steps(const struct measure *measure, double median, char text[SLOW_TEXT])
{
    size_t slow = 0, used = 0;
    text[0] = '\0';
    for (size_t i = 0, first = 0; i <= measure->count; i++) {
        bool is = i < measure->count && measure->step[i] > SLOW * median;
        bool before = i > 0 && measure->step[i - 1] > SLOW * median;
        slow += is;
        if (is && !before)
            first = i;
        if (is || !before || used > SLOW_TEXT - 32)
            continue;
        const char *comma = used > 0 ? "," : "";
        used += (size_t)snprintf(text + used, SLOW_TEXT - used,
                                 i - first > 1 ? "%s%zu-%zu" : "%s%zu", comma, first + 1, i);
        if (used > SLOW_TEXT - 32)
            snprintf(text + used, SLOW_TEXT - used, ",...");
    }
    return slow;
}

/* Throughput is work over time, whatever single steps took. Where the median step says something
 * else, a reader must see both. */
static int record_steadiness(const struct measure *measure, double median, struct sft_error *err)
{
    struct sft_record *record = measure->run->record;
    double tok_s = measure->sum.real / measure->seconds;
    double steady = measure->sum.real / ((double)measure->count * median);
    char at[SLOW_TEXT];
    if (measure->stopped > 0.5 &&
        sft_record_set_real(record, "suspended_s", measure->stopped, err) < 0)
        return -1;
    if (fabs(tok_s / steady - 1) <= UNSTEADY) {
        static const char *const keys[] = {"unsteady", "tok_s_median", "slow_steps", "slow_at"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            sft_record_unset(record, keys[i]);
        return 0;
    }
    size_t slow = slow_steps(measure, median, at);
    if (sft_record_set_real(record, "unsteady", 100 * (steady - tok_s) / steady, err) < 0 ||
        sft_record_set_real(record, "tok_s_median", steady, err) < 0 ||
        sft_record_set_integer(record, "slow_steps", (long long)slow, err) < 0)
        return -1;
    return sft_record_set(record, "slow_at", at, err);
}

/* A rank's rate while a median step runs, TFLOP/s: no other figure is higher. */
static double median_tflops(const struct measure *measure, double median)
{
    return measure->sum.flops / measure->run->training->control->size /
           ((double)measure->count * median) / 1e12;
}

static int record_figures(const struct measure *measure, double median, struct sft_error *err)
{
    const struct observed *run = measure->run;
    const struct work *sum = &measure->sum;
    double all = measure->seconds, steps = (double)measure->count;
    double tflops = sum->flops / run->training->control->size / all / 1e12;
    const struct {
        const char *key;
        double value;
    } reals[] = {
        {"step_ms", median * 1e3},
        {"step_mad_ms", sft_stats_mad(measure->step, measure->count) * 1e3},
        {"step_p95_ms", sft_stats_quantile(measure->step, measure->count, 0.95) * 1e3},
        {"exposed_ms", measure->exposed / steps * 1e3},
        {"steps_s", all},
        {"samples_s", sum->samples / all},
        {"tok_s", sum->real / all},
        {"tok_s_trained", sum->trained / all},
        {"tflops", tflops},
        {"mfu", run->peak_tflops > 0 ? 100 * tflops / run->peak_tflops : NAN},
        {"tok_s_processed", sum->processed > sum->real ? sum->processed / all : NAN},
    };
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (!isnan(reals[i].value) &&
            sft_record_set_real(run->record, reals[i].key, reals[i].value, err) < 0)
            return -1;
    if (sft_record_set_integer(run->record, "steps_done", (long long)measure->count, err) < 0)
        return -1;
    return record_steadiness(measure, median, err);
}

static int measure_figure(struct measure *measure, struct sft_error *err)
{
    double median = sft_stats_median(measure->step, measure->count);
    measure->figured = sft_clock_now();
    if (sft_roofline_check(median_tflops(measure, median), measure->run->limit_tflops,
                           "a rank's rate", err) < 0)
        return -1;
    return record_figures(measure, median, err);
}

/* The record has the figures so far at any time: a run may be ended before its last step. */
static int measure_step(void *self, struct step *step, struct sft_error *err)
{
    struct measure *measure = self;
    if (step->first && measure->run->record != NULL &&
        sft_record_set_real(measure->run->record, "first_ms", step->total * 1e3, err) < 0)
        return -1;
    if (!step->measured)
        return 0;
    if (measure_add(measure, step, err) < 0)
        return -1;
    step->tok_s = measure->sum.real / measure->seconds;
    step->seconds = measure->seconds;
    if (measure->run->record == NULL || sft_clock_now() - measure->figured < FIGURES_SECONDS)
        return 0;
    return measure_figure(measure, err);
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
    if (measure->count == 0) /* told to end before, or all was done before */
        return 0;
    if (measure->run->record != NULL && measure_figure(measure, err) < 0)
        return -1;
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
    .close = measure_close,
};
