/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop. A step is: fill the rank's micro-batches, agree on the step's trained tokens,
 * forward and backward of each, one sum of the gradients over the ranks, one update. */
#include "job/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/train/halts.h"
#include "lib/clock.h"

struct loop {
    const struct training *t;
    const struct sft_plan *plan;
    struct batch *batches; /* [accumulation] */
    struct halts *halts;
    double measured; /* seconds of the measured steps so far */
    int measured_steps;
    bool over; /* rank 0 has measured for long enough */
};

/* Wait for the device, then for the other ranks; the latter's time counts as waiting. */
static int loop_sum(const struct loop *loop, struct step *step, double *values, size_t count,
                    struct sft_error *err)
{
    struct device *device = loop->t->device;
    if (device->sync(device, err) < 0)
        return -1;
    double before = halts_now(loop->halts);
    int result = control_sum(loop->t->control, values, count, err);
    step->waited += halts_now(loop->halts) - before;
    return result;
}

/* Sequence numbers of a step go rank by rank: the global batch is the same for any rank count. */
static void step_fill(const struct loop *loop, int number, struct work *mine)
{
    const struct sft_plan *plan = loop->plan;
    uint64_t first = (uint64_t)number * (uint64_t)plan->global_batch +
                     (uint64_t)loop->t->control->rank * (uint64_t)plan->micro_batch *
                         (uint64_t)plan->accumulation;
    for (int i = 0; i < plan->accumulation; i++) {
        struct batch *batch = &loop->batches[i];
        data_fill(loop->t->input->data, first + (uint64_t)i * (uint64_t)plan->micro_batch,
                  plan->micro_batch, batch);
        mine->samples += batch->documents;
        mine->processed += batch->rows;
        mine->real += (double)batch->real;
        mine->trained += (double)batch->trained;
        mine->squared_lengths += batch->squared_lengths;
    }
}

/* Each rank has its own clock, and all must leave after the same step: rank 0's word. */
static bool loop_is_enough(const struct loop *loop)
{
    return loop->t->control->rank == 0 && loop->plan->steps == 0 &&
           loop->measured_steps >= SFT_PLAN_STEPS_LEAST && loop->measured >= loop->plan->seconds;
}

static int step_agree_work(struct loop *loop, struct step *step, struct sft_error *err)
{
    struct work *work = &step->work;
    double sums[] = {work->samples, work->processed,       work->real,
                     work->trained, work->squared_lengths, loop_is_enough(loop)};
    if (loop_sum(loop, step, sums, 6, err) < 0)
        return -1;
    loop->over = sums[5] > 0;
    *work = (struct work){sums[0], sums[1], sums[2], sums[3], sums[4], 0};
    work->flops = sft_params_flops(&loop->t->input->shape, work->real, work->squared_lengths);
    return 0;
}

static int step_train(const struct loop *loop, const struct step *step, struct sft_error *err)
{
    const struct training *t = loop->t;
    float scale = step->work.trained > 0 ? (float)(1 / step->work.trained) : 0;
    shard_begin(t->shard, loop->plan->accumulation);
    for (int i = 0; i < loop->plan->accumulation; i++)
        if (model_step(t->model, &loop->batches[i], scale, NULL, err) < 0)
            return -1;
    if (shard_reduce(t->shard, err) < 0)
        return -1;
    int span = spans_begin(t->spans, SPAN_COMPUTE, LANE_COMPUTE, "AdamW");
    int failed = optim_step(t->optim, step->number, NULL, err);
    spans_end(t->spans, span);
    return failed < 0 ? -1 : shard_spread(t->shard, err);
}

/* A gradient that is no finite number ends the run, by the name of its tensor. Whoever has none of
 * that waits to be ended by who does. */
static int step_check(const struct loop *loop, int number, struct sft_error *err)
{
    const char *tensor;
    bool finite;
    if (optim_check(loop->t->optim, &finite, &tensor, err) < 0)
        return -1;
    if (finite)
        return 0;
    if (tensor == NULL && control_barrier(loop->t->control, err) < 0)
        return -1;
    return sft_error_set(err,
                         "the gradient of %s in step %d is no finite number: training diverged; "
                         "use a smaller lr= or longer lr_warmup=",
                         tensor != NULL ? tensor : "a tensor", number + 1);
}

/* The loss over all ranks, and what any of them asks for. */
static int step_agree_end(const struct loop *loop, struct step *step, struct sft_error *err)
{
    struct wish mine = {0};
    double loss = 0;
    if (model_take_loss(loop->t->model, &loss, err) < 0)
        return -1;
    if (loop->t->wish != NULL)
        mine = *loop->t->wish;
    double sums[] = {loss, mine.save, mine.stop, mine.busy};
    if (loop_sum(loop, step, sums, 4, err) < 0)
        return -1;
    step->loss = step->work.trained > 0 ? sums[0] / step->work.trained : 0;
    step->wish = (struct wish){sums[1], sums[2], sums[3]};
    return 0;
}

/* Where the loop is over nothing was trained. */
static int step_run(struct loop *loop, int number, struct step *step, struct sft_error *err)
{
    double begin = halts_now(loop->halts), wall = sft_clock_now();
    *step = (struct step){.number = number,
                          .first = number == loop->t->first_step,
                          .measured = number >= loop->t->first_measured};
    step_fill(loop, number, &step->work);
    step->own_flops =
        sft_params_flops(&loop->t->input->shape, step->work.processed, step->work.squared_lengths);
    spans_start(loop->t->spans);
    if (step_agree_work(loop, step, err) < 0)
        return -1;
    if (loop->over)
        return 0;
    if (step_train(loop, step, err) < 0 || step_agree_end(loop, step, err) < 0)
        return -1;
    step->total = halts_now(loop->halts) - begin;
    step->stopped = sft_clock_now() - wall - step->total;
    step->exposed = spans_waited(loop->t->spans);
    step->waited += step->exposed;
    if (!isfinite(step->loss) && number == 0)
        return sft_error_set(err,
                             "the loss of step 1 is %g before anything was trained: the weights "
                             "hold what is no finite number, or are too large for this precision",
                             step->loss);
    if (!isfinite(step->loss))
        return sft_error_set(err,
                             "the loss of step %d is %g: training diverged; use a smaller lr= or "
                             "longer lr_warmup=",
                             number + 1, step->loss);
    return step_check(loop, number, err);
}

static int loop_steps(struct loop *loop, const struct observers *observers, struct sft_error *err)
{
    int most = loop->plan->steps > 0 ? loop->plan->steps : SFT_PLAN_STEPS_MOST;
    for (int number = loop->t->first_step; number < loop->plan->warmup + most; number++) {
        struct step step;
        observers_begin(observers, number);
        if (step_run(loop, number, &step, err) < 0)
            return -1;
        if (loop->over)
            break;
        loop->measured += step.measured ? step.total : 0;
        loop->measured_steps += step.measured;
        if (observers_step(observers, &step, err) < 0)
            return -1;
        if (step.wish.stop > 0)
            break;
    }
    return 0;
}

static int batches_create(struct loop *loop, struct sft_error *err)
{
    const struct sft_plan *plan = loop->plan;
    loop->batches = calloc((size_t)plan->accumulation, sizeof *loop->batches);
    if (loop->batches == NULL)
        return sft_error_set(err, "no memory for %d micro-batches", plan->accumulation);
    for (int i = 0; i < plan->accumulation; i++)
        if (batch_create(&loop->batches[i], plan->micro_batch * plan->seq, err) < 0)
            return -1;
    return 0;
}

static int loop_create(struct loop *loop, struct sft_error *err)
{
    loop->halts = halts_start(err);
    return loop->halts == NULL ? -1 : batches_create(loop, err);
}

static void batches_destroy(struct loop *loop)
{
    for (int i = 0; i < loop->plan->accumulation && loop->batches != NULL; i++)
        batch_destroy(&loop->batches[i]);
    free(loop->batches);
}

int train_run(const struct training *training, const struct observers *observers,
              struct sft_record *record, struct sft_error *err)
{
    struct loop loop = {.t = training,
                        .plan = &training->input->plan,
                        .measured = training->measured_s,
                        .measured_steps = training->measured_steps};
    int failed = control_agree(training->control, loop_create(&loop, err), err);
    if (!failed) {
        failed = observers_start(observers, err) < 0 ? -1 : loop_steps(&loop, observers, err);
        observers_end(observers, !failed);
    }
    if (!failed)
        failed = observers_record(observers, record, err);
    halts_stop(loop.halts);
    batches_destroy(&loop);
    return failed ? -1 : 0;
}
