/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/training.h"

#include <string.h>

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
    device->memory(device, &used, &all);
    t->memory_before = (double)used;
    if (cpu)
        training_on_cpu(t);
    const struct sft_ceiling *known = sft_ceiling_find(device->title);
    t->question = fit_question(&t->request, &input->plan, &input->shape);
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

static int training_make_model(struct training *t, struct sft_error *err)
{
    const struct sft_plan *plan = &t->input->plan;
    enum sft_zero zero = t->fit.zero;
    t->model =
        model_create_stored(t->device, &t->input->shape, plan->micro_batch * plan->seq,
                            fit_recompute(&t->fit), shard_storage(zero, t->control->size), err);
    if (t->model == NULL)
        return -1;
    t->spans = spans_create(t->device, err);
    if (t->spans == NULL)
        return -1;
    t->shard = shard_create(t->model, t->device, t->collective, zero, plan->seed, t->spans, err);
    return t->shard == NULL ? -1 : 0;
}

static int training_make_optim(struct training *t, struct sft_error *err)
{
    const struct sft_plan *plan = &t->input->plan;
    const struct optim_options options = {
        .lr = plan->lr,
        .lr_warmup = plan->lr_warmup,
        .total_steps = plan->steps > 0 ? plan->warmup + plan->steps : 0,
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
    return t->optim == NULL ? -1 : 0;
}

int training_create(struct training *t, struct sft_error *err)
{
    return training_make_model(t, err) < 0 ? -1 : training_make_optim(t, err);
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
