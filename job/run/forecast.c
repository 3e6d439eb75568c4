/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/forecast.h"

#include <math.h>

#include "lib/stats.h"

double forecast_slowest(int ranks)
{
    double few = sft_stats_largest(FORECAST_ALIKE);
    return 1 + FORECAST_SPREAD * fmax(0, sft_stats_largest(ranks) - few);
}

/* The step of the slowest over that of the timeline. */
static double slowest_step(const struct sft_timeline *time, int ranks)
{
    return 1 + (forecast_slowest(ranks) - 1) * time->compute / time->step;
}

static struct fit_question fit_of(const struct forecast_question *question,
                                  const struct sft_plan *plan)
{
    struct fit_question q = fit_question(question->request, plan, &question->input->shape);
    fit_question_measured(&q, &question->gpu.ceiling);
    q.available = fit_room(ldexp(question->gpu.gib, 30));
    q.format = fit_format(question->request);
    q.logits = DEVICE_CUDA_LOGITS;
    q.workload = question->workload;
    return q;
}

int forecast_ask(struct forecast_question *question, const struct input *input,
                 const struct sft_request *request, struct sft_error *err)
{
    const char *model = request->gpu_model[0] != '\0' ? request->gpu_model : FIT_DEVICE;
    *question = (struct forecast_question){.input = input, .request = request};
    if (sft_gpu_find(&question->gpu, model, err) < 0)
        return sft_error_prefix(err, "gpu_model");
    if (request->precision == SFT_PRECISION_FP8 && sft_ceiling_fp8(&question->gpu.ceiling) <= 0)
        return sft_error_set(err, "precision=fp8: no rate of products in FP8 is known of a %s",
                             question->gpu.name);
    return workload_make(&question->workload, input, err);
}

/* Where ranks stand in the order of the leaf switches a ring crosses the ones above once a leaf.
 * Where they stand anyhow nearly every hop of it does. */
static double across_leaves(const struct fit_question *q)
{
    const struct sft_request *said = q->request;
    struct sft_request assumed;
    sft_request_defaults(&assumed, NULL);
    int leaf = said->leaf_nodes > 0 ? said->leaf_nodes : assumed.leaf_nodes;
    return said->oversubscription > 1 && q->plan->nodes > leaf ? said->oversubscription : 1;
}

/* What nobody has said of the fabric may be half of what is assumed. */
static double low_end(const struct fit *fit, const struct fit_question *q)
{
    struct fit_question low = *q;
    low.fabric.nic_gbs /= across_leaves(q);
    if (q->fabric.nvlink_assumed)
        low.fabric.nvlink_gbs /= 2;
    if (q->fabric.nic_assumed)
        low.fabric.nic_gbs /= 2;
    struct sft_timeline time = fit_time(fit, &low);
    return time.tok_s / slowest_step(&time, q->plan->ranks);
}

int forecast_steps(const struct sft_plan *plan, double step_s)
{
    double steps = fmax(ceil(plan->seconds / step_s), SFT_PLAN_STEPS_LEAST);
    return plan->warmup + (plan->steps > 0 ? plan->steps : (int)fmin(steps, SFT_PLAN_STEPS_MOST));
}

static void rates_fill(struct forecast *f, const struct fit_question *q)
{
    const struct workload *w = &q->workload;
    double slowest = slowest_step(&f->fit.time, f->plan.ranks);
    f->step_s = f->fit.time.step * slowest;
    f->seconds = f->step_s * forecast_steps(&f->plan, f->step_s);
    f->tok_s = f->fit.time.tok_s / slowest * w->real / w->tokens;
    f->samples_s = f->fit.time.tok_s / slowest * w->documents / w->tokens;
    f->tok_s_low = (1 - FORECAST_BELOW) * low_end(&f->fit, q) * w->real / w->tokens;
    f->tok_s_high = (1 + FORECAST_ABOVE) * f->tok_s;
}

void forecast_make(struct forecast *f, const struct forecast_question *question, int nodes,
                   int gpus)
{
    *f = (struct forecast){.fits = false};
    if (sft_plan_make_running(&f->plan, question->request, nodes, nodes * gpus, &f->why) < 0 ||
        sft_plan_epochs(&f->plan, question->request, data_facts(question->input->data).packs,
                        &f->why) < 0) {
        f->plan = question->input->plan;
        f->plan.nodes = nodes;
        f->plan.ranks = nodes * gpus;
        return;
    }
    struct fit_question q = fit_of(question, &f->plan);
    f->fits = fit_make(&f->fit, &q, &f->why) == 0;
    if (!f->fits)
        return;
    sft_plan_micro_batch(&f->plan, f->fit.micro_batch);
    rates_fill(f, &q);
}

double forecast_gpu(const struct forecast *f, bool low)
{
    return (low ? f->tok_s_low : f->tok_s_high) / f->plan.ranks;
}

double forecast_samples(const struct forecast *f, bool low)
{
    return (low ? f->tok_s_low : f->tok_s_high) / f->tok_s * f->samples_s;
}

enum { NODES_MOST = 1024 };

static bool fits_on(const struct forecast *f, const struct forecast_question *question, int nodes,
                    int gpus)
{
    struct sft_plan plan = f->plan;
    plan.nodes = nodes;
    plan.ranks = nodes * gpus;
    struct fit_question q = fit_of(question, &plan);
    return fit_possible(&q);
}

int forecast_needs(const struct forecast *f, const struct forecast_question *question, int gpus)
{
    const struct sft_request *request = question->request;
    int few = f->plan.nodes, many;
    if (request->nodes <= 0 && request->gpus <= 0) {
        for (gpus = 2; gpus <= FORECAST_GPUS; gpus++)
            if (fits_on(f, question, 1, gpus))
                return gpus;
        gpus = FORECAST_GPUS;
    }
    for (many = 2 * few; !fits_on(f, question, many, gpus); many *= 2)
        if (many > NODES_MOST)
            return 0;
    while (many - few > 1) { /* fits on many, not on few */
        int middle = (few + many) / 2;
        if (fits_on(f, question, middle, gpus))
            many = middle;
        else
            few = middle;
    }
    return many * gpus;
}

double forecast_tok_s(const struct training *t)
{
    const struct workload *w = &t->question.workload;
    return sft_ceiling_find(t->device->title) == NULL
               ? 0
               : t->fit.time.tok_s / slowest_step(&t->fit.time, t->question.plan->ranks) * w->real /
                     w->tokens;
}
