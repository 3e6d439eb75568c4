/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/training.h"

#include <string.h>

#include "job/train/load.h"
#include "lib/clock.h"

/* The reference computes in fp32, shares nothing, and takes a sequence at a time: it has no
 * ceilings by which one way would be faster. */
static void training_on_cpu(struct training *t)
{
    struct sft_request *request = &t->request;
    if (request->states <= SFT_STATES_AUTO)
        request->states = SFT_STATES_FP32;
    if (request->zero <= SFT_SHARE_AUTO)
        request->zero = SFT_SHARE_0;
    t->input->plan.chooses = false;
}

static int training_check_precision(const struct device *d, const struct sft_request *request,
                                    struct sft_error *err)
{
    enum tensor_scaling scaling = fit_scaling(request);
    if (request->precision == SFT_PRECISION_BF16 && d->format != FORMAT_BF16)
        return sft_error_set(err, "precision=bf16: the %s trains in %s: leave the key out",
                             d->title, format_traits[d->format].name);
    if (scaling == SCALING_NONE || (d->scalings & 1u << scaling) != 0)
        return 0;
    if (d->scalings != 0)
        return sft_error_set(
            err,
            "scaling=row: products by row need a GPU of compute capability 9.0 and "
            "CUDA 12.9 or later; this is %s, %s: use scaling=tensor",
            d->title, d->version);
    return sft_error_set(err,
                         "precision=fp8: %s (%s) has no products in FP8: they need compute "
                         "capability 8.9 or later",
                         d->title, d->version);
}

int training_fit(struct training *t, const struct sft_request *request, struct input *input,
                 struct device *device, struct control *control, struct collective *collective,
                 struct sft_error *err)
{
    size_t used, all;
    *t = (struct training){.input = input,
                           .device = device,
                           .control = control,
                           .collective = collective,
                           .request = *request};
    bool cpu = strcmp(device->name, "cpu") == 0;
    if (training_check_precision(device, request, err) < 0)
        return -1;
    device->memory(device, &used, &all);
    t->memory_before = (double)used;
    if (cpu)
        training_on_cpu(t);
    const struct sft_ceiling *known = sft_ceiling_find(device->title);
    t->question = fit_question(&t->request, &input->plan, &input->shape);
    t->question.cpu = cpu;
    t->question.format = device->format;
    t->question.logits = device->logits;
    t->question.available = cpu ? 0 : fit_room((double)(all - used));
    if (known != NULL)
        fit_question_measured(&t->question, known);
    if (workload_make(&t->question.workload, input, err) < 0)
        return -1;
    return fit_make(&t->fit, &t->question, err);
}

int training_agree(struct training *t, struct sft_error *err)
{
    double short_of = -t->question.available;
    int failed = 0;
    if (control_max(t->control, &short_of, 1, err) < 0)
        return -1;
    t->question.available = -short_of;
    if (t->control->rank == 0)
        failed = fit_make(&t->fit, &t->question, err);
    if (control_agree(t->control, failed, err) < 0 ||
        control_broadcast(t->control, &t->fit, sizeof t->fit, err) < 0)
        return -1;
    sft_plan_micro_batch(&t->input->plan, t->fit.micro_batch);
    return 0;
}

int training_create(struct training *t, struct sft_error *err)
{
    const struct sft_plan *plan = &t->input->plan;
    struct model_recipe recipe = fit_recipe(&t->fit, &t->request, &t->input->shape);
    recipe.seed = plan->seed;
    enum sft_zero zero = t->fit.zero;
    t->model =
        model_create_stored(t->device, &t->input->shape, plan->micro_batch * plan->seq, &recipe,
                            shard_storage(&t->input->shape, zero, t->control->size), err);
    if (t->model == NULL)
        return -1;
    t->spans = spans_create(t->device, err);
    if (t->spans == NULL)
        return -1;
    t->shard = shard_create(t->model, t->device, t->collective, zero, plan->seed, t->spans, err);
    return t->shard == NULL ? -1 : 0;
}

int training_load(struct training *t, const struct weights *weights, const struct weights *adapters,
                  double *seconds, struct sft_error *err)
{
    const struct load load = {weights,    t->model,      t->shard, t->device,
                              t->control, t->collective, adapters};
    double begin = sft_clock_now();
    int failed = load_weights(&load, err);
    *seconds = sft_clock_now() - begin;
    return failed;
}

int training_start(struct training *t, struct sft_error *err)
{
    const struct sft_plan *plan = &t->input->plan;
    const struct optim_options options = {
        .lr = plan->lr,
        .lr_warmup = plan->lr_warmup,
        .total_steps = plan->steps > 0 ? plan->warmup + plan->steps : 0,
        .sgd = plan->sgd,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .eps = 1e-8,
        .weight_decay = plan->weight_decay,
        .clip = plan->clip,
        .states = fit_states(&t->fit),
        .seed = plan->seed,
    };
    size_t count;
    const struct shard_part *parts = shard_parts(t->shard, &count);
    t->optim = optim_create_parts(t->model, t->device, &options, parts, count,
                                  t->fit.zero == SFT_ZERO_0 ? NULL : t->collective, err);
    t->first_measured = plan->warmup;
    return t->optim == NULL ? -1 : 0;
}

void training_resume(struct training *t, int steps, double measured_s, int measured_steps)
{
    const struct sft_plan *plan = &t->input->plan;
    int last = plan->warmup + plan->steps - 1, begin = steps + plan->warmup;
    if (plan->steps > 0 && begin > last)
        begin = last;
    t->first_step = steps;
    t->first_measured = begin > plan->warmup ? begin : plan->warmup;
    t->measured_s = measured_s;
    t->measured_steps = measured_steps;
}

void training_destroy(struct training *t)
{
    optim_destroy(t->optim);
    shard_destroy(t->shard);
    spans_destroy(t->spans);
    model_destroy(t->model);
    memset(t, 0, sizeof *t);
}

double training_bytes(const struct training *t)
{
    return (double)(model_bytes(t->model) + optim_bytes(t->optim) + shard_bytes(t->shard)) +
           t->fit.reserve + t->memory_before;
}
