/* SPDX-License-Identifier: Apache-2.0 */
/* The data's own documents decide what attention costs, so a forecast looks at the first batches. */
#include "job/run.h"

enum { BATCHES = 8 };

bool forecast_work(struct sft_work *work, const struct sft_plan *plan, struct data *data)
{
    struct batch batch;
    *work = (struct sft_work) { .accumulation = plan->accumulation };
    if (batch_create(&batch, plan->micro_batch * plan->seq, NULL) < 0)
        return false;
    for (int i = 0; i < BATCHES; i++) {
        data_fill(data, (uint64_t)i * (uint64_t)plan->micro_batch, plan->micro_batch, &batch);
        work->tokens += (double)batch.rows / BATCHES;
        work->documents += (double)batch.documents / BATCHES;
        work->squared_lengths += batch.squared_lengths / BATCHES;
    }
    batch_destroy(&batch);
    return true;
}

bool forecast_make(struct sft_prediction *prediction, const char *device,
                   const struct sft_plan *plan, const struct sft_preset *shape, struct data *data,
                   const struct fit *fit)
{
    const struct sft_ceiling *ceiling = sft_ceiling_find(device);
    struct sft_work work;
    if (ceiling == NULL || !forecast_work(&work, plan, data))
        return false;
    work.states = fit->states;
    work.recompute = fit->recompute;
    *prediction = sft_predict(shape, &work, ceiling);
    return true;
}
