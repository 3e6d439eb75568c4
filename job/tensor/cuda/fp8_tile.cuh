/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of numbers to FP8, as they are and transposed: what is left to do once a block has them in
 * registers.
 *
 * A block has a tile of 128 x 128; a thread holds 8 columns of 4 rows, twice, and writes 8 bytes of
 * each row, so 16 lanes fill 128. The transpose goes through shared memory in words of 4 rows of a
 * column, turned in registers, and leaves in rows of 128 bytes. Words of a column stand where its
 * number's bits put them, so that neither side meets a bank twice. */
#pragma once

#include <cuda_fp8.h>

#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/fp8_scale.h"

enum { TILE_THREADS = 256, TILE = 128, TILE_V = 8, TILE_ROWS = 4, TILE_GROUPS = TILE / TILE_ROWS };

/* Eight numbers to bytes, the first one lowest. */
template <bool E5M2> static __device__ uint2 bytes_of(const float (&value)[TILE_V])
{
    const __nv_fp8_interpretation_t kind = E5M2 ? __NV_E5M2 : __NV_E4M3;
    uint32_t pair[4];
#pragma unroll
    for (int j = 0; j < 4; j++)
        pair[j] = __nv_cvt_float2_to_fp8x2(make_float2(value[2 * j], value[2 * j + 1]),
                                           __NV_SATFINITE, kind);
    return make_uint2(pair[0] | pair[1] << 16, pair[2] | pair[3] << 16);
}

/* Byte i of four words into one, for each i. */
static __device__ void turn(uint32_t (&to)[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t low_ab = __byte_perm(a, b, 0x5140), high_ab = __byte_perm(a, b, 0x7362);
    uint32_t low_cd = __byte_perm(c, d, 0x5140), high_cd = __byte_perm(c, d, 0x7362);
    to[0] = __byte_perm(low_ab, low_cd, 0x5410);
    to[1] = __byte_perm(low_ab, low_cd, 0x7632);
    to[2] = __byte_perm(high_ab, high_cd, 0x5410);
    to[3] = __byte_perm(high_ab, high_cd, 0x7632);
}

static __device__ int place_of(int column, int group)
{
    return column * TILE_GROUPS + (group ^ (column / TILE_V * 2 % TILE_GROUPS));
}

/* What a thread reads at once: 8 columns of 4 rows of the tile. */
struct patch {
    float value[TILE_ROWS][TILE_V];
    int row, column; /* in the tensor */
    bool inside;
};

static __device__ void patch_place(struct patch &p, int item, int rows, int columns)
{
    p.row = blockIdx.y * TILE + item / 16 * TILE_ROWS;
    p.column = blockIdx.x * TILE + item % 16 * TILE_V;
    p.inside = p.row < rows && p.column < columns;
}

/* A patch's bytes to their rows; returned in `bytes`. */
template <bool E5M2, bool BY_ROW>
static __device__ void rows_store(uint2 (&bytes)[TILE_ROWS], const struct patch &p, uint8_t *to,
                                  const float *scale, float factor, int columns)
{
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
        float scaled[TILE_V];
        float by = BY_ROW ? fp8_factor(scale[p.row + r]) : factor;
#pragma unroll
        for (int j = 0; j < TILE_V; j++)
            scaled[j] = p.value[r][j] * by;
        bytes[r] = bytes_of<E5M2>(scaled);
        if (to != NULL)
            *reinterpret_cast<uint2 *>(to + (size_t)(p.row + r) * columns + p.column) = bytes[r];
    }
}

template <bool E5M2>
static __device__ void columns_scale(uint2 (&bytes)[TILE_ROWS], const struct patch &p,
                                     const float *scale)
{
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
        float scaled[TILE_V];
#pragma unroll
        for (int j = 0; j < TILE_V; j++)
            scaled[j] = p.value[r][j] * fp8_factor(scale[p.column + j]);
        bytes[r] = bytes_of<E5M2>(scaled);
    }
}

static __device__ void patch_turn(uint32_t *tile, const uint2 (&bytes)[TILE_ROWS], int item)
{
    uint32_t low[4], high[4];
    turn(low, bytes[0].x, bytes[1].x, bytes[2].x, bytes[3].x);
    turn(high, bytes[0].y, bytes[1].y, bytes[2].y, bytes[3].y);
#pragma unroll
    for (int j = 0; j < 4; j++) {
        tile[place_of(item % 16 * TILE_V + j, item / 16)] = low[j];
        tile[place_of(item % 16 * TILE_V + 4 + j, item / 16)] = high[j];
    }
}

static __device__ void tile_store(uint8_t *transposed, const uint32_t *tile, int rows, int columns)
{
    int group = threadIdx.x % 32, row = blockIdx.y * TILE + group * TILE_ROWS;
    for (int i = threadIdx.x / 32; i < TILE; i += TILE_THREADS / 32) {
        int column = blockIdx.x * TILE + i;
        if (column < columns && row < rows)
            *reinterpret_cast<uint32_t *>(transposed + (size_t)column * rows + row) =
                tile[place_of(i, group)];
    }
}

/* A thread's i-th patch to its rows, and turned into the tile. `factor`: of a tensor's scale. */
template <bool E5M2, bool BY_ROW>
static __device__ void patch_store(uint32_t (&tile)[TILE * TILE_GROUPS], const struct patch &p,
                                   int i, const struct kernel_quantize &a, float factor)
{
    uint2 bytes[TILE_ROWS];
    if (!p.inside)
        return;
    rows_store<E5M2, BY_ROW>(bytes, p, a.data == NULL ? NULL : (uint8_t *)a.data, a.scale, factor,
                             a.columns);
    if (a.transposed == NULL)
        return;
    if (BY_ROW)
        columns_scale<E5M2>(bytes, p, a.scale_transposed);
    patch_turn(tile, bytes, threadIdx.x + i * TILE_THREADS);
}

/* All threads of the block call it. */
template <bool E5M2, bool BY_ROW>
static __device__ void patches_store(uint32_t (&tile)[TILE * TILE_GROUPS],
                                     const struct patch (&p)[2], const struct kernel_quantize &a,
                                     float factor)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
        patch_store<E5M2, BY_ROW>(tile, p[i], i, a, factor);
    if (a.transposed == NULL)
        return;
    __syncthreads();
    tile_store((uint8_t *)a.transposed, tile, a.rows, a.columns);
}
