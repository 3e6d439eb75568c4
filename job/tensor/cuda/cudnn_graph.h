/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's backend descriptors in few words: tensors, operations, and a plan of the finished graph.
 * A failure is kept and makes all that follows do nothing, so that a graph reads as its formulas.
 */
#ifndef SFT_JOB_TENSOR_CUDA_CUDNN_GRAPH_H
#define SFT_JOB_TENSOR_CUDA_CUDNN_GRAPH_H

#include <cudnn.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

enum { GRAPH_DESCRIPTORS = 256, GRAPH_OPERATIONS = 64, GRAPH_OUTSIDE = 32 };

struct graph_shape {
    int64_t size[4], stride[4]; /* elements */
};

struct graph_tensor {
    cudnnBackendDescriptor_t descriptor;
    struct graph_shape shape;
};

struct graph {
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t all[GRAPH_DESCRIPTORS]; /* to destroy */
    int count;
    cudnnBackendDescriptor_t operations[GRAPH_OPERATIONS];
    int operation_count;
    int64_t next; /* id of the next inner tensor */
    cudnnStatus_t status;
    const char *failed; /* what did, NULL: nothing */
    cudnnBackendDescriptor_t plan;
    int64_t workspace; /* bytes */
};

void graph_start(struct graph *graph, cudnnHandle_t handle);
void graph_destroy(struct graph *graph);

/* A tensor in memory, known by `id` (from 1 to GRAPH_OUTSIDE) when the plan runs. `ragged` holds
 * the first element of each batch, or is NULL. */
struct graph_tensor graph_memory(struct graph *graph, int64_t id, struct graph_shape shape,
                                 cudnnDataType_t type, const struct graph_tensor *ragged);
/* One number on the host, known by `id`. */
struct graph_tensor graph_scalar(struct graph *graph, int64_t id, cudnnDataType_t type);
/* A tensor that exists inside the kernel only. */
struct graph_tensor graph_inner(struct graph *graph, struct graph_shape shape, cudnnDataType_t type,
                                const struct graph_tensor *ragged);

/* Lengths that cut the sizes of a product batch by batch; NULL: none does. */
struct graph_cut {
    const struct graph_tensor *m, *n, *k;
};
void graph_matmul(struct graph *graph, struct graph_tensor c, struct graph_tensor a,
                  struct graph_tensor b, struct graph_cut cut);

/* y = mode(x), mode(x, b) or mode(x, b, t); `compute` is the arithmetic's type. */
void graph_pointwise(struct graph *graph, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                     struct graph_tensor y, struct graph_tensor x, const struct graph_tensor *b,
                     const struct graph_tensor *t);
/* y's elements are their own index along `axis` */
void graph_index(struct graph *graph, int64_t axis, cudnnDataType_t compute, struct graph_tensor y,
                 struct graph_tensor x);
void graph_reduce(struct graph *graph, cudnnReduceTensorOp_t mode, struct graph_tensor y,
                  struct graph_tensor x);
void graph_reshape(struct graph *graph, struct graph_tensor y, struct graph_tensor x);

/* Pick an engine for the graph and make its plan. Fails with what cuDNN says. */
int graph_plan(struct graph *graph, const char *what, struct sft_error *err);
/* Run the plan; pointers[i] belongs to ids[i]. */
cudnnStatus_t graph_run(struct graph *graph, int count, const int64_t *ids, void *const *pointers,
                        void *workspace);

#endif
