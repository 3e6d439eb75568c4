/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that models are listed of (llama.c). A norm adds what the block before it has left to
 * the residual stream, in the same pass over memory, and a block reads the output of the norm that
 * is listed before it; so blocks stand in the list as pairs, between an embedding and a head. */
#ifndef SFT_JOB_MODEL_BLOCK_H
#define SFT_JOB_MODEL_BLOCK_H

#include "job/model/linear.h"

enum { BLOCK_UNIT = 8 }; /* blocks of a unit, at most */

/* Which part of its forward pass a block runs: all; in the backward pass what was not kept of cheap
 * results, or all but what nobody reads again. */
enum again { AGAIN_NOTHING, AGAIN_CHEAP, AGAIN_ALL };

struct block_kind {
    void (*need)(struct block *b, const struct model *model, struct need *need);
    /* Leaves what it adds to the stream in model->delta; a norm and an embedding leave the stream.
     * A head takes losses. */
    void (*forward)(struct block *b, struct model *model, enum again again);
    /* model->dstream is the gradient of the stream behind the block, and then before it. Between a
     * block and its norm model->delta is the gradient of what the norm put out. */
    void (*backward)(struct block *b, struct model *model);
    /* The linear layer that reads the norm before the block, and the one whose output goes to the
     * stream; either may be NULL: none does. */
    struct linear *(*reader)(struct block *b);
    struct linear *(*writer)(struct block *b);
    bool turns; /* its backward pass follows its forward pass at once: the head */
};

struct block {
    const struct block_kind *kind;
    int unit;
    bool last;   /* of its unit */
    bool trains; /* it, or something before it: else it has no backward pass */
    union {
        struct {
            const struct model_tensor *table, *positions; /* positions: NULL, none are learned */
        } embedding;
        struct {
            enum norm_kind kind;
            const struct model_tensor *weight, *bias; /* bias: NULL, none */
            struct tensor sum, out;                   /* [rows,hidden] the stream, and normalized */
            float *rstd, *mean;
            enum keep keep; /* of the sum */
        } norm;
        struct {
            bool rotates;
            struct linear qkv, o;
            struct tensor qkv_out, out; /* rotated; [rows,heads*head_dim] */
            float *lse;
        } attention;
        struct {
            enum activation kind;
            struct linear in, out;
            struct tensor in_out, activated; /* [rows,ffn], twice as wide with a gate; [rows,ffn] */
        } ffn;
        struct {
            struct tensor out; /* [rows,features], drawn */
        } features;
        struct {
            const struct model_tensor *in, *in_bias, *state, *state_bias;
            struct tensor out, gates; /* as in struct lstm_layer, whose cell this is, too */
            float *cell;
        } lstm;
        struct {
            struct linear linear;
            int chunk; /* rows of logits at once */
        } head;
    };
};

/* Each adds one block to a unit. */
void block_embedding(struct model *model, int unit);
void block_norm(struct model *model, int unit, enum sft_role role, enum norm_kind kind);
/* `rotates`: q and k turn by their positions */
void block_attention(struct model *model, int unit, bool rotates);
void block_ffn(struct model *model, int unit, enum activation kind);
/* Its matrix is the embedding's where the unit has none of its own. */
void block_head(struct model *model, int unit);
/* block_lstm.c: they stand between each other alone, layers behind features and a classifier last.
 */
void block_features(struct model *model, int unit);
void block_lstm(struct model *model, int unit);
void block_classifier(struct model *model, int unit);
/* block_list.c: what the functions above begin with */
struct block *block_add(struct model *model, int unit, const struct block_kind *kind);

/* What a block adds to the stream, `linear` of `in`; not again where nobody reads it again. */
void block_leave(const struct block *b, struct model *model, struct linear *linear,
                 struct tensor in, enum again again);

/* block_norm.c. What a norm puts out, and the stream's gradient behind a block, with where their
 * producer leaves the largest magnitude if the linear layer that reads them asks. */
struct tensor norm_out(struct block *norm, const struct model *model);
struct tensor model_dstream(struct block *b, const struct model *model);
/* What block_... end with, once the parameters are known that the block has. */
void block_trains(struct block *b, struct model *model, const struct model_tensor *tensor);

/* The models: each adds a unit's blocks. */
void gpt2_blocks(struct model *model, int unit);
void llama_blocks(struct model *model, int unit);
void lstm_blocks(struct model *model, int unit);

#endif
