/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of an LSTM over whole sequences, torch.nn.LSTM's. Rows stand step by step: row t *
 * sequences + s is step t of sequence s, so a step is a matrix without gaps. What the inputs add to
 * the gates is one product for all steps, and so are the gradients of both matrices; only the state
 * goes from step to step. */
#ifndef SFT_JOB_MODEL_LSTM_LAYER_H
#define SFT_JOB_MODEL_LSTM_LAYER_H

#include "job/tensor/ops.h"

/* n rows, sequences * steps. Tensors in the device's format. */
struct lstm_layer {
    int sequences;
    const int32_t *positions; /* [n]: 0 begins a document: no state comes in. NULL: none begins but
                                 at each sequence's first step, and `carried` is not needed */
    struct tensor weight_in, weight_state; /* [4*hidden,input], [4*hidden,hidden] */
    struct tensor bias_in, bias_state;     /* [1,4*hidden]; no data: none */
    struct tensor dweight_in, dweight_state, dbias_in, dbias_state;
    struct tensor in, out;        /* [n,input], [n,hidden] */
    struct tensor gates, carried; /* [n,4*hidden], [n,hidden] the state that each step read: kept
                                     from forward to backward, as is cell[n,hidden] */
    float *cell;
    /* Of the backward pass: [n,4*hidden], [sequences,hidden] twice; gates may be dgates. */
    struct tensor dgates, dcarried;
    float *dcell;
};

void lstm_layer_forward(struct device *device, const struct lstm_layer *layer);
/* din (no data: not wanted) is overwritten; it may be dout where it is as wide. Gradients of
 * weights are overwritten too where `fresh`, else they are added to; those of the biases, which are
 * equal, are always added to, and dbias_state becomes what dbias_in is. */
void lstm_layer_backward(struct device *device, const struct lstm_layer *layer, struct tensor din,
                         struct tensor dout, bool fresh);

#endif
