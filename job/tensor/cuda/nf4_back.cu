/* SPDX-License-Identifier: Apache-2.0 */
/* NF4 back to bf16 or E4M3, in every pass; nf4.cu is the way to it.
 *
 * All are bound by memory. Bytes an element, 0.516 of them NF4's (codes, and an absmax in 8 bits a
 * 64): to bf16 0.516 read and 2 written; to E4M3 0.516 read and 1
 * written a copy. A pass over the 6.48e9 elements of 7B's matrices in bf16 moves 16.3 GB, 3.4 ms at
 * an H200's 4.8 TB/s (derived; nearer to 3.8 at the 4.3 TB/s that copies reach), in E4M3 9.8 GB,
 * 2.0 ms; over the 68.5e9 of 70B 172 GB, 36 ms, and 104 GB, 22 ms.
 *
 * A thread writes 16 bytes an access: 8 elements of bf16, whose codes are 4 bytes, or 16 of E4M3,
 * of 8 bytes, so that lanes beside each other read and write beside each other; four of them are
 * in flight, since the reads are short. The 16 numbers lie in shared memory in as many banks: lanes
 * that want different ones never wait for each other. About 6 instructions an element leave the
 * arithmetic at half of the memory's time for E4M3 and a third for bf16. Absmax come from the
 * caches: 8 lanes want the same. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/fp8_tile.cuh"
#include "job/tensor/cuda/nf4.cuh"

static __device__ float absmax_of(const struct kernel_nf4 &from, float mean, size_t block)
{
    if (from.scale_codes == NULL)
        return from.scale[block];
    return nf4_times_plus(map.number[from.scale_codes[block]], from.scale[block / NF4_SCALES],
                          mean);
}

static __device__ float mean_of(const struct kernel_nf4 &from)
{
    return from.scale_codes == NULL ? 0 : *from.scale_mean;
}

static __device__ void word_decode(float (&to)[V], uint32_t word, const float *numbers,
                                   float absmax)
{
#pragma unroll
    for (int j = 0; j < V; j++)
        to[j] = numbers[word >> bit_of(j) & 15] * absmax;
}

/* What is left of the matrix is less than a vector. */
static __device__ void tail_decode(bf16 *to, const struct kernel_nf4 &from, const float *numbers,
                                   float absmax, size_t at)
{
    for (size_t i = at; i < from.count; i++) {
        uint8_t byte = static_cast<const uint8_t *>(from.data)[i / 2];
        to[i] = __float2bfloat16_rn(numbers[i % 2 == 0 ? byte >> 4 : byte & 15] * absmax);
    }
}

static __global__ void __launch_bounds__(THREADS) sft_nf4_to_bf16(bf16 *to, struct kernel_nf4 from)
{
    __shared__ float numbers[NF4_NUMBERS];
    size_t first = (size_t)blockIdx.x * UNITS * THREADS + threadIdx.x;
    float absmax[UNITS], mean = mean_of(from);
    uint32_t word[UNITS];
    numbers_fill(numbers);
#pragma unroll
    for (int u = 0; u < UNITS; u++) {
        size_t at = (first + u * THREADS) * V;
        if (at < from.count)
            absmax[u] = absmax_of(from, mean, at / NF4_BLOCK);
        if (at + V <= from.count)
            word[u] = static_cast<const uint32_t *>(from.data)[at / V];
    }
    __syncthreads();
#pragma unroll
    for (int u = 0; u < UNITS; u++) {
        size_t at = (first + u * THREADS) * V;
        float value[V];
        if (at + V <= from.count) {
            word_decode(value, word[u], numbers, absmax[u]);
            store<V>(to, at, value);
        } else if (at < from.count)
            tail_decode(to, from, numbers, absmax[u], at);
    }
}

/* To E4M3, not transposed; columns are a multiple of 16, so 16 elements are of one row. */
template <bool BY_ROW>
static __global__ void __launch_bounds__(THREADS)
    sft_nf4_to_rows(struct kernel_quantize to, struct kernel_nf4 from)
{
    __shared__ float numbers[NF4_NUMBERS];
    size_t first = (size_t)blockIdx.x * UNITS * THREADS + threadIdx.x, units = from.count / (2 * V);
    float absmax[UNITS], mean = mean_of(from), factor = BY_ROW ? 0 : fp8_factor(*to.scale);
    uint2 word[UNITS];
    numbers_fill(numbers);
#pragma unroll
    for (int u = 0; u < UNITS; u++)
        if (first + u * THREADS < units) {
            absmax[u] = absmax_of(from, mean, (first + u * THREADS) * (2 * V) / NF4_BLOCK);
            word[u] = static_cast<const uint2 *>(from.data)[first + u * THREADS];
        }
    __syncthreads();
#pragma unroll
    for (int u = 0; u < UNITS; u++) {
        size_t unit = first + u * THREADS;
        float low[V], high[V];
        if (unit >= units)
            continue;
        float by = BY_ROW ? fp8_factor(to.scale[unit / (to.columns / (2 * V))]) : factor;
        word_decode(low, word[u].x, numbers, absmax[u]);
        word_decode(high, word[u].y, numbers, absmax[u]);
#pragma unroll
        for (int j = 0; j < V; j++) {
            low[j] *= by;
            high[j] *= by;
        }
        uint2 front = bytes_of<false>(low), back = bytes_of<false>(high);
        static_cast<uint4 *>(to.data)[unit] = make_uint4(front.x, front.y, back.x, back.y);
    }
}

/* What a patch's rows read of memory: asked for before anything is waited for. */
struct codes {
    uint32_t word[TILE_ROWS];
    float absmax[TILE_ROWS];
};

static __device__ void codes_read(struct codes &c, const struct patch &p,
                                  const struct kernel_nf4 &from, float mean, int columns)
{
    if (!p.inside)
        return;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
        size_t at = (size_t)(p.row + r) * columns + p.column;
        c.word[r] = static_cast<const uint32_t *>(from.data)[at / V];
        c.absmax[r] = absmax_of(from, mean, at / NF4_BLOCK);
    }
}

/* One patch is numbers at a time: with both, registers leave room for half as many blocks. */
template <bool BY_ROW>
static __global__ void __launch_bounds__(THREADS, BY_ROW ? 3 : 4)
    sft_nf4_to_columns(struct kernel_quantize to, struct kernel_nf4 from)
{
    __shared__ uint32_t tile[TILE * TILE_GROUPS];
    __shared__ float numbers[NF4_NUMBERS];
    struct patch p;
    struct codes c[2];
    float mean = mean_of(from), factor = BY_ROW ? 0 : fp8_factor(*to.scale);
    numbers_fill(numbers);
#pragma unroll
    for (int i = 0; i < 2; i++) {
        patch_place(p, threadIdx.x + i * THREADS, to.rows, to.columns);
        codes_read(c[i], p, from, mean, to.columns);
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2; i++) {
        patch_place(p, threadIdx.x + i * THREADS, to.rows, to.columns);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++)
            word_decode(p.value[r], c[i].word[r], numbers, c[i].absmax[r]);
        patch_store<false, BY_ROW>(tile, p, i, to, factor);
    }
    __syncthreads();
    tile_store((uint8_t *)to.transposed, tile, to.rows, to.columns);
}

void kernel_nf4_to_bf16(cudaStream_t stream, void *to, struct kernel_nf4 from)
{
    if (from.count > 0)
        sft_nf4_to_bf16<<<blocks_for(from.count, THREADS * UNITS * V), THREADS, 0, stream>>>(
            (bf16 *)to, from);
}

void kernel_nf4_to_fp8(cudaStream_t stream, struct kernel_quantize to, struct kernel_nf4 from)
{
    dim3 tiles(blocks_for(to.columns, TILE), blocks_for(to.rows, TILE));
    unsigned blocks = blocks_for(from.count, THREADS * UNITS * 2 * V);
    if (to.transposed != NULL && to.by_row)
        sft_nf4_to_columns<true><<<tiles, THREADS, 0, stream>>>(to, from);
    else if (to.transposed != NULL)
        sft_nf4_to_columns<false><<<tiles, THREADS, 0, stream>>>(to, from);
    else if (to.by_row)
        sft_nf4_to_rows<true><<<blocks, THREADS, 0, stream>>>(to, from);
    else
        sft_nf4_to_rows<false><<<blocks, THREADS, 0, stream>>>(to, from);
}
