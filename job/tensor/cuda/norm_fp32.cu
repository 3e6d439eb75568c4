/* SPDX-License-Identifier: Apache-2.0 */
#define SFT_FP32
#include "job/tensor/cuda/norm.cu"
