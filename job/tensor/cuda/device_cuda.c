/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA device: memory, copies, the libraries. Operations return when they are enqueued, and the
 * first failure of any is kept for `sync`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/read_cuda.h"

enum { STAGING = 16 << 20, STAGING_ALIGNMENT = 256 };

void cuda_fail(struct device_cuda *cuda, const char *what, const char *why)
{
    if (cuda->failed.text[0] == '\0')
        sft_error_set(&cuda->failed, "%s on %s: %s", what, cuda->table.title, why);
}

bool cuda_failed(struct device_cuda *cuda, cudaError_t status, const char *what)
{
    if (status == cudaSuccess)
        return false;
    cuda_fail(cuda, what, cudaGetErrorString(status));
    return true;
}

void cuda_launched(struct device_cuda *cuda, const char *what)
{
    cuda_failed(cuda, cudaGetLastError(), what);
}

void *cuda_scratch(struct device_cuda *cuda, size_t bytes)
{
    static char none; /* operations that need nothing still get an address */
    if (bytes == 0)
        return cuda->scratch != NULL ? cuda->scratch : (void *)&none;
    if (bytes <= cuda->scratch_bytes)
        return cuda->scratch;
    cudaFree(cuda->scratch); /* waits for what uses it */
    cuda->scratch = NULL;
    cuda->scratch_bytes = 0;
    if (cuda_failed(cuda, cudaMalloc(&cuda->scratch, bytes), "room for one operation"))
        return NULL;
    cuda->scratch_bytes = bytes;
    return cuda->scratch;
}

static void cuda_destroy(struct device *d)
{
    struct device_cuda *cuda = d->state;
    attention_destroy(cuda->attention);
    attention_fp32_destroy(cuda->attention_fp32);
    matmul_destroy(cuda->matmul);
    lanes_destroy(cuda);
    read_destroy(cuda);
    cudaFree(cuda->workspace);
    cudaFree(cuda->scratch);
    if (cuda->staging != NULL)
        cudaFreeHost(cuda->staging);
    if (cuda->staging_read != NULL)
        cudaEventDestroy(cuda->staging_read);
    if (cuda->stream != NULL)
        cudaStreamDestroy(cuda->stream);
    free(cuda);
}

static void *cuda_allocate(struct device *d, size_t bytes, struct sft_error *err)
{
    void *memory = NULL;
    size_t available = 0, all = 0;
    cudaError_t status = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (status == cudaSuccess)
        return memory;
    cudaGetLastError();
    cudaMemGetInfo(&available, &all);
    sft_error_set(err, "%s: no room for %.2f GiB, %.2f of %.2f GiB are free (%s)", d->title,
                  (double)bytes / (1 << 30), (double)available / (1 << 30), (double)all / (1 << 30),
                  cudaGetErrorString(status));
    return NULL;
}

static void cuda_release(struct device *d, void *memory)
{
    (void)d;
    cudaFree(memory);
}

static void cuda_zero(struct device *d, void *memory, size_t bytes)
{
    struct device_cuda *cuda = d->state;
    cuda_failed(cuda, cudaMemsetAsync(memory, 0, bytes, cuda->stream), "clearing memory");
}

/* Through pinned memory, so that the caller's may change at once and nobody waits; a full staging
 * memory waits for the copies that it holds. */
static void cuda_write(struct device *d, void *to, const void *host, size_t bytes)
{
    struct device_cuda *cuda = d->state;
    size_t room = (bytes + STAGING_ALIGNMENT - 1) / STAGING_ALIGNMENT * STAGING_ALIGNMENT;
    if (bytes == 0)
        return;
    if (room > STAGING) {
        cuda_failed(cuda, cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, cuda->stream),
                    "a copy to the GPU");
        cuda_failed(cuda, cudaStreamSynchronize(cuda->stream), "a copy to the GPU");
        return;
    }
    if (cuda->staging_used + room > STAGING) {
        cuda_failed(cuda, cudaEventRecord(cuda->staging_read, cuda->stream), "an event");
        cuda_failed(cuda, cudaEventSynchronize(cuda->staging_read), "a copy to the GPU");
        cuda->staging_used = 0;
    }
    char *staged = cuda->staging + cuda->staging_used;
    cuda->staging_used += room;
    memcpy(staged, host, bytes);
    cuda_failed(cuda, cudaMemcpyAsync(to, staged, bytes, cudaMemcpyHostToDevice, cuda->stream),
                "a copy to the GPU");
}

static int cuda_sync(struct device *d, struct sft_error *err)
{
    struct device_cuda *cuda = d->state;
    cuda_failed(cuda, cudaStreamSynchronize(cuda->stream), "the GPU's work");
    if (cuda->failed.text[0] == '\0')
        return 0;
    sft_error_set(err, "%s", cuda->failed.text);
    cuda->failed.text[0] = '\0';
    return -1;
}

static void cuda_memory(struct device *d, size_t *used, size_t *all)
{
    size_t available = 0;
    (void)d;
    *all = 0;
    cudaMemGetInfo(&available, all);
    *used = *all - available;
}

static const struct device cuda_table = {
    .name = "cuda",
    .format = DEVICE_CUDA_FORMAT,
    .logits = DEVICE_CUDA_LOGITS,
    .ops = &cuda_ops,
    .destroy = cuda_destroy,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .pin = lanes_pin,
    .unpin = lanes_unpin,
    .memory = cuda_memory,
    .zero = cuda_zero,
    .write = cuda_write,
    .read = read_one,
    .read_many = read_many,
    .copy = lanes_copy,
    .sync = cuda_sync,
    .mark = lanes_mark,
    .await = lanes_await,
    .stamp = lanes_stamp,
    .stamp_time = lanes_stamp_time,
    .stamps_clear = lanes_stamps_clear,
    .queue = lanes_queue,
};

/* Without a driver CUDA says that it is too old, too, and its version is 0. */
int device_cuda_count(struct sft_error *err)
{
    int count = 0, driver = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess)
        return count;
    cudaGetLastError();
    cudaDriverGetVersion(&driver);
    if (status != cudaErrorInsufficientDriver || driver == 0)
        return 0;
    return sft_error_set(err,
                         "NVIDIA's driver here is for CUDA %d.%d and this program for CUDA %d: "
                         "update the driver%s",
                         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                         driver >= 12000 ? ", or use sft-bench-job for CUDA 12" : "");
}

static int device_open(struct device_cuda *cuda, int device, struct sft_error *err)
{
    struct cudaDeviceProp device_facts;
    cudaError_t status = cudaSetDevice(device);
    if (status == cudaSuccess)
        status = cudaGetDeviceProperties(&device_facts, device);
    if (status == cudaSuccess && device_facts.major < 8)
        return sft_error_set(err, "GPU %d, %s, is of compute capability %d.%d; bf16 needs 8.0",
                             device, device_facts.name, device_facts.major, device_facts.minor);
    if (status == cudaSuccess) {
        snprintf(cuda->table.title, sizeof cuda->table.title, "%.*s",
                 (int)sizeof cuda->table.title - 1, device_facts.name);
        cuda->processors = cuda->table.processors = device_facts.multiProcessorCount;
        status = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    }
    if (cudaDeviceGetPCIBusId(cuda->table.bus_id, sizeof cuda->table.bus_id, device) != cudaSuccess)
        cuda->table.bus_id[0] = '\0';
    if (status == cudaSuccess)
        status = lanes_create(cuda);
    if (status == cudaSuccess)
        status = cudaEventCreateWithFlags(&cuda->staging_read, cudaEventDisableTiming);
    if (status == cudaSuccess)
        status = cudaMallocHost((void **)&cuda->staging, STAGING);
    if (status == cudaSuccess)
        status = cudaMalloc(&cuda->workspace, CUDA_WORKSPACE);
    if (status != cudaSuccess)
        return sft_error_set(err, "GPU %d does not start: %s", device, cudaGetErrorString(status));
    return 0;
}

static void precision_take(struct device_cuda *cuda, enum device_products products)
{
    cuda->products = products;
    if (products == DEVICE_PRODUCTS_BF16)
        return;
    cuda->table.format = FORMAT_FP32;
    cuda->table.ops = &cuda_ops_fp32;
}

/* cuDNN's attention has no fp32. */
static int attention_open(struct device_cuda *cuda, struct sft_error *err)
{
    if (cuda->products == DEVICE_PRODUCTS_BF16)
        cuda->attention = attention_create(cuda, err);
    else
        cuda->attention_fp32 = attention_fp32_create(cuda, err);
    return cuda->attention == NULL && cuda->attention_fp32 == NULL ? -1 : 0;
}

struct device *device_create_cuda(int number, struct sft_error *err)
{
    return device_create_cuda_as(number, DEVICE_PRODUCTS_BF16, err);
}

struct device *device_create_cuda_as(int number, enum device_products products,
                                     struct sft_error *err)
{
    struct device_cuda *cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL) {
        sft_error_set(err, "no memory for the CUDA device");
        return NULL;
    }
    cuda->table = cuda_table;
    cuda->table.state = cuda;
    precision_take(cuda, products);
    software_load();
    if (software_fits(err) < 0 || device_open(cuda, number, err) < 0)
        goto failed;
    software_describe(&cuda->table);
    cuda->matmul = matmul_create(cuda, err);
    if (cuda->matmul == NULL || attention_open(cuda, err) < 0)
        goto failed;
    if (products == DEVICE_PRODUCTS_BF16)
        cuda->table.scalings = matmul_scalings(cuda->matmul);
    return &cuda->table;
failed:
    cuda_destroy(&cuda->table);
    return NULL;
}
