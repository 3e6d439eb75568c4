/* SPDX-License-Identifier: Apache-2.0 */
/* What the run begins with, where weights= names it: opened on every node before a GPU is used. */
#ifndef SFT_JOB_RUN_BASE_H
#define SFT_JOB_RUN_BASE_H

#include "job/control/control.h"
#include "job/weights/weights.h"
#include "lib/request.h"

struct base {
    struct weights *weights;  /* NULL: weights are drawn */
    struct weights *adapters; /* NULL: new ones */
    struct sft_preset shape;
    uint64_t sum; /* weights_sum of both */
};

/* Opens what the request names, if it does; the request's model becomes the weights' own, which a
 * preset that it names must be alike, and its adapters those of adapter=; where it names no
 * tokenizer, and data that want one, the weights' own. The base outlives the request. */
int base_open(struct base *base, struct sft_request *request, struct sft_error *err);
/* Of an opened one: nobody named a tokenizer, and the weights bring none for these texts. */
bool base_lacks_tokenizer(const struct base *base, const struct sft_request *request);
/* Collective: the same on all ranks. Where it fails on some, or nodes have other weights than rank
 * 0's has, it fails on all, and on rank 0 err is one line that names the nodes. */
int base_agree(struct base *base, struct sft_request *request, struct control *control,
               struct sft_error *err);
void base_close(struct base *base); /* one that was not opened, or zeroes, too */

#endif
