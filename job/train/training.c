/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/training.h"

#include <string.h>

/* What of the plan fits into the device's memory. */
static int training_fit(struct training *t, const struct sft_request *said, struct sft_error *err)
{
    struct sft_request request = *said;
    size_t used, all;
    t->device->memory(t->device, &used, &all);
    t->memory_before = (double)used;
    if (strcmp(t->device->name, "cpu") == 0 && request.states <= SFT_STATES_AUTO)
        request.states = SFT_STATES_FP32;
    if (strcmp(t->device->name, "cpu") == 0 && request.zero <= SFT_SHARE_AUTO)
        request.zero = SFT_SHARE_0;
    return fit_make(&t->fit, &request, &t->input->plan, &t->input->shape,
                    all > used ? (double)(all - used) : 0, t->device->format, t->device->logits,
                    err);
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

int training_create(struct training *t, const struct sft_request *request,
                    const struct input *input, struct device *device, struct control *control,
                    struct collective *collective, struct sft_error *err)
{
    *t = (struct training){
        .input = input, .device = device, .control = control, .collective = collective};
    if (training_fit(t, request, err) < 0 || training_make_model(t, err) < 0)
        return -1;
    return training_make_optim(t, err);
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
