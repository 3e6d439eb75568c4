/* SPDX-License-Identifier: Apache-2.0 */
/* Products of FP8. On Hopper both operands are read along what is summed over, so the one copy of a
 * tensor or the other is taken, and the library never transposes. */
#include "job/tensor/cuda/matmul_cublaslt.h"

static int32_t type_of(enum format format)
{
    return format == FORMAT_E5M2 ? CUDA_R_8F_E5M2 : CUDA_R_8F_E4M3;
}

struct matmul_key matmul_key_fp8(const struct matmul_args *a)
{
    int k = a->transpose_a ? a->a.rows : a->a.columns;
    struct matmul_key key = matmul_key_bf16(a->c.rows, a->c.columns, k, false, true, a->accumulate);
    key.type_a = type_of(a->a.format);
    key.type_b = type_of(a->b.format);
    key.scaling = a->a.scaling;
    key.fast = a->fast;
    return key;
}

bool matmul_run_fp8(struct device_cuda *cuda, const struct matmul_args *args)
{
    const struct tensor *a = &args->a, *b = &args->b;
    bool by_row = a->scaling == SCALING_ROW;
    struct matmul_key key = matmul_key_fp8(args);
    struct matmul_operands operands = {
        .c = args->c.data,
        .a = args->transpose_a ? a->transposed : a->data,
        .b = args->transpose_b ? b->data : b->transposed,
        .scale_a = by_row && args->transpose_a ? a->scale_transposed : a->scale,
        .scale_b = by_row && !args->transpose_b ? b->scale_transposed : b->scale,
    };
    matmul_enqueue(cuda, &key, operands);
    return args->bias.data == NULL;
}

unsigned matmul_scalings(struct matmul *matmul)
{
    enum { SIZE = 256 };
    unsigned found = 0;
    for (enum tensor_scaling scaling = SCALING_TENSOR; scaling <= SCALING_ROW; scaling++) {
        struct tensor t = tensor_of(FORMAT_E4M3, SIZE, SIZE, NULL);
        t.scaling = scaling;
        struct matmul_args args = {.c = tensor_of(FORMAT_BF16, SIZE, SIZE, NULL),
                                   .a = t,
                                   .b = t,
                                   .transpose_b = true,
                                   .accumulate = true};
        struct matmul_key key = matmul_key_fp8(&args);
        if (matmul_product_exists(matmul, &key))
            found |= 1u << scaling;
    }
    return found;
}
