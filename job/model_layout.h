/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything of a model lies in its one arena: computed before anything is allocated, from
 * the shape alone, so that memory can be planned without a backend. Pure functions. */
#ifndef SFT_JOB_MODEL_LAYOUT_H
#define SFT_JOB_MODEL_LAYOUT_H

#include <stddef.h>

#include "lib/error.h"
#include "lib/preset.h"

/* Byte offsets from the arena's begin, each aligned to 256. */

/* What one layer's forward pass leaves for its backward pass. */
struct model_layout_layer {
    size_t input;          /* act [rows,hidden], the residual stream that comes in */
    size_t attention_rstd; /* float [rows] */
    size_t attention_norm; /* act [rows,hidden] */
    size_t qkv;            /* act [rows,(heads+2*kv_heads)*head_dim], rotated */
    size_t attention;      /* act [rows,hidden] */
    size_t lse;            /* float [heads,rows] */
    size_t middle;         /* act [rows,hidden], the stream behind attention */
    size_t ffn_rstd;       /* float [rows] */
    size_t ffn_norm;       /* act [rows,hidden] */
    size_t gate_up;        /* act [rows,2*ffn] */
    size_t swiglu;         /* act [rows,ffn] */
};

struct model_layout {
    size_t parameters; /* elements of weights, and of gradients */
    size_t weights, gradients;
    size_t tokens, targets, positions; /* int32_t [rows] */
    struct model_layout_layer first;   /* of layer 0 */
    size_t layer_bytes;                /* layer l's offsets are layer 0's plus l times this */
    size_t last;                       /* act [rows,hidden], the stream behind the last layer */
    size_t final_rstd;                 /* float [rows] */
    size_t final_norm;                 /* act [rows,hidden] */
    size_t losses;                     /* float [rows] */
    size_t logits;                     /* act [chunk,vocab] */
    size_t dstream;                    /* act [rows,hidden]; the next four: scratch of the passes */
    size_t delta;                      /* act [rows,hidden] */
    size_t narrow;                     /* act [rows,max(ffn,hidden)] */
    size_t wide;                       /* act [rows,max(2*ffn,qkv)] */
    int chunk;    /* rows whose logits exist at once: as many as keep chunk * vocab under 16 million
                   * elements, but 128 or more, and no more than the rows */
    size_t bytes; /* of the arena; without weights and gradients: activations */
};

/* 0, or -1 when the shape's numbers do not fit together or rows is not positive. */
int model_layout_make(struct model_layout *layout, const struct sft_preset *shape, int rows,
                      size_t act_size, struct sft_error *err);

/* Of the arena, weights and gradients left out. */
size_t model_layout_activations(const struct model_layout *layout, size_t act_size);

#endif
