/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of records that are not trained: the forward pass alone, over all of them once, a rank's
 * sequences being each so-manieth, and the mean over their trained tokens on all ranks. It stands
 * between steps, in none of their times. */
#include "job/train/observer.h"

#include <math.h>
#include <stdlib.h>

#include "job/train/keep.h"
#include "lib/clock.h"

#define EVERY 100 /* steps, where nobody knows how many there will be */

struct evaluate {
    const struct observed *run;
    struct batch batch;
    int every;    /* steps between two */
    int steps;    /* all of the run; 0: not known */
    int done;     /* steps that were done */
    bool stopped; /* the run was told to end: there is no time */
    struct keep *keep;
    double seconds; /* of all */
    double tokens;  /* trained ones of one; 0: there was none yet */
};

static void eval_close(void *self)
{
    struct evaluate *e = self;
    batch_destroy(&e->batch);
    free(e);
}

static int eval_every(const struct training *t)
{
    const struct sft_plan *plan = &t->input->plan;
    if (t->request.eval_every > 0)
        return t->request.eval_every;
    int tenth = (plan->warmup + plan->steps) / 10;
    return plan->steps == 0 ? EVERY : tenth > 0 ? tenth : 1;
}

static int eval_open(const struct observed *run, void **self, struct sft_error *err)
{
    const struct training *t = run->training;
    const struct sft_plan *plan = &t->input->plan;
    if (t->input->held == NULL)
        return 0;
    struct evaluate *e = calloc(1, sizeof *e);
    if (e == NULL)
        return sft_error_set(err, "no memory to evaluate");
    *e = (struct evaluate){.run = run,
                           .every = eval_every(t),
                           .steps = plan->steps > 0 ? plan->warmup + plan->steps : 0,
                           .keep = t->keep};
    if (batch_create(&e->batch, plan->micro_batch * plan->seq, err) == 0) {
        *self = e;
        return 0;
    }
    eval_close(e);
    return -1;
}

/* This rank's sums: of the losses, and of the tokens that have one. As many forward passes on each
 * rank, since weights may come from all. */
static int eval_sums(struct evaluate *e, double sums[2], struct sft_error *err)
{
    const struct training *t = e->run->training;
    const struct sft_plan *plan = &t->input->plan;
    uint64_t rank = (uint64_t)t->control->rank, size = (uint64_t)t->control->size,
             each = (uint64_t)plan->micro_batch;
    uint64_t all = (uint64_t)data_facts(t->input->held).packs;
    for (uint64_t turn = 0; turn * size * each < all; turn++) {
        double loss = 0;
        data_fill_once(t->input->held, (turn * size + rank) * each, plan->micro_batch, &e->batch);
        spans_start(t->spans);
        if (model_loss(t->model, &e->batch, &loss, err) < 0)
            return -1;
        sums[0] += loss;
        sums[1] += (double)e->batch.trained;
    }
    return 0;
}

static int eval_take(struct evaluate *e, double loss, struct sft_error *err)
{
    struct checkpoint_eval *known = &e->keep->eval;
    bool better = !known->any || loss < known->best;
    if (!known->any)
        known->first = loss;
    known->any = true;
    known->last = loss;
    known->last_step = e->done;
    if (!better)
        return 0;
    known->best = loss;
    known->best_step = e->done;
    return keep_take(e->keep, err);
}

static int eval_figures(const struct evaluate *e, struct sft_record *record, struct sft_error *err)
{
    const struct checkpoint_eval *known = &e->keep->eval;
    const struct {
        const char *key;
        double value;
    } reals[] = {{"eval_first", known->first},
                 {"eval_loss", known->last},
                 {"eval_best", known->best},
                 {"eval_s", e->seconds}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (sft_record_set_real(record, reals[i].key, reals[i].value, err) < 0)
            return -1;
    if (e->tokens > 0 &&
        sft_record_set_integer(record, "eval_tokens", (long long)e->tokens, err) < 0)
        return -1;
    return sft_record_set_integer(record, "eval_best_step", known->best_step, err);
}

/* Collective, and the same on all ranks. */
static int eval_run(struct evaluate *e, struct sft_error *err)
{
    double sums[2] = {0, 0}, begin = sft_clock_now();
    if (eval_sums(e, sums, err) < 0 || control_sum(e->run->training->control, sums, 2, err) < 0)
        return -1;
    double loss = sums[0] / sums[1];
    e->tokens = sums[1];
    if (!isfinite(loss) && e->done == 0)
        return sft_error_set(err,
                             "the loss of eval= is %g before anything was trained: the weights "
                             "hold what is no finite number, or are too large for this precision",
                             loss);
    if (!isfinite(loss))
        return sft_error_set(err,
                             "the loss of eval= after step %d is %g: training diverged; use a "
                             "smaller lr= or longer lr_warmup=",
                             e->done, loss);
    if (eval_take(e, loss, err) < 0)
        return -1;
    e->seconds += sft_clock_now() - begin;
    return e->run->record == NULL ? 0 : eval_figures(e, e->run->record, err);
}

static bool eval_is_due(const struct evaluate *e)
{
    return e->done % e->every == 0 || e->done == e->steps;
}

/* A run that goes on evaluates where the one that nothing happened to does: only what that one had
 * no time for is made up for. */
static int eval_start(void *self, struct sft_error *err)
{
    struct evaluate *e = self;
    const struct checkpoint_eval *known = &e->keep->eval;
    e->done = e->run->training->first_step;
    if (!known->any || isinf(known->best) || (known->last_step != e->done && eval_is_due(e)))
        return eval_run(e, err);
    return e->run->record == NULL ? 0 : eval_figures(e, e->run->record, err);
}

static int eval_step(void *self, struct step *step, struct sft_error *err)
{
    struct evaluate *e = self;
    e->done = step->number + 1;
    e->stopped = step->wish.stop > 0;
    if (e->stopped || !eval_is_due(e))
        return 0;
    if (eval_run(e, err) < 0)
        return -1;
    step->evaluated = true;
    step->eval_loss = e->keep->eval.last;
    return 0;
}

/* Where nobody knew which step is the last, it is evaluated now. */
static int eval_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct evaluate *e = self;
    (void)record;
    return e->stopped || e->keep->eval.last_step == e->done ? 0 : eval_run(e, err);
}

const struct observer observer_eval = {
    .open = eval_open,
    .start = eval_start,
    .step = eval_step,
    .record = eval_record,
    .close = eval_close,
};
