/* SPDX-License-Identifier: Apache-2.0 */
/* The scales of FP8: the largest magnitude becomes the format's largest number. Code in a header,
 * because C and CUDA share it, to the bit. */
#ifndef SFT_JOB_TENSOR_FP8_SCALE_H
#define SFT_JOB_TENSOR_FP8_SCALE_H

#include "job/tensor/rounding.h"

/* The largest finite number of E4M3 and of E5M2, which format_traits has, too. */
#define FP8_E4M3_LARGEST 448.0f
#define FP8_E5M2_LARGEST 57344.0f

/* What elements are divided by. Zeros, and what is so small that the quotient of 1 and the scale
 * would be infinite, get that of 2^-100. Infinity and NaN become the scale, so that every product
 * with the tensor is NaN and nothing hides them. */
ROUNDING_FUNCTION float fp8_scale(float amax, float largest)
{
    const float least = 0x1p-100f;
    return (amax < least ? least : amax) / largest;
}

/* What they are multiplied with for that. Infinity times 0 is NaN. */
ROUNDING_FUNCTION float fp8_factor(float scale)
{
    return 1.0f / scale;
}

#endif
