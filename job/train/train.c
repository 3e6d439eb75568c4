/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop. A step is: fill the rank's micro-batches, agree on the step's trained tokens,
 * forward and backward of each, one sum of the gradients over the ranks, one update. */
#include "job/run/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/train/progress.h"
#include "lib/clock.h"
#include "lib/roofline.h"

#define RANKS_TEXT 513 /* bytes of all ranks' times in the record */

struct step {
    double loss;    /* mean over the trained tokens of all ranks */
    double total;   /* seconds */
    double waited;  /* seconds of these for other ranks */
    double exposed; /* of these, for weights and gradients */
    struct work work;
};

struct loop {
    struct run *run;
    struct batch *batches; /* [accumulation] */
    struct progress progress;
    double peak_tflops; /* no rank can be faster; 0: not known */
};

/* Wait for the device, then for the other ranks; the latter's time counts as waiting. */
static int loop_sum(struct loop *loop, struct step *step, double *values, size_t count,
                    struct sft_error *err)
{
    if (loop->run->backend->sync(loop->run->backend, err) < 0)
        return -1;
    double before = sft_clock_now();
    int result = control_sum(loop->run->control, values, count, err);
    step->waited += sft_clock_now() - before;
    return result;
}

/* Sequence numbers of a step go rank by rank: the global batch is the same for any rank count. */
static void step_fill(struct loop *loop, int number, struct work *mine)
{
    const struct sft_plan *plan = &loop->run->plan;
    uint64_t first = (uint64_t)number * (uint64_t)plan->global_batch +
                     (uint64_t)loop->run->control->rank * (uint64_t)plan->micro_batch *
                         (uint64_t)plan->accumulation;
    memset(mine, 0, sizeof *mine);
    for (int i = 0; i < plan->accumulation; i++) {
        struct batch *batch = &loop->batches[i];
        data_fill(loop->run->data, first + (uint64_t)i * (uint64_t)plan->micro_batch,
                  plan->micro_batch, batch);
        mine->samples += batch->documents;
        mine->processed += batch->rows;
        mine->real += (double)batch->real;
        mine->trained += (double)batch->trained;
        mine->squared_lengths += batch->squared_lengths;
    }
}

static int step_agree_work(struct loop *loop, struct step *step, struct sft_error *err)
{
    struct work *work = &step->work;
    double sums[] = {work->samples, work->processed, work->real, work->trained,
                     work->squared_lengths};
    if (loop_sum(loop, step, sums, 5, err) < 0)
        return -1;
    *work = (struct work){sums[0], sums[1], sums[2], sums[3], sums[4], 0};
    work->flops = sft_preset_flops(&loop->run->shape, work->real, work->squared_lengths);
    return 0;
}

/* The one step that is traced: the last of warm-up, so that no measured one is disturbed. */
static bool step_traced(const struct run *run, int number)
{
    int last = run->plan.warmup > 0 ? run->plan.warmup - 1 : 0;
    return run->request.trace[0] != '\0' && number == last;
}

static int step_trace(struct run *run, struct sft_error *err)
{
    struct sft_error why;
    if (trace_write(run->spans, run->control, run->request.trace, &why, err) < 0)
        return -1;
    if (run->result.active)
        result_file_end(&run->result, RESULT_TRACE, &why);
    return 0;
}

static int step_train(struct loop *loop, int number, struct step *step, struct sft_error *err)
{
    struct run *run = loop->run;
    float scale = step->work.trained > 0 ? (float)(1 / step->work.trained) : 0;
    shard_begin(run->shard, run->plan.accumulation);
    for (int i = 0; i < run->plan.accumulation; i++)
        if (model_step(run->model, &loop->batches[i], scale, NULL, err) < 0)
            return -1;
    if (shard_reduce(run->shard, err) < 0)
        return -1;
    int span = spans_begin(run->spans, SPAN_COMPUTE, LANE_COMPUTE, "AdamW");
    int failed = optim_step(run->optim, number, NULL, err);
    spans_end(run->spans, span);
    return failed < 0 ? -1 : shard_spread(run->shard, err);
}

static int step_run(struct loop *loop, int number, struct step *step, struct sft_error *err)
{
    struct run *run = loop->run;
    double begin = sft_clock_now(), loss = 0;
    memset(step, 0, sizeof *step);
    step_fill(loop, number, &step->work);
    spans_full(run->spans, step_traced(run, number));
    spans_start(run->spans);
    if (step_agree_work(loop, step, err) < 0 || step_train(loop, number, step, err) < 0 ||
        model_take_loss(run->model, &loss, err) < 0 || loop_sum(loop, step, &loss, 1, err) < 0)
        return -1;
    step->loss = step->work.trained > 0 ? loss / step->work.trained : 0;
    step->total = sft_clock_now() - begin;
    step->exposed = spans_waited(run->spans);
    step->waited += step->exposed;
    if (!isfinite(step->loss))
        return sft_error_set(err,
                             "the loss of step %d is %g: training diverged; use a smaller lr= or "
                             "longer lr_warmup=",
                             number + 1, step->loss);
    return step_traced(run, number) ? step_trace(run, err) : 0;
}

static int record_figures(struct run *run, const struct figures *f, struct sft_error *err)
{
    struct sft_record *r = &run->result.record;
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
        if (sft_record_set_real(r, reals[i].key, reals[i].value, err) < 0)
            return -1;
    double peak = run_peak_tflops(run);
    return peak > 0 ? sft_record_set_real(r, "mfu", 100 * f->tflops / peak, err) : 0;
}

/* Rank 0's account of a step: losses, figures so far, the record, the progress line. */
static int loop_account(struct loop *loop, int number, const struct step *step,
                        struct sft_error *err)
{
    struct run *run = loop->run;
    struct figures figures = {0};
    struct sft_record *record = &run->result.record;
    if (!run->result.active)
        return 0;
    if (run->measure.count > 0)
        figures = measure_figures(&run->measure, run->plan.ranks);
    if (run->measure.count > 0 &&
        (sft_roofline_check(figures.tflops, loop->peak_tflops, "a rank's rate", err) < 0 ||
         record_figures(run, &figures, err) < 0))
        return -1;
    progress_step(&loop->progress, number, step->loss, figures.processed);
    if (result_add_loss(&run->result, step->loss, err) < 0 ||
        sft_record_set_integer(record, "steps_done", (long long)run->measure.count, err) < 0 ||
        (number == 0 && sft_record_set_real(record, "loss_first", step->loss, err) < 0) ||
        sft_record_set_real(record, "loss_last", step->loss, err) < 0)
        return -1;
    return result_write(&run->result, number == 0, err);
}

/* GiB: of the device in use at the end, since nothing is given back before; else of the process. */
static double rank_memory(struct run *run)
{
    size_t used, all;
    run->backend->memory(run->backend, &used, &all);
    return all > 0 ? ldexp((double)used, -30) : measure_peak_gib();
}

/* "1234.5,1233.1,...", by rank; nothing where the record would not hold it. */
static int record_each(struct sft_record *record, const double *ms, size_t size,
                       struct sft_error *err)
{
    char text[RANKS_TEXT];
    size_t used = 0;
    for (size_t i = 0; i < size && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.5g", i > 0 ? "," : "", ms[i]);
    return used < sizeof text ? sft_record_set(record, "ranks_ms", text, err) : 0;
}

static int record_ranks(struct run *run, struct sft_error *err)
{
    struct ranks ranks = {0};
    struct result *result = &run->result;
    double most = rank_memory(run);
    size_t size = (size_t)run->control->size;
    double *medians = calloc(size, sizeof *medians);
    int failed = -1;
    if (medians == NULL)
        sft_error_set(err, "no memory for the times of %zu ranks", size);
    else if (measure_ranks(&run->measure, run->control, medians, &ranks, err) == 0 &&
             control_max(run->control, &most, 1, err) == 0)
        failed = 0;
    if (failed == 0 && result->active) {
        for (size_t i = 0; i < size; i++)
            medians[i] *= 1e3;
        failed = sft_record_set_real(&result->record, "rank_ms", ranks.median * 1e3, err) < 0 ||
                 sft_record_set_integer(&result->record, "slow_rank", ranks.slow_rank, err) < 0 ||
                 sft_record_set(&result->record, "slow_host",
                                run->hosts + ranks.slow_rank * RUN_HOST, err) < 0 ||
                 sft_record_set_real(&result->record, "slow_ms", ranks.slowest * 1e3, err) < 0 ||
                 record_each(&result->record, medians, size, err) < 0 ||
                 sft_record_set_real(&result->record, "mem_gib", most, err) < 0;
        result->rank_ms = medians;
        result->ranks = size;
        result->hosts = run->hosts;
        result->host_size = RUN_HOST;
        medians = NULL;
    }
    free(medians);
    return failed ? -1 : 0;
}

static int loop_steps(struct loop *loop, struct sft_error *err)
{
    struct run *run = loop->run;
    const struct sft_plan *plan = &run->plan;
    for (int number = 0; number < plan->warmup + plan->steps; number++) {
        struct step step;
        if (number == plan->warmup)
            observe_begin(run->observe);
        if (step_run(loop, number, &step, err) < 0)
            return -1;
        if (number >= plan->warmup)
            measure_add(&run->measure, step.total, step.total - step.waited, step.exposed,
                        &step.work);
        if (loop_account(loop, number, &step, err) < 0)
            return -1;
    }
    observe_end(run->observe);
    if (observe_record(run->observe, run->control, run->measure.sum.processed,
                       run->result.active ? &run->result.record : NULL, err) < 0)
        return -1;
    return record_ranks(run, err);
}

int train_run(struct run *run, struct sft_error *err)
{
    const struct sft_plan *plan = &run->plan;
    struct loop loop = {.run = run};
    int failed = 0;
    if (strcmp(run->backend->name, "cpu") == 0)
        loop.peak_tflops = sft_roofline_cpu_tflops(run->host.cores, run->host.flags);
    double peak = run_peak_tflops(run);
    if (peak > 0 && (loop.peak_tflops == 0 || peak < loop.peak_tflops))
        loop.peak_tflops = peak;
    loop.batches = calloc((size_t)plan->accumulation, sizeof *loop.batches);
    if (loop.batches == NULL)
        failed = sft_error_set(err, "no memory for %d micro-batches", plan->accumulation);
    for (int i = 0; i < plan->accumulation && !failed; i++)
        failed = batch_create(&loop.batches[i], plan->micro_batch * plan->seq, err);
    failed = control_agree(run->control, failed, err);
    if (!failed) {
        progress_start(&loop.progress, run->control->rank == 0, plan->warmup, plan->steps);
        failed = loop_steps(&loop, err);
        progress_end(&loop.progress);
    }
    for (int i = 0; i < plan->accumulation && loop.batches != NULL; i++)
        batch_destroy(&loop.batches[i]);
    free(loop.batches);
    return failed ? -1 : 0;
}
