/* SPDX-License-Identifier: Apache-2.0 */
/* What fits into a device's memory: optimizer states and the level of recomputation, before
 * anything is allocated. */
#ifndef SFT_JOB_TRAIN_FIT_H
#define SFT_JOB_TRAIN_FIT_H

#include "job/model/model.h"
#include "job/train/optim.h"
#include "job/model/shard.h"
#include "lib/plan.h"
#include "lib/request.h"

struct fit {
    enum sft_states states;       /* fp32 or bf16 */
    enum sft_recompute recompute; /* none, norms or block */
    enum sft_zero zero;           /* who shares what */
    double model, shard, optim;   /* bytes: arena, slices and their buffers, optimizer */
    double reserve;               /* what libraries and kernels take besides */
    double total;                 /* the sum */
};

/* The fastest that the request allows and that fits into `available` bytes: as little recomputation
 * as possible, and of states, unless said, fp32 where they fit without computing blocks again, else
 * bf16; where blocks must be computed again either way, fp32 again if they fit; in each case the
 * fastest way of sharing that fits. `available` 0: not known, everything fits. Fails with how many
 * GiB are missing and what would fit; *fit is then what needs least. format and logits as in
 * struct device. */
int fit_make(struct fit *fit, const struct sft_request *request, const struct sft_plan *plan,
             const struct sft_preset *shape, double available, enum format format, size_t logits,
             struct sft_error *err);

/* Ways of sharing to choose from, the fastest first, ended by SFT_ZERO_COUNT; far: those for what
 * does not fit otherwise. */
const enum sft_zero *fit_ways(int nodes, int ranks, bool far);

/* Bytes of a GPU that the libraries and attention take besides the arena, at so many rows. */
double fit_reserve(const struct sft_preset *shape, double rows, int ranks);

/* Why that way of sharing, in a few words. */
const char *fit_why(const struct fit *fit, const struct sft_request *request,
                    const struct sft_plan *plan);

enum model_recompute fit_recompute(const struct fit *fit);
enum optim_states fit_states(const struct fit *fit);
const char *fit_states_name(enum sft_states states);
const char *fit_recompute_name(enum sft_recompute recompute);

#endif
