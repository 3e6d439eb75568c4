/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps which slice of weights, gradients and optimizer states (lib/timeline.h has the ways),
 * and the collectives that bring a unit of the model together when it is used: weights of the unit
 * that follows are asked for while one is used, gradients leave when a unit's backward pass has
 * ended. */
#ifndef SFT_JOB_MODEL_SHARD_H
#define SFT_JOB_MODEL_SHARD_H

#include "job/collective/comm.h"
#include "job/model/model.h"
#include "job/tensor/spans.h"
#include "lib/timeline.h"

struct shard;

/* Places for whole layers, which are of one size, that all layers take by turns. */
enum { SHARD_LAYER_BUFFERS = 2 };

/* What the model must keep itself for that way of sharing among `ranks`, `nodes` of them across. */
struct model_storage shard_storage(enum sft_zero zero, int ranks);

/* Bytes of device memory that shard_create will take, and elements whose states a rank keeps. */
struct shard_sizes {
    size_t bytes, elements;
};
struct shard_sizes shard_plan(const struct sft_preset *shape, const struct sft_layout *layout,
                              enum format format);

/* Takes the model's first weights in hand (as model_initialize would make them), places its units
 * and hooks into its passes. The model must have shard_storage's storage, the communicator be
 * attached to the device. `spans` may be NULL. Fails without memory. */
struct shard *shard_create(struct model *model, struct device *device, struct comm *comm,
                           enum sft_zero zero, uint64_t seed, struct spans *spans,
                           struct sft_error *err);
/* Before the model's. */
void shard_destroy(struct shard *shard);

/* A rank's own part of a tensor's, or several tensors', elements: where they stand in the flat
 * array, and where this rank has them. */
struct shard_part {
    size_t offset, count;
    void *weights, *gradients;
};
/* This rank's parts, for optim_create_parts. */
const struct shard_part *shard_parts(const struct shard *shard, size_t *count);

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
