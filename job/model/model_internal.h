/* SPDX-License-Identifier: Apache-2.0 */
/* What the model's own files share; nobody else includes this. */
#ifndef SFT_JOB_MODEL_MODEL_INTERNAL_H
#define SFT_JOB_MODEL_MODEL_INTERNAL_H

#include "job/model/model.h"

/* Activations of one layer that the backward pass wants again; n rows, h hidden. What is computed
 * again has one place for all layers. */
struct model_layer {
    void *residual;                   /* [n,h] the stream that attention's norm reads */
    void *attention_norm;             /* [n,h] that norm's output */
    void *qkv;                        /* [n,(heads+2*kv_heads)*head_dim] rotated */
    void *attention;                  /* [n,heads*head_dim] */
    void *middle;                     /* [n,h] the stream that the SwiGLU's norm reads */
    void *ffn_norm;                   /* [n,h] */
    void *gate_up;                    /* [n,2*ffn] */
    void *swiglu;                     /* [n,ffn] */
    float *attention_rstd, *ffn_rstd; /* [n] */
    float *lse;                       /* [heads,n] */
};

/* Places of one layer's tensors in the flat arrays, in elements. */
struct model_offsets {
    size_t attention_norm, qkv, o, ffn_norm, gate_up, down;
};

/* Losses that the call itself returns, and those that wait for model_take_loss. */
enum { LOSS_NOW, LOSS_LATER, LOSS_SUMS };

struct model {
    struct device *device;
    struct sft_preset shape;
    int rows;
    enum model_recompute recompute;
    size_t act_size, logits_most; /* the device's, or a plan's */
    bool fresh;                   /* the next gradients begin a sum */
    size_t parameters, tensor_count;
    struct model_tensor *tensors;
    struct model_unit *units;      /* [layers + 2] */
    struct model_offsets *offsets; /* [layers] */
    size_t embed, norm, head;      /* offsets; head is embed when tied */

    void *arena;
    size_t bytes;
    struct model_storage storage;
    void *weights, *gradients; /* [parameters] or NULL */
    struct model_hooks hooks;
    char **unit_weights, **unit_gradients; /* [layers + 2] */
    struct model_layer *layers;
    void *final, *final_norm;              /* [n,h] */
    float *final_rstd, *loss;              /* [n] */
    double *loss_sums;                     /* [LOSS_SUMS], device memory */
    int32_t *tokens, *targets, *positions; /* [n] */
    /* scratch */
    void *stream, *delta; /* [n,h] */
    void *wide, *narrow;  /* [n, max(2*ffn, qkv)], [n, max(ffn, heads*head_dim)] */
    void *logits;         /* [chunk,vocab] */
    int chunk;
};

/* Fill tensors, offsets and counts from the shape. */
int model_lay_tensors(struct model *model, struct sft_error *err);
void model_free_tensors(struct model *model);
/* The unit's weight of that role; NULL if it has none. */
const struct model_tensor *model_find(const struct model *model, int unit, enum sft_role role);
/* Cut all arrays from `base`; with NULL only count. Returns the bytes. */
size_t model_lay_arena(struct model *model, char *base);

/* Where the element `offset` of an array in device memory stands. */
void *model_at(const struct model *model, void *array, size_t offset);
/* Where the weight, and the gradient, of a tensor stands that begins at `offset` of the flat
 * arrays. */
void *model_weight(const struct model *model, size_t offset);
void *model_gradient(const struct model *model, size_t offset);
/* Units stand in the flat arrays that the model keeps; what lies between units there becomes zero.
 */
void model_place_own(struct model *model);
void model_zero_gaps(struct model *model);

#endif
