/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA backend of a build without CUDA. */
#include "job/tensor/backend.h"

struct backend *backend_create_cuda(int device, struct sft_error *err)
{
    (void)device;
    sft_error_set(err,
                  "this build has no CUDA: configure --with-cuda=DIR, or train with device=cpu");
    return NULL;
}

int backend_cuda_devices(void)
{
    return 0;
}

void backend_cuda_bus_id(const struct backend *b, char text[32])
{
    (void)b;
    text[0] = '\0';
}
