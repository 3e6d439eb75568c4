/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU backend: memory, matrices, and the operations on rows. Attention has its own file.
 *
 * Matrices go to CBLAS, which may use threads; everything else is a loop over rows with the inner
 * loop along a row, where memory is contiguous. `omp simd` asks for vectors at any -O level and
 * lets sums be reordered, in a way fixed at compile time: results are the same from run to run. */
#include "job/tensor/cpu/backend_cpu.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/random.h"
#include "job/tensor/rounding.h"

enum { ALIGNMENT = 256 };

float *backend_cpu_scratch(struct backend *b, size_t count)
{
    struct backend_cpu *cpu = b->state;
    if (count <= cpu->scratch_count)
        return cpu->scratch;
    free(cpu->scratch);
    cpu->scratch_count = 0;
    cpu->scratch = b->allocate(b, count * sizeof(float), &cpu->failed);
    if (cpu->scratch != NULL)
        cpu->scratch_count = count;
    return cpu->scratch;
}

static void cpu_destroy(struct backend *b)
{
    struct backend_cpu *cpu = b->state;
    free(cpu->scratch);
    free(cpu->stamps);
    free(cpu);
}

static void *cpu_allocate(struct backend *b, size_t bytes, struct sft_error *err)
{
    void *memory = NULL;
    (void)b;
    if (bytes <= SIZE_MAX - ALIGNMENT)
        memory = aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
    if (memory == NULL)
        sft_error_set(err, "no memory for %.2f GiB: use a smaller model, seq or micro-batch",
                      (double)bytes / (1 << 30));
    return memory;
}

static void cpu_release(struct backend *b, void *memory)
{
    (void)b;
    free(memory);
}

static void cpu_zero(struct backend *b, void *memory, size_t bytes)
{
    (void)b;
    memset(memory, 0, bytes);
}

static void cpu_write(struct backend *b, void *to, const void *host, size_t bytes)
{
    (void)b;
    if (bytes > 0)
        memcpy(to, host, bytes);
}

static void cpu_read(struct backend *b, void *host, const void *from, size_t bytes)
{
    cpu_write(b, host, from, bytes);
}

static void cpu_write_act(struct backend *b, act *to, const float *host, size_t count)
{
    cpu_write(b, to, host, count * sizeof(float));
}

static void cpu_read_act(struct backend *b, float *host, const act *from, size_t count)
{
    cpu_write(b, host, from, count * sizeof(float));
}

static void cpu_widen(struct backend *b, float *to, const act *from, size_t count)
{
    cpu_write(b, to, from, count * sizeof(float));
}

static int cpu_sync(struct backend *b, struct sft_error *err)
{
    struct backend_cpu *cpu = b->state;
    if (cpu->failed.text[0] == '\0')
        return 0;
    sft_error_set(err, "%s", cpu->failed.text);
    cpu->failed.text[0] = '\0';
    return -1;
}

static void cpu_memory(struct backend *b, size_t *used, size_t *all)
{
    (void)b;
    *used = *all = 0;
}

static void cpu_fill_normal(struct backend *b, act *to, size_t count, uint64_t seed, uint64_t first,
                            float deviation)
{
    (void)b;
    for (size_t i = 0; i < count; i++)
        ((float *)to)[i] = (float)((double)deviation * random_normal_at(seed, first + i));
}

static void cpu_fill(struct backend *b, act *to, size_t count, float value)
{
    (void)b;
    for (size_t i = 0; i < count; i++)
        ((float *)to)[i] = value;
}

static void cpu_copy(struct backend *b, enum backend_lane lane, act *to, const act *from,
                     size_t count)
{
    (void)b, (void)lane;
    if (to != from)
        memcpy(to, from, count * sizeof(float));
}

static void cpu_add(struct backend *b, act *to, const act *from, size_t count)
{
    float *sum = to;
    const float *more = from;
    (void)b;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        sum[i] += more[i];
}

static void cpu_matmul(struct backend *b, act *c, const act *a, bool transpose_a, const act *bm,
                       bool transpose_b, int m, int n, int k, bool accumulate)
{
    (void)b;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1, a, transpose_a ? m : k, bm,
                transpose_b ? k : n, accumulate ? 1 : 0, c, n);
}

static void cpu_embed_forward(struct backend *b, act *out, const act *table, const int32_t *ids,
                              int rows, int hidden)
{
    const float *from = table;
    float *to = out;
    (void)b;
    for (int row = 0; row < rows; row++, to += hidden)
        memcpy(to, from + (size_t)ids[row] * hidden, (size_t)hidden * sizeof *to);
}

static void cpu_embed_backward(struct backend *b, act *dtable, const act *dout, const int32_t *ids,
                               int rows, int hidden)
{
    const float *from = dout;
    (void)b;
    for (int row = 0; row < rows; row++, from += hidden) {
        float *to = (float *)dtable + (size_t)ids[row] * hidden;
#pragma omp simd
        for (int i = 0; i < hidden; i++)
            to[i] += from[i];
    }
}

static void norm_row(float *out, float *rstd, const float *x, const float *weight, int hidden,
                     float eps)
{
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int i = 0; i < hidden; i++)
        squares += x[i] * x[i];
    *rstd = 1 / sqrtf(squares / (float)hidden + eps);
    float scale = *rstd;
#pragma omp simd
    for (int i = 0; i < hidden; i++)
        out[i] = x[i] * scale * weight[i];
}

static void cpu_norm_forward(struct backend *b, act *out, float *rstd, act *sum, const act *x,
                             const act *delta, const act *weight, int rows, int hidden, float eps)
{
    (void)b;
    for (int row = 0; row < rows; row++) {
        size_t first = (size_t)row * hidden;
        const float *in = (const float *)x + first;
        if (delta != NULL) {
            const float *add = (const float *)delta + first;
            float *to = (float *)sum + first;
#pragma omp simd
            for (int i = 0; i < hidden; i++)
                to[i] = in[i] + add[i];
            in = to;
        }
        norm_row((float *)out + first, rstd + row, in, weight, hidden, eps);
    }
}

/* With y = x * rstd: dx = rstd * (g - y * mean(g * y)), g = dout * weight; dweight = dout * y. */
static void norm_backward_row(float *dx, float *dweight, const float *dout, const float *x,
                              const float *weight, float rstd, int hidden)
{
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int i = 0; i < hidden; i++)
        dot += dout[i] * weight[i] * x[i];
    float along = rstd * rstd * dot / (float)hidden;
#pragma omp simd
    for (int i = 0; i < hidden; i++) {
        dx[i] += rstd * (dout[i] * weight[i] - x[i] * along);
        dweight[i] += dout[i] * x[i] * rstd;
    }
}

static void cpu_norm_backward(struct backend *b, act *dx, act *dweight, const act *dout,
                              const act *x, const act *weight, const float *rstd, int rows,
                              int hidden)
{
    (void)b;
    for (int row = 0; row < rows; row++) {
        size_t first = (size_t)row * hidden;
        norm_backward_row((float *)dx + first, dweight, (const float *)dout + first,
                          (const float *)x + first, weight, rstd[row], hidden);
    }
}

/* cosines[half] and sines[half] of one position's angles */
static void rope_angles(float *cosines, float *sines, const float *frequencies, int position,
                        int half, bool inverse)
{
    for (int i = 0; i < half; i++) {
        float angle = (float)position * frequencies[i];
        cosines[i] = cosf(angle);
        sines[i] = inverse ? -sinf(angle) : sinf(angle);
    }
}

static void rope_head(float *head, const float *cosines, const float *sines, int half)
{
    for (int i = 0; i < half; i++) {
        float low = head[i], high = head[i + half];
        head[i] = low * cosines[i] - high * sines[i];
        head[i + half] = high * cosines[i] + low * sines[i];
    }
}

static void cpu_rope(struct backend *b, act *qkv, const int32_t *positions, int rows,
                     struct attention_shape shape, float theta, bool inverse)
{
    int half = shape.head_dim / 2, turned = shape.heads + shape.kv_heads;
    size_t width = (size_t)(turned + shape.kv_heads) * shape.head_dim;
    float *frequencies = backend_cpu_scratch(b, 3 * (size_t)half);
    if (frequencies == NULL)
        return;
    float *cosines = frequencies + half, *sines = cosines + half;
    for (int i = 0; i < half; i++)
        frequencies[i] = (float)pow(theta, -2.0 * i / shape.head_dim);
    for (int row = 0; row < rows; row++) {
        float *heads = (float *)qkv + (size_t)row * width;
        rope_angles(cosines, sines, frequencies, positions[row], half, inverse);
        for (int head = 0; head < turned; head++)
            rope_head(heads + (size_t)head * shape.head_dim, cosines, sines, half);
    }
}

static void cpu_swiglu_forward(struct backend *b, act *out, const act *gate_up, int rows, int ffn)
{
    (void)b;
    for (int row = 0; row < rows; row++) {
        const float *gate = (const float *)gate_up + 2 * (size_t)row * ffn, *up = gate + ffn;
        float *to = (float *)out + (size_t)row * ffn;
#pragma omp simd
        for (int i = 0; i < ffn; i++)
            to[i] = gate[i] * up[i] / (1 + backend_cpu_exp(-gate[i]));
    }
}

/* With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)). */
static void cpu_swiglu_backward(struct backend *b, act *dgate_up, const act *dout,
                                const act *gate_up, int rows, int ffn)
{
    (void)b;
    for (int row = 0; row < rows; row++) {
        size_t first = 2 * (size_t)row * ffn;
        const float *gate = (const float *)gate_up + first, *up = gate + ffn;
        const float *from = (const float *)dout + (size_t)row * ffn;
        float *dgate = (float *)dgate_up + first, *dup = dgate + ffn;
#pragma omp simd
        for (int i = 0; i < ffn; i++) {
            float s = 1 / (1 + backend_cpu_exp(-gate[i]));
            dup[i] = from[i] * gate[i] * s;
            dgate[i] = from[i] * up[i] * s * (1 + gate[i] * (1 - s));
        }
    }
}

/* By hand, because not every compiler makes vectors of a maximum whose NaNs count. */
float backend_cpu_highest(const float *x, int count)
{
    enum { LANES = 8 };
    float lanes[LANES], highest = x[0];
    int i = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = x[0];
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    for (; i < count; i++)
        highest = x[i] > highest ? x[i] : highest;
    for (int lane = 0; lane < LANES; lane++)
        highest = lanes[lane] > highest ? lanes[lane] : highest;
    return highest;
}

static float cross_entropy_row(float *logits, int target, int vocab, float scale)
{
    float highest = backend_cpu_highest(logits, vocab), sum = 0, wanted = logits[target];
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < vocab; i++) {
        logits[i] = backend_cpu_exp(logits[i] - highest);
        sum += logits[i];
    }
    float factor = scale / sum;
#pragma omp simd
    for (int i = 0; i < vocab; i++)
        logits[i] *= factor;
    logits[target] -= scale;
    return (float)(log(sum) + highest - wanted);
}

static void cpu_cross_entropy(struct backend *b, act *logits, float *loss, const int32_t *targets,
                              int rows, int vocab, float scale)
{
    (void)b;
    for (int row = 0; row < rows; row++) {
        float *line = (float *)logits + (size_t)row * vocab;
        loss[row] = 0;
        if (targets[row] < 0)
            memset(line, 0, (size_t)vocab * sizeof *line);
        else
            loss[row] = cross_entropy_row(line, targets[row], vocab, scale);
    }
}

/* Short runs in fp32, their sums in fp64: as fast as fp32, and as exact as the runs are short. */
static void cpu_sum_squares(struct backend *b, double *sum, const act *x, size_t count)
{
    enum { RUN = 512 };
    const float *values = x;
    (void)b;
    for (size_t first = 0; first < count; first += RUN) {
        size_t end = count - first < RUN ? count : first + RUN;
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (size_t i = first; i < end; i++)
            squares += values[i] * values[i];
        *sum += (double)squares;
    }
}

static void cpu_sum_floats(struct backend *b, double *sum, const float *x, size_t count)
{
    (void)b;
    for (size_t i = 0; i < count; i++)
        *sum += (double)x[i];
}

static float clip_factor(const double *norm2, float clip)
{
    double factor = 1;
    if (clip > 0)
        factor = (double)clip / (sqrt(*norm2) + 1e-6);
    return factor > 1 ? 1 : (float)factor;
}

static float bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static uint16_t bf16_rounded(float value, uint32_t random)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return rounding_stochastic(bits, random);
}

static void adamw_bf16(float *w, const float *g, uint16_t *m, uint16_t *v, size_t count,
                       float factor, const struct adamw_args *args)
{
    float keep = 1 - args->lr * args->weight_decay, rate = args->lr / args->correction1;
    float root = 1 / sqrtf(args->correction2);
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] * factor;
        uint32_t first = rounding_bits(args->seed, 2 * (args->first + i));
        uint32_t second = rounding_bits(args->seed, 2 * (args->first + i) + 1);
        float mean = args->beta1 * bf16_value(m[i]) + (1 - args->beta1) * gradient;
        float square = args->beta2 * bf16_value(v[i]) + (1 - args->beta2) * gradient * gradient;
        float weight = w[i] * keep - rate * mean / (sqrtf(square) * root + args->eps);
        w[i] = bf16_value(bf16_rounded(weight, first));
        m[i] = bf16_rounded(mean, second);
        v[i] = bf16_rounded(square, second >> 16);
    }
}

static void cpu_adamw(struct backend *b, act *weight, const act *grad, float *master, void *mean,
                      void *square, size_t count, const double *norm2, float clip,
                      struct adamw_args args)
{
    float *w = weight, *m = mean, *v = square;
    const float *g = grad;
    float factor = clip_factor(norm2, clip), keep = 1 - args.lr * args.weight_decay;
    float rate = args.lr / args.correction1, root = 1 / sqrtf(args.correction2);
    (void)b;
    (void)master; /* the weights are float already */
    if (args.bf16_states) {
        adamw_bf16(w, g, mean, square, count, factor, &args);
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] * factor;
        m[i] = args.beta1 * m[i] + (1 - args.beta1) * gradient;
        v[i] = args.beta2 * v[i] + (1 - args.beta2) * gradient * gradient;
        w[i] = w[i] * keep - rate * m[i] / (sqrtf(v[i]) * root + args.eps);
    }
}

static const struct backend cpu_table = {
    .name = "cpu",
    .precision = "fp32",
    .act_size = sizeof(float),
    .logits = 16 << 20,
    .destroy = cpu_destroy,
    .allocate = cpu_allocate,
    .release = cpu_release,
    .zero = cpu_zero,
    .write = cpu_write,
    .read = cpu_read,
    .write_act = cpu_write_act,
    .read_act = cpu_read_act,
    .widen = cpu_widen,
    .sync = cpu_sync,
    .mark = backend_cpu_mark,
    .await = backend_cpu_mark,
    .stamp = backend_cpu_stamp,
    .stamp_time = backend_cpu_stamp_time,
    .stamps_clear = backend_cpu_stamps_clear,
    .queue = backend_cpu_queue,
    .memory = cpu_memory,
    .fill_normal = cpu_fill_normal,
    .fill = cpu_fill,
    .copy = cpu_copy,
    .add = cpu_add,
    .matmul = cpu_matmul,
    .embed_forward = cpu_embed_forward,
    .embed_backward = cpu_embed_backward,
    .norm_forward = cpu_norm_forward,
    .norm_backward = cpu_norm_backward,
    .rope = cpu_rope,
    .attention_forward = backend_cpu_attention_forward,
    .attention_backward = backend_cpu_attention_backward,
    .swiglu_forward = cpu_swiglu_forward,
    .swiglu_backward = cpu_swiglu_backward,
    .cross_entropy = cpu_cross_entropy,
    .sum_squares = cpu_sum_squares,
    .sum_floats = cpu_sum_floats,
    .adamw = cpu_adamw,
};

struct backend *backend_create_cpu(struct sft_error *err)
{
    struct backend_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL) {
        sft_error_set(err, "no memory for the CPU backend");
        return NULL;
    }
    cpu->table = cpu_table;
    cpu->table.state = cpu;
    strcpy(cpu->table.device, "CPU");
    return &cpu->table;
}
