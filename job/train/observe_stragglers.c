/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <math.h>
#include <stdlib.h>

#include "job/train/sensors.h"
#include "job/train/straggler_text.h"
#include "lib/stats.h"

/* Ranks send five numbers each, right after a sum that all waited for: 0.2 ms among a few hosts. So
 * short steps are judged more at a time. */
#define APART 0.1 /* s between two judgements, at least */

enum {
    EARLY = 5,         /* measured steps by which it is known how long they are */
    POLLS_LEAST = 3,   /* samples with a reason that make it one, or half of all */
    STEPS_MOST = 10000 /* between two judgements */
};

struct early {
    int number;
    double total, compute, work;
};

struct observe {
    const struct observed *run;
    struct early early[EARLY];
    int begun;                       /* of the early ones */
    size_t steps;                    /* between two judgements; 0: not known yet */
    size_t count;                    /* since the last */
    struct straggler_series *series; /* this rank's */
    struct sensors_figures before;   /* at the last judgement */
    /* On rank 0. */
    struct stragglers *judge;
    struct straggler_word *words;
    struct straggler_event *events;
    char (*causes)[STRAGGLER_CAUSE]; /* [ranks], of each one's last time */
    char text[STRAGGLER_TEXT];
};

static void observe_close(void *self)
{
    struct observe *o = self;
    straggler_series_destroy(o->series);
    stragglers_destroy(o->judge);
    free(o->words);
    free(o->events);
    free(o->causes);
    free(o);
}

static int observe_open(const struct observed *run, void **self, struct sft_error *err)
{
    const struct control *control = run->training->control;
    size_t ranks = (size_t)control->size;
    struct observe *o = calloc(1, sizeof *o);
    if (o == NULL)
        return sft_error_set(err, "no memory to look for stragglers");
    o->run = run;
    *self = o;
    if (control->rank != 0)
        return 0;
    o->judge = stragglers_create(control->size, err);
    o->words = calloc(ranks, sizeof *o->words);
    o->events = calloc(ranks, sizeof *o->events);
    o->causes = calloc(ranks, sizeof *o->causes);
    if (o->judge != NULL && o->words != NULL && o->events != NULL && o->causes != NULL)
        return 0;
    observe_close(o);
    *self = NULL;
    return sft_error_set(err, "no memory to look for stragglers among %zu ranks", ranks);
}

/* As rank 0's steps are long, once for all. */
static int observe_begin_series(struct observe *o, struct sft_error *err)
{
    double total[EARLY];
    for (int i = 0; i < EARLY; i++)
        total[i] = o->early[i].total;
    double steps = ceil(APART / sft_stats_median(total, EARLY));
    steps = fmin(fmax(steps, STRAGGLER_STEPS), STEPS_MOST);
    if (control_broadcast(o->run->training->control, &steps, sizeof steps, err) < 0)
        return -1;
    o->steps = (size_t)steps;
    o->series = straggler_series_create(o->steps, err);
    if (o->series == NULL)
        return -1;
    for (int i = 0; i < EARLY; i++)
        straggler_series_add(o->series, o->early[i].number, o->early[i].compute, o->early[i].work);
    return 0;
}

static int observe_add(struct observe *o, const struct step *step, struct sft_error *err)
{
    double compute = step->total - step->waited;
    o->count++;
    if (o->series != NULL) {
        straggler_series_add(o->series, step->number, compute, step->own_flops);
        return 0;
    }
    o->early[o->begun++] = (struct early){step->number, step->total, compute, step->own_flops};
    return o->begun < EARLY ? 0 : observe_begin_series(o, err);
}

/* Of the samples since the last judgement; without any the clock stays unknown. */
static void observe_sensors(struct observe *o, struct sensors *sensors, struct straggler_word *word)
{
    if (sensors == NULL)
        return;
    struct sensors_figures now = sensors_read(sensors);
    const struct sensors_figures *before = &o->before;
    long samples = now.samples - before->samples;
    if (samples > 0)
        word->sm_mhz = (now.sm_clock * (double)now.samples -
                        (before->samples > 0 ? before->sm_clock * (double)before->samples : 0)) /
                       (double)samples;
    unsigned reasons = 0;
    for (int bit = 0; bit < SENSORS_REASONS; bit++) {
        long held = now.held[bit] - before->held[bit];
        if (held > 0 && (held >= POLLS_LEAST || 2 * held >= samples))
            reasons |= 1u << bit;
    }
    word->reasons = reasons;
    o->before = now;
}

static int observe_figures(const struct observe *o, struct sft_record *record,
                           struct sft_error *err)
{
    struct straggler_event worst;
    const char *hosts = o->run->hosts;
    if (sft_record_set_integer(record, "stragglers", stragglers_count(o->judge), err) < 0)
        return -1;
    if (!stragglers_worst(o->judge, &worst))
        return 0;
    const char *cause = o->causes[worst.rank];
    if (sft_record_set_integer(record, "straggler_rank", worst.rank, err) < 0 ||
        sft_record_set(record, "straggler_host", hosts + (size_t)worst.rank * CONTROL_HOST, err) <
            0 ||
        sft_record_set_real(record, "straggler_pct", worst.percent, err) < 0 ||
        sft_record_set_integer(record, "straggler_step", worst.since + 1, err) < 0 ||
        sft_record_set_integer(record, "straggler_steps", worst.until - worst.since, err) < 0)
        return -1;
    sft_record_unset(record, "straggler_cause"); /* another's */
    return cause[0] == '\0' ? 0 : sft_record_set(record, "straggler_cause", cause, err);
}

static int observe_judge(struct observe *o, struct step *step, struct sft_error *err)
{
    int ranks = o->run->training->control->size;
    size_t count = stragglers_judge(o->judge, o->words, step->number + 1 - (int)o->steps,
                                    step->number, o->events);
    for (size_t i = 0; i < count; i++)
        if (o->events[i].begins)
            straggler_cause(o->words, ranks, o->events[i].rank, o->causes[o->events[i].rank]);
    if (count > 0) {
        straggler_lines(o->events, count, o->causes, o->run->hosts, CONTROL_HOST, o->text);
        step->told = o->text;
    }
    return o->run->record == NULL ? 0 : observe_figures(o, o->run->record, err);
}

static int observe_step(void *self, struct step *step, struct sft_error *err)
{
    struct observe *o = self;
    struct control *control = o->run->training->control;
    if (!step->measured)
        return 0;
    if (observe_add(o, step, err) < 0)
        return -1;
    if (o->steps == 0 || o->count < o->steps)
        return 0;
    struct straggler_word word = straggler_series_word(o->series);
    observe_sensors(o, step->sensors, &word);
    o->count = 0;
    if (control_gather(control, &word, sizeof word, o->words, err) < 0)
        return -1;
    return control->rank == 0 ? observe_judge(o, step, err) : 0;
}

const struct observer observer_stragglers = {
    .open = observe_open,
    .step = observe_step,
    .close = observe_close,
};
