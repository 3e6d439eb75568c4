/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps which slice of weights, gradients and optimizer states (lib/timeline.h has the ways), and the
 * collectives that bring a unit of the model together when it is used. On the CPU backend. */
#ifndef SFT_JOB_SHARD_H
#define SFT_JOB_SHARD_H

#include "job/comm.h"
#include "job/model.h"
#include "job/optim.h"
#include "lib/timeline.h"

struct shard;

/* What the model must keep itself for that way of sharing. */
struct model_storage shard_storage(enum sft_zero zero);

/* Takes the model's first weights in hand (as model_initialize would make them), places its units and
 * hooks into its passes. The model must have shard_storage's storage. Fails on another backend than the
 * CPU's when zero is not 0, and without memory. */
struct shard *shard_create(struct model *model, struct backend *backend, struct comm *comm,
                           enum sft_zero zero, uint64_t seed, struct sft_error *err);
void shard_destroy(struct shard *shard);

/* This rank's parts, for optim_create_parts. */
const struct optim_part *shard_parts(const struct shard *shard, size_t *count);

/* A new sum of gradients begins. */
void shard_begin(struct shard *shard);
/* Collective: after the last micro-batch, each part's gradient becomes the sum over all ranks. */
int shard_reduce(struct shard *shard, struct sft_error *err);
/* Collective: after the update, what the ranks updated reaches all that keep it. */
int shard_spread(struct shard *shard, struct sft_error *err);

/* Seconds in collectives since the last call. */
double shard_waited(struct shard *shard);
size_t shard_bytes(const struct shard *shard); /* of its own buffers */

#endif
