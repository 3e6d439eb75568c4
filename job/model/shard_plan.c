/* SPDX-License-Identifier: Apache-2.0 */
/* What sharing takes of a rank's memory, before anything is allocated. */
#include "job/model/shard.h"

struct shard_sizes shard_plan(const struct sft_preset *s, const struct sft_layout *layout,
                              enum format format)
{
    size_t ranks = (size_t)layout->nodes * (size_t)layout->gpus, all = 0, buffers = 0, times = 0;
    size_t members = layout->zero == SFT_ZERO_HYBRID ? (size_t)layout->gpus : ranks;
    size_t multiple = shard_storage(layout->zero, (int)ranks).multiple;
    int units = sft_params_units(s);
    for (int unit = 0; unit < units; unit++) {
        size_t room = model_unit_room(s, unit, multiple);
        all += room;
        if (unit <= SHARD_LAYER_BUFFERS || unit == units - 1) /* all layers have the first ones' */
            buffers += room;
    }
    times += layout->zero >= SFT_ZERO_2;                                    /* gradients */
    times += layout->zero == SFT_ZERO_3 || layout->zero == SFT_ZERO_HYBRID; /* weights */
    return (struct shard_sizes){format_bytes(format, all / members + buffers) * times,
                                layout->zero == SFT_ZERO_0 ? all : all / ranks};
}
