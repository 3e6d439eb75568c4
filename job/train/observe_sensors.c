/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "job/train/sensors.h"

struct observe {
    const struct observed *run;
    struct sensors *sensors; /* NULL: this GPU says nothing */
    double tokens;           /* of the measured steps, all ranks */
};

static void observe_close(void *self)
{
    struct observe *observe = self;
    sensors_close(observe->sensors);
    free(observe);
}

static int observe_open(const struct observed *run, void **self, struct sft_error *err)
{
    const char *bus_id = run->training->device->bus_id;
    struct sft_error why;
    if (bus_id[0] == '\0')
        return 0;
    struct observe *observe = calloc(1, sizeof *observe);
    if (observe == NULL)
        return sft_error_set(err, "no memory for the sensors");
    observe->run = run;
    observe->sensors = sensors_open(NULL, bus_id, &why);
    if (observe->sensors == NULL || sensors_start(observe->sensors, &why) < 0) {
        fprintf(stderr, "sft-bench-job: no sensors of %s: %s\n", run->host, why.text);
        sensors_close(observe->sensors);
        observe->sensors = NULL;
    }
    *self = observe;
    return 0;
}

static void observe_begin(void *self, int number)
{
    struct observe *observe = self;
    if (observe->sensors != NULL && number == observe->run->training->input->plan.warmup)
        sensors_begin(observe->sensors);
}

static int observe_step(void *self, struct step *step, struct sft_error *err)
{
    struct observe *observe = self;
    (void)err;
    step->sensors = observe->sensors;
    if (step->measured)
        observe->tokens += step->work.real;
    return 0;
}

static void observe_end(void *self, bool complete)
{
    struct observe *observe = self;
    if (observe->sensors != NULL && complete) /* a GPU that failed may keep its driver waiting */
        sensors_end(observe->sensors);
}

enum column { UTILIZATION, POWER, ENERGY, CLOCK, TEMPERATURE, LIMITED, REASONS, COLUMNS };

static void observe_row(struct sensors *sensors, double row[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        row[i] = NAN;
    if (sensors == NULL)
        return;
    struct sensors_figures f = sensors_read(sensors);
    sensors_drop_averages(&f);
    row[UTILIZATION] = f.utilization;
    row[POWER] = f.energy / f.seconds;
    row[ENERGY] = f.energy;
    row[CLOCK] = f.sm_clock;
    row[TEMPERATURE] = f.temperature;
    row[LIMITED] = 100 * f.limited;
    row[REASONS] = (double)f.reasons; /* few bits: exact */
}

/* Of the ranks; NAN when any says nothing, since a sum of some is none of all. */
static double column_sum(const double *all, int ranks, enum column column)
{
    double sum = 0;
    for (int rank = 0; rank < ranks; rank++)
        sum += all[rank * COLUMNS + column];
    return sum;
}

static double column_extreme(const double *all, int ranks, enum column column, bool highest)
{
    double value = all[column];
    for (int rank = 1; rank < ranks; rank++) {
        double other = all[rank * COLUMNS + column];
        value = highest ? fmax(value, other) : fmin(value, other);
    }
    return value;
}

static int record_reasons(const double *all, int ranks, struct sft_record *record,
                          struct sft_error *err)
{
    unsigned long long reasons = 0;
    char text[SENSORS_REASONS_SIZE];
    for (int rank = 0; rank < ranks; rank++)
        if (isfinite(all[rank * COLUMNS + REASONS]))
            reasons |= (unsigned long long)all[rank * COLUMNS + REASONS];
    if (isnan(column_sum(all, ranks, LIMITED)))
        return 0;
    sensors_reasons(reasons, text, sizeof text);
    return sft_record_set(record, "clock_reasons", text, err);
}

static int record_all(const double *all, int ranks, double tokens, struct sft_record *record,
                      struct sft_error *err)
{
    double energy = column_sum(all, ranks, ENERGY);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"gpu_util", column_sum(all, ranks, UTILIZATION) / ranks},
        {"power_w", column_sum(all, ranks, POWER) / ranks},
        {"energy_j", energy},
        {"tok_j", energy > 0 ? tokens / energy : NAN},
        {"sm_mhz", column_extreme(all, ranks, CLOCK, false)},
        {"temp_c", column_extreme(all, ranks, TEMPERATURE, true)},
        {"limited", column_sum(all, ranks, LIMITED) / ranks},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (isfinite(figures[i].value) &&
            sft_record_set_real(record, figures[i].key, figures[i].value, err) < 0)
            return -1;
    return record_reasons(all, ranks, record, err);
}

/* Means over the ranks, the hottest and the slowest GPU, all ranks' energy, and tokens a joule. */
static int observe_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct observe *observe = self;
    struct control *control = observe->run->training->control;
    double row[COLUMNS];
    double *all = calloc((size_t)control->size * COLUMNS, sizeof *all);
    if (all == NULL)
        return sft_error_set(err, "no memory for the sensors of %d ranks", control->size);
    observe_row(observe->sensors, row);
    int failed = control_gather(control, row, sizeof row, all, err);
    if (!failed && record != NULL)
        failed = record_all(all, control->size, observe->tokens, record, err);
    free(all);
    return failed;
}

const struct observer observer_sensors = {
    .open = observe_open,
    .begin = observe_begin,
    .step = observe_step,
    .end = observe_end,
    .record = observe_record,
    .close = observe_close,
};
