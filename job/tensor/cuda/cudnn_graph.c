/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/cuda/cudnn_graph.h"

#include <stddef.h>
#include <string.h>

enum { ENGINES = 16, ALIGNMENT = 16 };

void graph_start(struct graph *graph, cudnnHandle_t handle)
{
    memset(graph, 0, sizeof *graph);
    graph->handle = handle;
    graph->next = GRAPH_OUTSIDE + 1;
}

void graph_destroy(struct graph *graph)
{
    while (graph->count > 0)
        cudnnBackendDestroyDescriptor(graph->all[--graph->count]);
    graph->plan = NULL;
}

static bool graph_check(struct graph *graph, cudnnStatus_t status, const char *what)
{
    if (graph->failed == NULL && status != CUDNN_STATUS_SUCCESS) {
        graph->status = status;
        graph->failed = what;
    }
    return graph->failed == NULL;
}

static cudnnBackendDescriptor_t graph_new(struct graph *graph, cudnnBackendDescriptorType_t type,
                                          const char *what)
{
    cudnnBackendDescriptor_t descriptor = NULL;
    if (graph->failed != NULL)
        return NULL;
    if (graph->count == GRAPH_DESCRIPTORS) {
        graph_check(graph, CUDNN_STATUS_ALLOC_FAILED, "the list of descriptors");
        return NULL;
    }
    if (graph_check(graph, cudnnBackendCreateDescriptor(type, &descriptor), what))
        graph->all[graph->count++] = descriptor;
    return descriptor;
}

static void graph_set(struct graph *graph, cudnnBackendDescriptor_t descriptor,
                      cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      int64_t count, const void *value, const char *what)
{
    if (graph->failed == NULL)
        graph_check(graph, cudnnBackendSetAttribute(descriptor, name, type, count, value), what);
}

static void graph_link(struct graph *graph, cudnnBackendDescriptor_t descriptor,
                       cudnnBackendAttributeName_t name, const struct graph_tensor *tensor,
                       const char *what)
{
    if (tensor != NULL)
        graph_set(graph, descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &tensor->descriptor,
                  what);
}

static void graph_finish(struct graph *graph, cudnnBackendDescriptor_t descriptor, const char *what)
{
    if (graph->failed == NULL)
        graph_check(graph, cudnnBackendFinalize(descriptor), what);
}

static void graph_operation(struct graph *graph, cudnnBackendDescriptor_t operation,
                            const char *what)
{
    graph_finish(graph, operation, what);
    if (graph->failed == NULL && graph->operation_count == GRAPH_OPERATIONS)
        graph_check(graph, CUDNN_STATUS_ALLOC_FAILED, "the list of operations");
    if (graph->failed == NULL)
        graph->operations[graph->operation_count++] = operation;
}

static struct graph_tensor tensor_make(struct graph *graph, int64_t id, struct graph_shape shape,
                                       cudnnDataType_t type, bool is_inner, bool by_value,
                                       const struct graph_tensor *ragged)
{
    static const char what[] = "a tensor";
    const int64_t alignment = ALIGNMENT;
    struct graph_tensor tensor = {.shape = shape};
    cudnnBackendDescriptor_t d = graph_new(graph, CUDNN_BACKEND_TENSOR_DESCRIPTOR, what);
    graph_set(graph, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, what);
    graph_set(graph, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, shape.size, what);
    graph_set(graph, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, shape.stride, what);
    graph_set(graph, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id, what);
    graph_set(graph, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, what);
    if (is_inner)
        graph_set(graph, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_inner, what);
    if (by_value)
        graph_set(graph, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &by_value, what);
    graph_link(graph, d, CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC, ragged, what);
    graph_finish(graph, d, what);
    tensor.descriptor = d;
    return tensor;
}

struct graph_tensor graph_memory(struct graph *graph, int64_t id, struct graph_shape shape,
                                 cudnnDataType_t type, const struct graph_tensor *ragged)
{
    return tensor_make(graph, id, shape, type, false, false, ragged);
}

struct graph_tensor graph_scalar(struct graph *graph, int64_t id, cudnnDataType_t type)
{
    struct graph_shape one = {{1, 1, 1, 1}, {1, 1, 1, 1}};
    return tensor_make(graph, id, one, type, false, true, NULL);
}

struct graph_tensor graph_inner(struct graph *graph, struct graph_shape shape, cudnnDataType_t type,
                                const struct graph_tensor *ragged)
{
    return tensor_make(graph, graph->next++, shape, type, true, false, ragged);
}

void graph_matmul(struct graph *graph, struct graph_tensor c, struct graph_tensor a,
                  struct graph_tensor b, struct graph_cut cut)
{
    static const char what[] = "a product";
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t kind = graph_new(graph, CUDNN_BACKEND_MATMUL_DESCRIPTOR, what);
    graph_set(graph, kind, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute, what);
    graph_finish(graph, kind, what);
    cudnnBackendDescriptor_t d = graph_new(graph, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_ADESC, &a, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_BDESC, &b, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_CDESC, &c, what);
    graph_set(graph, d, CUDNN_ATTR_OPERATION_MATMUL_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &kind,
              what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC, cut.m, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC, cut.n, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC, cut.k, what);
    graph_operation(graph, d, what);
}

static void pointwise_make(struct graph *graph, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                           const int64_t *axis, const struct graph_tensor *y,
                           const struct graph_tensor *x, const struct graph_tensor *b,
                           const struct graph_tensor *t)
{
    static const char what[] = "an operation by element";
    cudnnBackendDescriptor_t kind = graph_new(graph, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, what);
    graph_set(graph, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode, what);
    graph_set(graph, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute, what);
    if (axis != NULL)
        graph_set(graph, kind, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, axis, what);
    graph_finish(graph, kind, what);
    cudnnBackendDescriptor_t d =
        graph_new(graph, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, what);
    graph_set(graph, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR,
              1, &kind, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, t, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y, what);
    graph_operation(graph, d, what);
}

void graph_pointwise(struct graph *graph, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                     struct graph_tensor y, struct graph_tensor x, const struct graph_tensor *b,
                     const struct graph_tensor *t)
{
    pointwise_make(graph, mode, compute, NULL, &y, &x, b, t);
}

void graph_index(struct graph *graph, int64_t axis, cudnnDataType_t compute, struct graph_tensor y,
                 struct graph_tensor x)
{
    pointwise_make(graph, CUDNN_POINTWISE_GEN_INDEX, compute, &axis, &y, &x, NULL, NULL);
}

void graph_reduce(struct graph *graph, cudnnReduceTensorOp_t mode, struct graph_tensor y,
                  struct graph_tensor x)
{
    static const char what[] = "a reduction";
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t kind = graph_new(graph, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, what);
    graph_set(graph, kind, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute, what);
    graph_set(graph, kind, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1,
              &mode, what);
    graph_finish(graph, kind, what);
    cudnnBackendDescriptor_t d =
        graph_new(graph, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, &x, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, &y, what);
    graph_set(graph, d, CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
              &kind, what);
    graph_operation(graph, d, what);
}

void graph_reshape(struct graph *graph, struct graph_tensor y, struct graph_tensor x)
{
    static const char what[] = "a reshape";
    cudnnBackendDescriptor_t d = graph_new(graph, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, &x, what);
    graph_link(graph, d, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, &y, what);
    graph_operation(graph, d, what);
}

/* The configurations that cuDNN's heuristic ranks, best first, as far as a plan can be made. */
static void plan_pick(struct graph *graph, cudnnBackendDescriptor_t heuristic)
{
    cudnnBackendDescriptor_t configs[ENGINES];
    int64_t count = 0;
    for (int i = 0; i < ENGINES; i++)
        configs[i] = graph_new(graph, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "an engine");
    if (graph->failed != NULL ||
        !graph_check(graph,
                     cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, ENGINES, &count,
                                              configs),
                     "the engines"))
        return;
    cudnnStatus_t status = CUDNN_STATUS_NOT_SUPPORTED;
    for (int64_t i = 0; i < count && graph->plan == NULL; i++) {
        cudnnBackendDescriptor_t plan =
            graph_new(graph, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan");
        graph_set(graph, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                  &graph->handle, "a plan");
        graph_set(graph, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &configs[i], "a plan");
        if (graph->failed != NULL)
            return;
        status = cudnnBackendFinalize(plan);
        if (status == CUDNN_STATUS_SUCCESS)
            graph->plan = plan;
    }
    if (graph->plan == NULL)
        graph_check(graph, status, "a plan of any engine");
}

int graph_plan(struct graph *graph, const char *what, struct sft_error *err)
{
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    cudnnBackendDescriptor_t whole =
        graph_new(graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "the graph");
    graph_set(graph, whole, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &graph->handle,
              "the graph");
    graph_set(graph, whole, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
              graph->operation_count, graph->operations, "the graph");
    graph_finish(graph, whole, "the graph");
    cudnnBackendDescriptor_t heuristic =
        graph_new(graph, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "the heuristic");
    graph_set(graph, heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
              CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &whole, "the heuristic");
    graph_set(graph, heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode,
              "the heuristic");
    graph_finish(graph, heuristic, "the heuristic");
    plan_pick(graph, heuristic);
    int64_t count;
    if (graph->failed == NULL)
        graph_check(graph,
                    cudnnBackendGetAttribute(graph->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                             CUDNN_TYPE_INT64, 1, &count, &graph->workspace),
                    "a plan's workspace");
    if (graph->failed != NULL)
        return sft_error_set(err, "cuDNN %zu cannot do %s: %s of its graph: %s", cudnnGetVersion(),
                             what, graph->failed, cudnnGetErrorString(graph->status));
    return 0;
}

/* The pack of addresses is made for each run: a finished one cannot be changed, and the addresses
 * differ from layer to layer. */
cudnnStatus_t graph_run(struct graph *graph, int count, const int64_t *ids, void *const *pointers,
                        void *workspace)
{
    cudnnBackendDescriptor_t pack;
    cudnnStatus_t status =
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
                                      count, ids);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                          CUDNN_TYPE_VOID_PTR, count, pointers);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                          CUDNN_TYPE_VOID_PTR, 1, &workspace);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnBackendFinalize(pack);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnBackendExecute(graph->handle, graph->plan, pack);
    cudnnBackendDestroyDescriptor(pack);
    return status;
}
