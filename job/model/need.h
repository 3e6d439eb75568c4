/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a model need of a device's memory: asked once to count, for a plan, and once
 * more to place, for the arena. Each piece begins at a multiple of 256 bytes. */
#ifndef SFT_JOB_MODEL_NEED_H
#define SFT_JOB_MODEL_NEED_H

#include <stdbool.h>

#include "job/tensor/tensor.h"

/* How long what a layer's forward pass computes stays for its backward pass: always; unless whole
 * layers are computed again; only where nothing is; never. What does not stay has one place for all
 * layers.
 */
enum keep { KEEP_ALWAYS, KEEP_DEAR, KEEP_CHEAP, KEEP_NEVER };

/* What a block uses during one of its passes only; all share the largest of each. Of linear layers
 * in FP8: an operand, one transposed, the input transposed, and the weights. Of adapters: the
 * gradient between A and B, B of all projections, and the input with dropout. Of frozen weights in
 * few bits: one of them as products read it; a piece as it is made, and all absmax. */
enum borrow {
    BORROW_WIDE,
    BORROW_NARROW,
    BORROW_LOGITS,
    BORROW_FP8,
    BORROW_FP8_TRANSPOSED,
    BORROW_FP8_IN,
    BORROW_FP8_WEIGHT,
    BORROW_ADAPTER,
    BORROW_ADAPTER_B,
    BORROW_DROPPED,
    BORROW_BASE,
    BORROW_PIECE,
    BORROW_ABSMAX,
    BORROWS
};

enum { NEED_SHARED = 32 };

struct need {
    char *base; /* NULL: only count */
    size_t used;
    enum keep least; /* what is kept of layers, and what lasts longer */
    bool layer;      /* what follows is a layer's */
    int slot, slots;
    void *shared[NEED_SHARED]; /* [slots] places that all layers share, by their order in one */
    size_t borrowed[BORROWS];  /* bytes */
};

/* A unit's needs follow; `layer`: there are others of its kind. */
void need_unit(struct need *need, bool layer);
/* NULL as long as it only counts. */
void *need_take(struct need *need, size_t bytes);
void *need_keep(struct need *need, enum keep keep, size_t bytes);
struct tensor need_tensor(struct need *need, enum keep keep, enum format format, int rows,
                          int columns);
void need_borrow(struct need *need, enum borrow what, enum format format, int rows, int columns);

#endif
