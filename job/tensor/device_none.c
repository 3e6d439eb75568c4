/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA device of a build without CUDA. */
#include "job/tensor/device.h"

struct device *device_create_cuda(int number, struct sft_error *err)
{
    (void)number;
    sft_error_set(err,
                  "this build has no CUDA: configure --with-cuda=DIR, or train with device=cpu");
    return NULL;
}

int device_cuda_count(void)
{
    return 0;
}
