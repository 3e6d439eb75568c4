/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/workload.h"

enum { SEQUENCES = 32 };

int workload_make(struct workload *w, const struct input *input, struct sft_error *err)
{
    struct batch batch;
    *w = (struct workload){.tokens = 0};
    if (batch_create(&batch, input->plan.seq, err) < 0)
        return -1;
    for (int i = 0; i < SEQUENCES; i++) {
        data_fill(input->data, (uint64_t)i, 1, &batch);
        w->tokens += (double)batch.rows / SEQUENCES;
        w->real += (double)batch.real / SEQUENCES;
        w->documents += (double)batch.documents / SEQUENCES;
        w->squared_lengths += batch.squared_lengths / SEQUENCES;
    }
    batch_destroy(&batch);
    return 0;
}

struct workload workload_full(int seq)
{
    return (struct workload){seq, seq, 1, (double)seq * seq};
}

struct sft_work workload_work(const struct workload *w, int micro_batch, int accumulation)
{
    return (struct sft_work){
        .tokens = w->tokens * micro_batch,
        .squared_lengths = w->squared_lengths * micro_batch,
        .documents = w->documents * micro_batch,
        .accumulation = accumulation,
    };
}
