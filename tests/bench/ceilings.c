/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what a GPU sustains, each rate on a chip that has been busy for a while, through the
 * same operations that train, and prints the file of sft-ceilings(5):
 *
 *   ceilings [SECONDS] >FILE   of each measurement, default 1
 *
 * matmul_tflops   the products of a Llama 7B layer and head, forward and backward, 8,192 rows,
 *                 weighted as a layer has them
 * memory_gbs      norms, rotary embedding and SwiGLU, forward and backward, bytes read and written
 * launch_us       a small kernel, launched in a row
 * attention       causal, 32 heads of 128, 16,384 tokens in documents of a length
 *
 * busbw wants several GPUs: nccl-tests' all_gather_perf prints it by size. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "job/tensor/ops.h"
#include "lib/clock.h"

enum { ROWS = 8192, HIDDEN = 4096, FFN = 11008, HEADS = 32, HEAD_DIM = 128, VOCAB = 32000 };
enum { ATTENTION_ROWS = 16384, QKV = 3 * HIDDEN, LAYERS = 32 };

struct bench {
    struct device *d;
    double seconds;
    void *x, *y, *z, *w; /* large enough for any of the operations, filled with normal numbers */
    float *floats;
    int32_t *positions;
};

typedef void operation(struct bench *bench, const void *what);

static void check(struct device *d)
{
    struct sft_error err = {""};
    if (d->sync(d, &err) < 0) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        exit(1);
    }
}

/* Seconds of one operation: repeated for `seconds` to warm up, then as long again and timed. */
static double timed(struct bench *bench, operation *run, const void *what)
{
    double each = 0;
    run(bench, what); /* plans and algorithms are made here */
    check(bench->d);
    for (int round = 0, times = 1; round < 3; round++) {
        double begin = sft_clock_now();
        for (int i = 0; i < times; i++)
            run(bench, what);
        check(bench->d);
        each = (sft_clock_now() - begin) / times;
        times = (int)(bench->seconds / each) + 1;
    }
    return each;
}

struct product {
    const char *name;
    int m, n, k;
    bool transpose_a, transpose_b;
    int count; /* in the model, for its weight */
};

static struct tensor matrix(const struct bench *bench, void *data, int rows, int columns)
{
    return (struct tensor){bench->d->format, rows, columns, data};
}

static void run_product(struct bench *bench, const void *what)
{
    const struct product *p = what;
    bool ta = p->transpose_a, tb = p->transpose_b;
    bench->d->ops->matmul(
        bench->d,
        &(struct matmul_args){.c = matrix(bench, bench->z, p->m, p->n),
                              .a = matrix(bench, bench->x, ta ? p->k : p->m, ta ? p->m : p->k),
                              .b = matrix(bench, bench->y, tb ? p->n : p->k, tb ? p->k : p->n),
                              .transpose_a = ta,
                              .transpose_b = tb});
}

static double measure_products(struct bench *bench)
{
    static const int widths[][3] = {{QKV, HIDDEN, LAYERS},
                                    {HIDDEN, HIDDEN, LAYERS},
                                    {2 * FFN, HIDDEN, LAYERS},
                                    {HIDDEN, FFN, LAYERS},
                                    {VOCAB, HIDDEN, 1}};
    double flops = 0, seconds = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        int out = widths[i][0], in = widths[i][1], count = widths[i][2];
        const struct product three[] = {
            {"forward", ROWS, out, in, false, true, count},
            {"d input", ROWS, in, out, false, false, count},
            {"d weight", out, in, ROWS, true, false, count},
        };
        for (int j = 0; j < 3; j++) {
            double time = timed(bench, run_product, &three[j]);
            double work = 2.0 * ROWS * out * in;
            printf("# %6d x %5d -> %5d  %-8s  %8.3f ms  %6.0f TFLOP/s\n", ROWS, in, out,
                   three[j].name, time * 1e3, work / time / 1e12);
            flops += work * count;
            seconds += time * count;
        }
    }
    return flops / seconds / 1e12;
}

static void run_elementwise(struct bench *bench, const void *what)
{
    const struct ops *ops = bench->d->ops;
    struct tensor x = matrix(bench, bench->x, ROWS, HIDDEN),
                  y = matrix(bench, bench->y, ROWS, HIDDEN);
    struct tensor z = matrix(bench, bench->z, ROWS, HIDDEN), w = matrix(bench, bench->w, 1, HIDDEN);
    struct norm_args norm = {.out = y,
                             .sum = z,
                             .x = x,
                             .delta = y,
                             .weight = w,
                             .dout = y,
                             .dx = z,
                             .dweight = w,
                             .rstd = bench->floats,
                             .eps = 1e-5f};
    struct rope_args rope = {matrix(bench, bench->x, ROWS, QKV),
                             bench->positions,
                             {HEADS, HEADS, HEAD_DIM},
                             10000,
                             false};
    struct activation_args swiglu = {.in = matrix(bench, bench->x, ROWS, 2 * FFN),
                                     .out = matrix(bench, bench->y, ROWS, FFN),
                                     .din = matrix(bench, bench->z, ROWS, 2 * FFN),
                                     .dout = matrix(bench, bench->y, ROWS, FFN)};
    (void)what;
    ops->norm_forward(bench->d, &norm);
    ops->rope(bench->d, &rope);
    ops->activation_forward(bench->d, &swiglu);
    ops->activation_backward(bench->d, &swiglu);
    ops->norm_backward(bench->d, &norm);
}

/* Elements read and written: norms 4 hidden each way, rotation 2 x 2 hidden, SwiGLU 3 and 5 ffn. */
static double measure_elementwise(struct bench *bench)
{
    double bytes = 2.0 * ROWS * (12.0 * HIDDEN + 8.0 * FFN);
    return bytes / timed(bench, run_elementwise, NULL) / 1e9;
}

static void run_small(struct bench *bench, const void *what)
{
    (void)what;
    bench->d->ops->activation_forward(
        bench->d, &(struct activation_args){.in = matrix(bench, bench->x, 1, 128),
                                            .out = matrix(bench, bench->y, 1, 64)});
}

struct attention {
    struct documents docs;
    bool backward;
};

static void run_attention(struct bench *bench, const void *what)
{
    const struct attention *a = what;
    struct attention_args args = {.qkv = matrix(bench, bench->x, ATTENTION_ROWS, QKV),
                                  .out = matrix(bench, bench->y, ATTENTION_ROWS, HIDDEN),
                                  .dqkv = matrix(bench, bench->z, ATTENTION_ROWS, QKV),
                                  .dout = matrix(bench, bench->w, ATTENTION_ROWS, HIDDEN),
                                  .lse = bench->floats,
                                  .shape = {HEADS, HEADS, HEAD_DIM},
                                  .docs = &a->docs};
    if (a->backward)
        bench->d->ops->attention_backward(bench->d, &args);
    else
        bench->d->ops->attention_forward(bench->d, &args);
}

static void measure_attention(struct bench *bench, int length)
{
    static int32_t start[ATTENTION_ROWS], lengths[ATTENTION_ROWS];
    struct attention a = {{ATTENTION_ROWS / length, start, lengths, length}, false};
    for (int i = 0; i < a.docs.count; i++) {
        start[i] = i * length;
        lengths[i] = length;
    }
    double work = 2.0 * HEADS * HEAD_DIM * a.docs.count * length * (double)length;
    double forward = timed(bench, run_attention, &a);
    a.backward = true;
    double backward = timed(bench, run_attention, &a);
    printf("attention = %d %.0f %.0f # %.3f and %.3f ms\n", length, work / forward / 1e12,
           2 * work / backward / 1e12, forward * 1e3, backward * 1e3);
}

static void *allocate(struct device *d, size_t elements, uint64_t seed)
{
    struct sft_error err = {""};
    void *memory = d->allocate(d, format_bytes(d->format, elements), &err);
    if (memory == NULL) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        exit(1);
    }
    d->ops->fill(d, &(struct fill_args){
                        .to = {d->format, memory, elements}, .deviation = 0.5f, .seed = seed});
    return memory;
}

static void head_print(const struct bench *bench)
{
    char day[32] = "";
    time_t now = time(NULL);
    size_t used, all;
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    bench->d->memory(bench->d, &used, &all);
    printf("# sft-ceilings(5): tests/bench/ceilings of sft-bench %s, %s, %g s each\n# %s\n",
           PACKAGE_VERSION, day, bench->seconds, bench->d->version);
    printf("device = %s\n", bench->d->title);
    printf("memory_gib = %.1f\n", ldexp((double)all, -30));
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    size_t most = (size_t)ROWS * VOCAB;
    struct bench bench = {.seconds = argc > 1 ? atof(argv[1]) : 1};
    bench.d = device_create_cuda(0, &err);
    if (bench.d == NULL) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        return 1;
    }
    bench.x = allocate(bench.d, most, 1);
    bench.y = allocate(bench.d, most, 2);
    bench.z = allocate(bench.d, most, 3);
    bench.w = allocate(bench.d, (size_t)ATTENTION_ROWS * HIDDEN, 4);
    bench.floats = allocate(bench.d, 4 * (size_t)ATTENTION_ROWS * HEADS, 5);
    bench.positions = allocate(bench.d, 2 * ROWS, 6);
    bench.d->zero(bench.d, bench.positions, ROWS * sizeof(int32_t));
    head_print(&bench);
    printf("matmul_tflops = %.0f\n", measure_products(&bench));
    printf("memory_gbs = %.0f\n", measure_elementwise(&bench));
    printf("launch_us = %.2f\n", timed(&bench, run_small, NULL) * 1e6);
    static const int lengths[] = {128, 512, 1024, 2048, 4096, 8192};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        measure_attention(&bench, lengths[i]);
    bench.d->destroy(bench.d); /* the process ends: what was allocated goes with it */
    return 0;
}
