/* SPDX-License-Identifier: Apache-2.0 */
/* Frequencies of the rotary embedding as Llama 3.1 and later have them, the same on every backend.
 * Code in a header, because C and CUDA share it. */
#ifndef SFT_JOB_TENSOR_ROPE_H
#define SFT_JOB_TENSOR_ROPE_H

#ifdef __CUDACC__
#define ROPE_FUNCTION static inline __host__ __device__
#else
#define ROPE_FUNCTION static inline
#endif

/* struct sft_rope_scaling of lib/preset.h. factor 0: none. */
struct rope_scaling {
    float factor, low, high, positions;
};

/* Radians a position, after the scaling (transformers' _compute_llama3_parameters). */
ROPE_FUNCTION float rope_frequency(float frequency, struct rope_scaling s)
{
    float turns = s.positions * frequency / 6.283185307f; /* over the first training's sequence */
    float share = (turns - s.low) / (s.high - s.low);
    if (s.factor == 0 || share >= 1)
        return frequency;
    if (share <= 0)
        return frequency / s.factor;
    return (1 - share) * frequency / s.factor + share * frequency;
}

#endif
