/* SPDX-License-Identifier: Apache-2.0 */
/* Largest magnitudes, bf16 to FP8 with its transpose, E4M3 back, and bytes transposed.
 *
 * Quantizing reads 2 bytes an element, 16 an access, and writes 1 for each copy, by the tiles of
 * fp8_tile.cuh.
 *
 * By rows two passes more read the tensor: one finds the magnitudes of rows and columns. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/fp8_tile.cuh"

enum { THREADS = TILE_THREADS, V = TILE_V };

static __global__ void sft_amax(float *amax, const bf16 *x, size_t count)
{
    float most = 0;
    size_t vectors = count / V, step = (size_t)gridDim.x * THREADS;
    for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < vectors; i += step) {
        float value[V];
        load<V>(value, x, i * V);
        amax_take(most, value);
    }
    for (size_t i = vectors * V + (size_t)blockIdx.x * THREADS + threadIdx.x; i < count; i += step)
        most = amax_larger(most, __bfloat162float(x[i]));
    amax_leave(amax, most);
}

/* Magnitudes of a tile's rows and columns, into what was zero. */
static __global__ void sft_amax_lines(float *of_rows, float *of_columns, const bf16 *x, int rows,
                                      int columns)
{
    int column = blockIdx.x * TILE + threadIdx.x % 16 * V, row = blockIdx.y * TILE;
    float most[V] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int r = row + threadIdx.x / 16; r < row + TILE; r += 16) {
        float value[V], mine = 0;
        bool inside = r < rows && column < columns;
        if (inside)
            load<V>(value, x, (size_t)r * columns + column);
#pragma unroll
        for (int j = 0; j < V && inside; j++) {
            mine = amax_larger(mine, value[j]);
            most[j] = amax_larger(most[j], value[j]);
        }
        for (int offset = 8; offset > 0; offset /= 2)
            mine = amax_larger(mine, __shfl_xor_sync(0xffffffffu, mine, offset));
        if (threadIdx.x % 16 == 0 && r < rows)
            amax_raise(of_rows + r, mine);
    }
#pragma unroll
    for (int j = 0; j < V; j++)
        if (column < columns)
            amax_raise(of_columns + column + j, most[j]);
}

/* scale and amax may be the same. */
static __global__ void sft_scales(float *scale, const float *amax, size_t count, float largest)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        scale[i] = fp8_scale(amax[i], largest);
}

static __host__ __device__ float largest_of(bool e5m2)
{
    return e5m2 ? FP8_E5M2_LARGEST : FP8_E4M3_LARGEST;
}

static __device__ void patch_load(struct patch &p, const bf16 *x, int columns)
{
    if (!p.inside)
        return;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++)
        load<V>(p.value[r], x, (size_t)(p.row + r) * columns + p.column);
}

template <bool E5M2, bool BY_ROW>
static __global__ void __launch_bounds__(THREADS) sft_quantize(struct kernel_quantize a)
{
    __shared__ uint32_t tile[TILE * TILE_GROUPS];
    float scale = BY_ROW ? 0 : fp8_scale(*a.amax, largest_of(E5M2)), factor = 0;
    if (!BY_ROW)
        factor = fp8_factor(scale);
    if (!BY_ROW && blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0)
        *a.scale = scale;
    struct patch p[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        patch_place(p[i], threadIdx.x + i * THREADS, a.rows, a.columns);
        patch_load(p[i], (const bf16 *)a.x, a.columns);
    }
    patches_store<E5M2, BY_ROW>(tile, p, a, factor);
}

/* 3 bytes an element; a thread has 8. */
static __global__ void sft_fp8_to_bf16(bf16 *to, const uint2 *from, const float *scale,
                                       size_t vectors)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float value[V], by = *scale;
    if (i >= vectors)
        return;
    uint2 word = from[i];
#pragma unroll
    for (int j = 0; j < V; j += 2) {
        uint32_t pair = (j < 4 ? word.x : word.y) >> j % 4 * 8;
        __half2 half = __nv_cvt_fp8x2_to_halfraw2((__nv_fp8x2_storage_t)pair, __NV_E4M3);
        float2 both = __half22float2(half);
        value[j] = both.x * by;
        value[j + 1] = both.y * by;
    }
    store<V>(to, i * V, value);
}

/* 2 bytes an element. */
static __global__ void __launch_bounds__(THREADS)
    sft_transpose(uint8_t *transposed, const uint8_t *data, int rows, int columns)
{
    __shared__ uint32_t tile[TILE * TILE_GROUPS];
    struct patch p;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint2 bytes[TILE_ROWS];
        patch_place(p, threadIdx.x + i * THREADS, rows, columns);
        if (!p.inside)
            continue;
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++)
            bytes[r] =
                *reinterpret_cast<const uint2 *>(data + (size_t)(p.row + r) * columns + p.column);
        patch_turn(tile, bytes, threadIdx.x + i * THREADS);
    }
    __syncthreads();
    tile_store(transposed, tile, rows, columns);
}

void kernel_amax(cudaStream_t stream, float *amax, const void *x, size_t count, int processors)
{
    size_t wanted = count / V / THREADS + 1, most = (size_t)processors * 8;
    unsigned blocks = (unsigned)(wanted < most ? wanted : most);
    sft_amax<<<blocks, THREADS, 0, stream>>>(amax, (const bf16 *)x, count);
}

/* Scales of rows and columns; scratch holds their magnitudes. */
static void lines_scale(cudaStream_t stream, const struct kernel_quantize &a, float *scratch)
{
    dim3 grid(blocks_for(a.columns, TILE), blocks_for(a.rows, TILE));
    float largest = largest_of(a.e5m2), *of_columns = scratch + a.rows;
    cudaMemsetAsync(scratch, 0, kernel_quantize_scratch(a.rows, a.columns), stream);
    sft_amax_lines<<<grid, THREADS, 0, stream>>>(scratch, of_columns, (const bf16 *)a.x, a.rows,
                                                 a.columns);
    sft_scales<<<blocks_for(a.rows, THREADS), THREADS, 0, stream>>>(a.scale, scratch, a.rows,
                                                                    largest);
    if (a.transposed != NULL)
        sft_scales<<<blocks_for(a.columns, THREADS), THREADS, 0, stream>>>(
            a.scale_transposed, of_columns, a.columns, largest);
}

size_t kernel_quantize_scratch(int rows, int columns)
{
    return ((size_t)rows + (size_t)columns) * sizeof(float);
}

void kernel_quantize(cudaStream_t stream, struct kernel_quantize a, void *scratch)
{
    dim3 grid(blocks_for(a.columns, TILE), blocks_for(a.rows, TILE));
    if (a.by_row)
        lines_scale(stream, a, (float *)scratch);
    if (a.by_row && a.e5m2)
        sft_quantize<true, true><<<grid, THREADS, 0, stream>>>(a);
    else if (a.by_row)
        sft_quantize<false, true><<<grid, THREADS, 0, stream>>>(a);
    else if (a.e5m2)
        sft_quantize<true, false><<<grid, THREADS, 0, stream>>>(a);
    else
        sft_quantize<false, false><<<grid, THREADS, 0, stream>>>(a);
}

void kernel_fp8_to_bf16(cudaStream_t stream, void *to, const void *from, const float *scale,
                        size_t count)
{
    if (count > 0)
        sft_fp8_to_bf16<<<blocks_for(count / V, THREADS), THREADS, 0, stream>>>(
            (bf16 *)to, (const uint2 *)from, scale, count / V);
}

void kernel_amax_lines(cudaStream_t stream, float *of_rows, float *of_columns, const void *x,
                       int rows, int columns)
{
    dim3 grid(blocks_for(columns, TILE), blocks_for(rows, TILE));
    sft_amax_lines<<<grid, THREADS, 0, stream>>>(of_rows, of_columns, (const bf16 *)x, rows,
                                                 columns);
}

void kernel_scales(cudaStream_t stream, float *scale, size_t count, bool e5m2)
{
    sft_scales<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(scale, scale, count,
                                                                   largest_of(e5m2));
}

enum cast_by { BY_TENSOR, BY_ROWS, BY_COLUMNS };

/* Reads 2 bytes an element and writes 1, eight elements of a row a thread. */
template <bool E5M2, cast_by BY>
static __global__ void __launch_bounds__(THREADS) sft_cast(struct kernel_quantize a, size_t vectors)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= vectors)
        return;
    size_t row = i * V / a.columns, column = i * V % a.columns;
    float value[V];
    load<V>(value, (const bf16 *)a.x, i * V);
#pragma unroll
    for (int j = 0; j < V; j++)
        value[j] *= fp8_factor(BY == BY_COLUMNS ? a.scale_transposed[column + j]
                                                : a.scale[BY == BY_ROWS ? row : 0]);
    *reinterpret_cast<uint2 *>((uint8_t *)a.data + i * V) = bytes_of<E5M2>(value);
}

template <bool E5M2>
static void cast_start(cudaStream_t stream, const struct kernel_quantize &a, bool by_column)
{
    size_t vectors = (size_t)a.rows * a.columns / V;
    unsigned blocks = blocks_for(vectors, THREADS);
    if (by_column)
        sft_cast<E5M2, BY_COLUMNS><<<blocks, THREADS, 0, stream>>>(a, vectors);
    else if (a.by_row)
        sft_cast<E5M2, BY_ROWS><<<blocks, THREADS, 0, stream>>>(a, vectors);
    else
        sft_cast<E5M2, BY_TENSOR><<<blocks, THREADS, 0, stream>>>(a, vectors);
}

void kernel_cast(cudaStream_t stream, struct kernel_quantize a, bool by_column)
{
    if (a.e5m2)
        cast_start<true>(stream, a, by_column);
    else
        cast_start<false>(stream, a, by_column);
}

void kernel_transpose(cudaStream_t stream, void *transposed, const void *data, int rows,
                      int columns)
{
    dim3 grid(blocks_for(columns, TILE), blocks_for(rows, TILE));
    sft_transpose<<<grid, THREADS, 0, stream>>>((uint8_t *)transposed, (const uint8_t *)data, rows,
                                                columns);
}
