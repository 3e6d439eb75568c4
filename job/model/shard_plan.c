/* SPDX-License-Identifier: Apache-2.0 */
/* What sharing takes of a rank's memory, before anything is allocated. */
#include "job/model/shard_internal.h"

/* Of all units: as they are kept, and what of them has buffers, the layers' first ones' being
 * theirs. */
struct rooms {
    size_t all, buffers;
};

static void rooms_add(struct rooms *rooms, size_t room, int unit, int units)
{
    rooms->all += room;
    if (unit <= SHARD_LAYER_BUFFERS || unit == units - 1)
        rooms->buffers += room;
}

/* What is frozen comes as it stands. */
bool shard_gathers_fp8(const struct sft_preset *shape, enum sft_zero zero,
                       enum tensor_scaling scaling)
{
    return shape->adapters.rank == 0 && scaling != SCALING_NONE && shares_weights(zero);
}

/* Of weights in FP8: a piece of each layer, its images, the buffers and the rest. */
static size_t fp8_bytes(const struct sft_preset *s, enum format format, size_t ranks,
                        size_t members, size_t multiple, const struct model_recipe *recipe)
{
    size_t room = model_unit_room(s, 1, multiple), layers = (size_t)s->layers;
    size_t images = shard_images(recipe), places = shard_images_at_once(recipe);
    size_t buffers = layers < SHARD_LAYER_BUFFERS ? layers : SHARD_LAYER_BUFFERS;
    return layers * (format_bytes(format, room / ranks) + images * room / members) +
           buffers * places * room + shard_rest_bytes(s, format);
}

struct shard_sizes shard_plan(const struct sft_preset *s, const struct sft_layout *layout,
                              enum format format, const struct model_recipe *recipe)
{
    size_t ranks = (size_t)layout->nodes * (size_t)layout->gpus, times = 0;
    size_t sharers = layout->zero == SFT_ZERO_HYBRID ? (size_t)layout->gpus : ranks;
    struct model_storage storage = shard_storage(s, layout->zero, (int)ranks);
    struct rooms trained = {0, 0}, base = {0, 0};
    int units = sft_params_units(s);
    size_t outside = 0; /* of embedding and head */
    for (int unit = 0; unit < units; unit++) {
        size_t room = model_unit_room(s, unit, storage.multiple);
        rooms_add(&trained, room, unit, units);
        rooms_add(&base, model_unit_base(s, unit, format, storage.base_multiple), unit, units);
        outside += unit == 0 || unit == units - 1 ? room : 0;
    }
    times += !storage.gradients;
    times += !storage.weights && !recipe->gathered;
    size_t bytes = format_bytes(format, trained.all / sharers + trained.buffers) * times;
    if (storage.base_elsewhere)
        bytes += base.all / sharers + base.buffers;
    if (recipe->gathered)
        bytes += format_bytes(format, outside / sharers + outside) +
                 fp8_bytes(s, format, ranks, sharers, storage.multiple, recipe);
    return (struct shard_sizes){bytes,
                                layout->zero == SFT_ZERO_0 ? trained.all : trained.all / ranks};
}
