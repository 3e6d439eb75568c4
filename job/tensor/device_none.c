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

struct device *device_create_cuda_as(int number, enum device_products products,
                                     struct sft_error *err)
{
    (void)products;
    return device_create_cuda(number, err);
}

void device_cuda_software(struct device_software *software)
{
    *software = (struct device_software){.runtime = ""};
}

int device_cuda_count(struct sft_error *err)
{
    (void)err;
    return 0;
}
