/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps which slice of weights, gradients and optimizer states (lib/timeline.h has the ways),
 * with adapters of theirs and of the base: what shares weights cuts the base then, while adapters
 * are whole and share their states. And the collectives that bring a unit of the model together
 * when it is used: weights of the unit that follows are asked for while one is used, gradients
 * leave when a unit's backward pass has ended.
 *
 * Weights in FP8 come as bytes, quantized once a step by who updates them (shard_fp8.c). */
#ifndef SFT_JOB_MODEL_SHARD_H
#define SFT_JOB_MODEL_SHARD_H

#include "job/collective/collective.h"
#include "job/model/model.h"
#include "job/tensor/spans.h"
#include "lib/timeline.h"

struct shard;

/* Places for whole layers, which are of one size, that all layers take by turns. */
enum { SHARD_LAYER_BUFFERS = 2 };

/* What the model must keep itself for that way of sharing among `ranks`. */
struct model_storage shard_storage(const struct sft_preset *shape, enum sft_zero zero, int ranks);

/* Bytes of device memory that shard_create will take, and elements whose states a rank keeps. */
struct shard_sizes {
    size_t bytes, elements;
};
struct shard_sizes shard_plan(const struct sft_preset *shape, const struct sft_layout *layout,
                              enum format format, const struct model_recipe *recipe);

/* Do weights of layers come in FP8 with that way of sharing (model_recipe.gathered)? */
bool shard_gathers_fp8(const struct sft_preset *shape, enum sft_zero zero,
                       enum tensor_scaling scaling);

/* Takes the model's first weights in hand (as model_initialize would make them), places its units
 * and hooks into its passes. The model must have shard_storage's storage. `spans` may be
 * NULL. Fails without memory. */
struct shard *shard_create(struct model *model, struct device *device,
                           struct collective *collective, enum sft_zero zero, uint64_t seed,
                           struct spans *spans, struct sft_error *err);
/* Before the model's. */
void shard_destroy(struct shard *shard);

/* A rank's own part of a tensor's, or several tensors', elements: where they stand in the flat
 * array, and where this rank has them. */
struct shard_part {
    size_t offset, count;
    void *weights, *gradients;
};
/* How many elements of the tensor the part has, the first being the model's *from. */
size_t shard_part_share(const struct shard_part *part, const struct model_tensor *tensor,
                        size_t *from);
/* This rank's parts, for optim_create_parts. */
const struct shard_part *shard_parts(const struct shard *shard, size_t *count);

/* This rank's slices of a unit's weights, for files; returns how many. All ranks' together are the
 * unit, each element once; where every rank keeps the whole, what does not divide by the ranks is
 * every rank's. */
enum { SHARD_SLICES = 2 };
size_t shard_slices(const struct shard *shard, int unit, struct shard_part slices[SHARD_SLICES]);
/* Collective: what the ranks wrote into their slices reaches all that keep it. After all units
 * shard_settle. */
int shard_share(struct shard *shard, int unit, struct sft_error *err);
/* Frozen weights that were made where the model has the unit's now, all of them on every rank: each
 * keeps its share, where they are cut. */
void shard_keep_base(struct shard *shard, int unit);
/* Collective: the other way round, they come together where the model has the unit's. */
int shard_whole_base(struct shard *shard, int unit, struct sft_error *err);

/* A new sum of gradients, of that many micro-batches, begins. */
void shard_begin(struct shard *shard, int micro_batches);
/* Collective: after the last micro-batch, each part's gradient becomes the sum over all ranks. */
int shard_reduce(struct shard *shard, struct sft_error *err);
/* Collective: after the update, what the ranks updated reaches all that keep it, by the time that a
 * pass uses it. */
int shard_spread(struct shard *shard, struct sft_error *err);
/* What the device does from now on finds all weights in place that this rank keeps. */
void shard_settle(struct shard *shard);

size_t shard_bytes(const struct shard *shard); /* of its own buffers */

#endif
