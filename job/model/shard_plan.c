/* SPDX-License-Identifier: Apache-2.0 */
/* What sharing takes of a rank's memory, before anything is allocated. */
#include "job/model/shard.h"

static size_t padded(double elements, size_t multiple)
{
    return ((size_t)elements + multiple - 1) / multiple * multiple;
}

struct shard_sizes shard_plan(const struct sft_preset *s, const struct sft_layout *layout,
                              size_t act_size)
{
    size_t ranks = (size_t)layout->nodes * (size_t)layout->gpus;
    size_t members = layout->zero == SFT_ZERO_HYBRID ? (size_t)layout->gpus : ranks;
    size_t multiple = shard_storage(layout->zero, (int)ranks).multiple;
    double h = s->hidden, f = s->ffn, table = h * s->vocab;
    double heads = (double)(s->heads + 2 * s->kv_heads) * s->head_dim;
    size_t layer = padded(2 * h + h * heads + h * h + 3 * h * f, multiple);
    size_t first = padded(table, multiple), last = padded(h + (s->tied_head ? 0 : table), multiple);
    size_t all = first + last + layer * (size_t)s->layers;
    size_t buffers = first + last + layer * (s->layers < 2 ? 1 : 2);
    size_t each = (all / members + buffers) * act_size, times = 0;
    times += layout->zero >= SFT_ZERO_2;                                    /* gradients */
    times += layout->zero == SFT_ZERO_3 || layout->zero == SFT_ZERO_HYBRID; /* weights */
    return (struct shard_sizes){each * times, layout->zero == SFT_ZERO_0 ? all : all / ranks};
}
