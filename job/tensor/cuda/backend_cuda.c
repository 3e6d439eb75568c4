/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA backend: bf16 elements, fp32 sums. One stream; operations return when they are enqueued,
 * and the first failure of any is kept for `sync`. Matrix products, attention and our own kernels
 * have their files below job/cuda. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/kernels.h"

enum { STAGING = 16 << 20, STAGING_ALIGNMENT = 256, PIECE = 1 << 22 };

void cuda_fail(struct backend_cuda *cuda, const char *what, const char *why)
{
    if (cuda->failed.text[0] == '\0')
        sft_error_set(&cuda->failed, "%s on %s: %s", what, cuda->table.device, why);
}

bool cuda_failed(struct backend_cuda *cuda, cudaError_t status, const char *what)
{
    if (status == cudaSuccess)
        return false;
    cuda_fail(cuda, what, cudaGetErrorString(status));
    return true;
}

void cuda_launched(struct backend_cuda *cuda, const char *what)
{
    cuda_failed(cuda, cudaGetLastError(), what);
}

void *cuda_scratch(struct backend_cuda *cuda, size_t bytes)
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

static void cuda_destroy(struct backend *b)
{
    struct backend_cuda *cuda = b->state;
    attention_destroy(cuda->attention);
    matmul_destroy(cuda->matmul);
    lanes_destroy(cuda);
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

static void *cuda_allocate(struct backend *b, size_t bytes, struct sft_error *err)
{
    void *memory = NULL;
    size_t available = 0, all = 0;
    cudaError_t status = cudaMalloc(&memory, bytes > 0 ? bytes : 1);
    if (status == cudaSuccess)
        return memory;
    cudaGetLastError();
    cudaMemGetInfo(&available, &all);
    sft_error_set(err, "%s: no room for %.2f GiB, %.2f of %.2f GiB are free (%s)", b->device,
                  (double)bytes / (1 << 30), (double)available / (1 << 30), (double)all / (1 << 30),
                  cudaGetErrorString(status));
    return NULL;
}

static void cuda_release(struct backend *b, void *memory)
{
    (void)b;
    cudaFree(memory);
}

static void cuda_zero(struct backend *b, void *memory, size_t bytes)
{
    struct backend_cuda *cuda = b->state;
    cuda_failed(cuda, cudaMemsetAsync(memory, 0, bytes, cuda->stream), "clearing memory");
}

/* Through pinned memory, so that the caller's may change at once and nobody waits; a full staging
 * memory waits for the copies that it holds. */
static void cuda_write(struct backend *b, void *to, const void *host, size_t bytes)
{
    struct backend_cuda *cuda = b->state;
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

static void cuda_read(struct backend *b, void *host, const void *from, size_t bytes)
{
    struct backend_cuda *cuda = b->state;
    cuda_failed(cuda, cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, cuda->stream),
                "a copy from the GPU");
    cuda_failed(cuda, cudaStreamSynchronize(cuda->stream), "the GPU's work");
}

static void cuda_write_act(struct backend *b, act *to, const float *host, size_t count)
{
    struct backend_cuda *cuda = b->state;
    for (size_t first = 0; first < count; first += PIECE) {
        size_t part = count - first < PIECE ? count - first : PIECE;
        void *floats = cuda_scratch(cuda, part * sizeof(float));
        if (floats == NULL)
            return;
        cuda_write(b, floats, host + first, part * sizeof(float));
        kernel_to_bf16(cuda->stream, (uint16_t *)to + first, floats, part);
        cuda_launched(cuda, "a conversion to bf16");
    }
}

static void cuda_read_act(struct backend *b, float *host, const act *from, size_t count)
{
    struct backend_cuda *cuda = b->state;
    for (size_t first = 0; first < count; first += PIECE) {
        size_t part = count - first < PIECE ? count - first : PIECE;
        void *floats = cuda_scratch(cuda, part * sizeof(float));
        if (floats == NULL)
            return;
        kernel_to_float(cuda->stream, floats, (const uint16_t *)from + first, part);
        cuda_launched(cuda, "a conversion from bf16");
        cuda_read(b, host + first, floats, part * sizeof(float));
    }
}

static void cuda_widen(struct backend *b, float *to, const act *from, size_t count)
{
    struct backend_cuda *cuda = b->state;
    kernel_to_float(cuda->stream, to, from, count);
    cuda_launched(cuda, "a conversion from bf16");
}

static int cuda_sync(struct backend *b, struct sft_error *err)
{
    struct backend_cuda *cuda = b->state;
    cuda_failed(cuda, cudaStreamSynchronize(cuda->stream), "the GPU's work");
    if (cuda->failed.text[0] == '\0')
        return 0;
    sft_error_set(err, "%s", cuda->failed.text);
    cuda->failed.text[0] = '\0';
    return -1;
}

static void cuda_memory(struct backend *b, size_t *used, size_t *all)
{
    size_t available = 0;
    (void)b;
    *all = 0;
    cudaMemGetInfo(&available, all);
    *used = *all - available;
}

static void cuda_fill_normal(struct backend *b, act *to, size_t count, uint64_t seed,
                             uint64_t first, float deviation)
{
    struct backend_cuda *cuda = b->state;
    kernel_fill_normal(cuda->stream, to, count, seed, first, deviation);
    cuda_launched(cuda, "random numbers");
}

static void cuda_fill(struct backend *b, act *to, size_t count, float value)
{
    struct backend_cuda *cuda = b->state;
    kernel_fill(cuda->stream, to, count, value);
    cuda_launched(cuda, "a fill");
}

static void cuda_add(struct backend *b, act *to, const act *from, size_t count)
{
    struct backend_cuda *cuda = b->state;
    kernel_add(cuda->stream, to, from, count);
    cuda_launched(cuda, "a sum");
}

static void cuda_embed_forward(struct backend *b, act *out, const act *table, const int32_t *ids,
                               int rows, int hidden)
{
    struct backend_cuda *cuda = b->state;
    kernel_embed_forward(cuda->stream, out, table, ids, rows, hidden);
    cuda_launched(cuda, "the embedding");
}

static void cuda_embed_backward(struct backend *b, act *dtable, const act *dout, const int32_t *ids,
                                int rows, int hidden)
{
    struct backend_cuda *cuda = b->state;
    void *scratch = cuda_scratch(cuda, kernel_embed_scratch(rows));
    if (scratch == NULL)
        return;
    kernel_embed_backward(cuda->stream, dtable, dout, ids, rows, hidden, scratch);
    cuda_launched(cuda, "the embedding's gradient");
}

static void cuda_norm_forward(struct backend *b, act *out, float *rstd, act *sum, const act *x,
                              const act *delta, const act *weight, int rows, int hidden, float eps)
{
    struct backend_cuda *cuda = b->state;
    if (hidden > KERNEL_NORM_WIDEST) {
        cuda_fail(cuda, "a norm", "rows are wider than 16384");
        return;
    }
    kernel_norm_forward(cuda->stream, out, rstd, sum, x, delta, weight, rows, hidden, eps);
    cuda_launched(cuda, "a norm");
}

static void cuda_norm_backward(struct backend *b, act *dx, act *dweight, const act *dout,
                               const act *x, const act *weight, const float *rstd, int rows,
                               int hidden)
{
    struct backend_cuda *cuda = b->state;
    void *scratch = cuda_scratch(cuda, kernel_norm_scratch(cuda->processors, hidden));
    if (scratch == NULL)
        return;
    kernel_norm_backward(cuda->stream, dx, dweight, dout, x, weight, rstd, rows, hidden,
                         cuda->processors, scratch);
    cuda_launched(cuda, "a norm's gradient");
}

static void cuda_rope(struct backend *b, act *qkv, const int32_t *positions, int rows,
                      struct attention_shape shape, float theta, bool inverse)
{
    struct backend_cuda *cuda = b->state;
    int turned = shape.heads + shape.kv_heads;
    kernel_rope(cuda->stream, qkv, positions, rows, turned,
                (turned + shape.kv_heads) * shape.head_dim, shape.head_dim, theta, inverse);
    cuda_launched(cuda, "the rotary embedding");
}

static void cuda_swiglu_forward(struct backend *b, act *out, const act *gate_up, int rows, int ffn)
{
    struct backend_cuda *cuda = b->state;
    kernel_swiglu_forward(cuda->stream, out, gate_up, rows, ffn);
    cuda_launched(cuda, "SwiGLU");
}

static void cuda_swiglu_backward(struct backend *b, act *dgate_up, const act *dout,
                                 const act *gate_up, int rows, int ffn)
{
    struct backend_cuda *cuda = b->state;
    kernel_swiglu_backward(cuda->stream, dgate_up, dout, gate_up, rows, ffn);
    cuda_launched(cuda, "SwiGLU's gradient");
}

static void cuda_cross_entropy(struct backend *b, act *logits, float *loss, const int32_t *targets,
                               int rows, int vocab, float scale)
{
    struct backend_cuda *cuda = b->state;
    kernel_cross_entropy(cuda->stream, logits, loss, targets, rows, vocab, scale);
    cuda_launched(cuda, "the cross-entropy");
}

static void cuda_sum_squares(struct backend *b, double *sum, const act *x, size_t count)
{
    struct backend_cuda *cuda = b->state;
    void *scratch = cuda_scratch(cuda, kernel_sum_scratch(cuda->processors));
    if (scratch == NULL)
        return;
    kernel_sum_squares(cuda->stream, sum, x, count, cuda->processors, scratch);
    cuda_launched(cuda, "a sum of squares");
}

static void cuda_sum_floats(struct backend *b, double *sum, const float *x, size_t count)
{
    struct backend_cuda *cuda = b->state;
    void *scratch = cuda_scratch(cuda, kernel_sum_scratch(cuda->processors));
    if (scratch == NULL)
        return;
    kernel_sum_floats(cuda->stream, sum, x, count, cuda->processors, scratch);
    cuda_launched(cuda, "a sum");
}

static void cuda_adamw(struct backend *b, act *weight, const act *grad, float *master, void *m,
                       void *v, size_t count, const double *norm2, float clip,
                       struct adamw_args args)
{
    struct backend_cuda *cuda = b->state;
    struct kernel_adamw a = {
        .weight = weight,
        .grad = grad,
        .master = master,
        .m = m,
        .v = v,
        .count = count,
        .norm2 = norm2,
        .clip = clip,
        .rate = args.lr / args.correction1,
        .keep = 1 - args.lr * args.weight_decay,
        .beta1 = args.beta1,
        .beta2 = args.beta2,
        .eps = args.eps,
        .root = 1 / sqrtf(args.correction2),
        .bf16_states = args.bf16_states,
        .seed = args.seed,
        .first = args.first,
    };
    kernel_adamw(cuda->stream, a);
    cuda_launched(cuda, "AdamW");
}

static const struct backend cuda_table = {
    .name = "cuda",
    .precision = "bf16",
    .act_size = BACKEND_CUDA_ACT,
    .logits = BACKEND_CUDA_LOGITS,
    .destroy = cuda_destroy,
    .allocate = cuda_allocate,
    .release = cuda_release,
    .zero = cuda_zero,
    .write = cuda_write,
    .read = cuda_read,
    .write_act = cuda_write_act,
    .read_act = cuda_read_act,
    .widen = cuda_widen,
    .sync = cuda_sync,
    .mark = lanes_mark,
    .await = lanes_await,
    .stamp = lanes_stamp,
    .stamp_time = lanes_stamp_time,
    .stamps_clear = lanes_stamps_clear,
    .queue = lanes_queue,
    .memory = cuda_memory,
    .fill_normal = cuda_fill_normal,
    .fill = cuda_fill,
    .copy = lanes_copy,
    .add = cuda_add,
    .matmul = matmul_run,
    .embed_forward = cuda_embed_forward,
    .embed_backward = cuda_embed_backward,
    .norm_forward = cuda_norm_forward,
    .norm_backward = cuda_norm_backward,
    .rope = cuda_rope,
    .attention_forward = attention_run_forward,
    .attention_backward = attention_run_backward,
    .swiglu_forward = cuda_swiglu_forward,
    .swiglu_backward = cuda_swiglu_backward,
    .cross_entropy = cuda_cross_entropy,
    .sum_squares = cuda_sum_squares,
    .sum_floats = cuda_sum_floats,
    .adamw = cuda_adamw,
};

int backend_cuda_devices(void)
{
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return count;
}

void backend_cuda_bus_id(const struct backend *b, char text[32])
{
    int device;
    text[0] = '\0';
    if (strcmp(b->name, "cuda") == 0 && (cudaGetDevice(&device) != cudaSuccess ||
                                         cudaDeviceGetPCIBusId(text, 32, device) != cudaSuccess))
        text[0] = '\0';
}

static void describe_versions(struct backend *table)
{
    int driver = 0, runtime = 0;
    size_t blas = cublasLtGetVersion(), dnn = cudnnGetVersion();
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    snprintf(table->version, sizeof table->version,
             "cuda %d.%d driver %d.%d cublaslt %zu.%zu.%zu cudnn %zu.%zu.%zu", runtime / 1000,
             runtime % 1000 / 10, driver / 1000, driver % 1000 / 10, blas / 10000,
             blas % 10000 / 100, blas % 100, dnn / 10000, dnn % 10000 / 100, dnn % 100);
}

static int device_open(struct backend_cuda *cuda, int device, struct sft_error *err)
{
    struct cudaDeviceProp device_facts;
    cudaError_t status = cudaSetDevice(device);
    if (status == cudaSuccess)
        status = cudaGetDeviceProperties(&device_facts, device);
    if (status == cudaSuccess && device_facts.major < 8)
        return sft_error_set(err, "GPU %d, %s, is of compute capability %d.%d; bf16 needs 8.0",
                             device, device_facts.name, device_facts.major, device_facts.minor);
    if (status == cudaSuccess) {
        snprintf(cuda->table.device, sizeof cuda->table.device, "%.*s",
                 (int)sizeof cuda->table.device - 1, device_facts.name);
        cuda->processors = device_facts.multiProcessorCount;
        status = cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking);
    }
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

struct backend *backend_create_cuda(int device, struct sft_error *err)
{
    struct backend_cuda *cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL) {
        sft_error_set(err, "no memory for the CUDA backend");
        return NULL;
    }
    cuda->table = cuda_table;
    cuda->table.state = cuda;
    if (device_open(cuda, device, err) < 0)
        goto failed;
    describe_versions(&cuda->table);
    cuda->matmul = matmul_create(cuda, err);
    if (cuda->matmul != NULL)
        cuda->attention = attention_create(cuda, err);
    if (cuda->attention == NULL)
        goto failed;
    return &cuda->table;
failed:
    cuda_destroy(&cuda->table);
    return NULL;
}
