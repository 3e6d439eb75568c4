/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that the CUDA device computes with. */
#include <dlfcn.h>
#include <stdio.h>

#include <cublasLt.h>
#include <cudnn.h>

#include "job/tensor/cuda/cuda_internal.h"

static void dotted(char *text, size_t size, size_t version)
{
    snprintf(text, size, "%zu.%zu.%zu", version / 10000, version % 10000 / 100, version % 100);
}

void device_cuda_software(struct device_software *software)
{
    int runtime = 0;
    cudaRuntimeGetVersion(&runtime);
    snprintf(software->runtime, sizeof software->runtime, "%d.%d", runtime / 1000,
             runtime % 1000 / 10);
    dotted(software->cudnn, sizeof software->cudnn, cudnnGetVersion());
    dotted(software->cublaslt, sizeof software->cublaslt, cublasLtGetVersion());
}

void software_describe(struct device *table)
{
    int driver = 0;
    struct device_software software;
    cudaDriverGetVersion(&driver);
    device_cuda_software(&software);
    snprintf(table->version, sizeof table->version, "cuda %s driver %d.%d cublaslt %s cudnn %s",
             software.runtime, driver / 1000, driver % 1000 / 10, software.cublaslt,
             software.cudnn);
}

/* cuDNN loads NVRTC by its name, when it needs it, and not from the folders that this program was
 * told of: so it is loaded here. Where it is not found, that is left to cuDNN. */
void software_load(void)
{
    char name[32];
    snprintf(name, sizeof name, "libnvrtc.so.%d", CUDART_VERSION / 1000);
    dlopen(name, RTLD_LAZY | RTLD_GLOBAL);
}

/* cuDNN's file is named alike for every CUDA. */
int software_fits(struct sft_error *err)
{
    size_t dnn = cudnnGetVersion(), cuda = cudnnGetCudartVersion();
    if (cuda / 1000 == CUDART_VERSION / 1000)
        return 0;
    return sft_error_set(err,
                         "the cuDNN %zu.%zu that is found here is for CUDA %zu and this program "
                         "for CUDA %d: install the one for CUDA %d",
                         dnn / 10000, dnn % 10000 / 100, cuda / 1000, CUDART_VERSION / 1000,
                         CUDART_VERSION / 1000);
}
