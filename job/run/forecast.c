/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/forecast.h"

#include <math.h>

enum { BATCHES = 8 };

bool forecast_work(struct sft_work *work, const struct input *input)
{
    const struct sft_plan *plan = &input->plan;
    struct batch batch;
    *work = (struct sft_work){.accumulation = plan->accumulation};
    if (batch_create(&batch, plan->micro_batch * plan->seq, NULL) < 0)
        return false;
    for (int i = 0; i < BATCHES; i++) {
        data_fill(input->data, (uint64_t)i * (uint64_t)plan->micro_batch, plan->micro_batch,
                  &batch);
        work->tokens += (double)batch.rows / BATCHES;
        work->documents += (double)batch.documents / BATCHES;
        work->squared_lengths += batch.squared_lengths / BATCHES;
    }
    batch_destroy(&batch);
    return true;
}

bool forecast_make(struct sft_prediction *prediction, const char *device, const struct input *input,
                   const struct fit *fit)
{
    const struct sft_ceiling *ceiling = sft_ceiling_find(device);
    struct sft_work work;
    if (ceiling == NULL || !forecast_work(&work, input))
        return false;
    work.states = fit->states;
    work.recompute = fit->recompute;
    *prediction = sft_predict(&input->shape, &work, ceiling);
    return true;
}

int forecast_steps(const struct sft_plan *plan, double step)
{
    double steps = fmax(ceil(plan->seconds / step), SFT_PLAN_STEPS_LEAST);
    return plan->warmup + (plan->steps > 0 ? plan->steps : (int)fmin(steps, SFT_PLAN_STEPS_MOST));
}

struct sft_fabric forecast_fabric(const struct sft_request *request)
{
    struct sft_fabric f = sft_fabric_default();
    if (request->nvlink_gbs > 0 || request->nic_gbs > 0)
        f.source = "as the request says";
    if (request->nvlink_gbs > 0)
        f.nvlink_gbs = request->nvlink_gbs;
    if (request->nic_gbs > 0)
        f.nic_gbs = request->nic_gbs;
    return f;
}

double forecast_tok_s(const struct training *t, const struct sft_request *request)
{
    const struct sft_ceiling *ceiling = sft_ceiling_find(t->device->title);
    const struct sft_plan *plan = &t->input->plan;
    const struct sft_preset *shape = &t->input->shape;
    struct sft_work work;
    if (ceiling == NULL || !forecast_work(&work, t->input))
        return 0;
    work.states = t->fit.states;
    work.recompute = t->fit.recompute;
    double fill = data_facts(t->input->data).fill; /* what is predicted is padding, too */
    if (plan->ranks == 1)
        return fill * sft_predict(shape, &work, ceiling).tok_s;
    struct sft_fabric fabric = forecast_fabric(request);
    struct sft_layout layout = {plan->nodes, plan->ranks / plan->nodes, t->fit.zero};
    return fill * sft_timeline_make(shape, &work, ceiling, &fabric, &layout).tok_s;
}
