/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what lib/predict.c's table wants to know of a GPU, each rate on a chip that has been
 * busy for a while, through the same backend that trains: matmul_tflops   the products of a Llama
 * 7B layer and head, forward and backward, 8,192 rows, weighted as a layer has them memory_gbs
 * norms, rotary embedding and SwiGLU, forward and backward, bytes read and written launch_us a
 * small kernel, launched in a row forward[], backward[]   causal attention, 32 heads of 128, 16,384
 * tokens in documents of a length ceilings [SECONDS]      of each measurement, default 1 */
#include <stdio.h>
#include <stdlib.h>

#include "job/tensor/backend.h"
#include "lib/clock.h"

enum { ROWS = 8192, HIDDEN = 4096, FFN = 11008, HEADS = 32, HEAD_DIM = 128, VOCAB = 32000 };
enum { ATTENTION_ROWS = 16384, QKV = 3 * HIDDEN, LAYERS = 32 };

struct bench {
    struct backend *b;
    double seconds;
    act *x, *y, *z, *w; /* large enough for any of the operations, filled with normal numbers */
    float *floats;
    int32_t *positions;
};

typedef void operation(struct bench *bench, const void *what);

static void check(struct backend *b)
{
    struct sft_error err = {""};
    if (b->sync(b, &err) < 0) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        exit(1);
    }
}

/* Seconds of one operation: repeated for `seconds` to warm up, then as long again and timed. */
static double timed(struct bench *bench, operation *run, const void *what)
{
    double each = 0;
    run(bench, what); /* plans and algorithms are made here */
    check(bench->b);
    for (int round = 0, times = 1; round < 3; round++) {
        double begin = sft_clock_now();
        for (int i = 0; i < times; i++)
            run(bench, what);
        check(bench->b);
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

static void run_product(struct bench *bench, const void *what)
{
    const struct product *p = what;
    bench->b->matmul(bench->b, bench->z, bench->x, p->transpose_a, bench->y, p->transpose_b, p->m,
                     p->n, p->k, false);
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
            printf("%6d x %5d -> %5d  %-8s  %8.3f ms  %6.0f TFLOP/s\n", ROWS, in, out,
                   three[j].name, time * 1e3, work / time / 1e12);
            flops += work * count;
            seconds += time * count;
        }
    }
    return flops / seconds / 1e12;
}

static void run_elementwise(struct bench *bench, const void *what)
{
    struct backend *b = bench->b;
    struct attention_shape shape = {HEADS, HEADS, HEAD_DIM};
    (void)what;
    b->norm_forward(b, bench->y, bench->floats, bench->z, bench->x, bench->y, bench->w, ROWS,
                    HIDDEN, 1e-5f);
    b->rope(b, bench->x, bench->positions, ROWS, shape, 10000, false);
    b->swiglu_forward(b, bench->y, bench->x, ROWS, FFN);
    b->swiglu_backward(b, bench->z, bench->y, bench->x, ROWS, FFN);
    b->norm_backward(b, bench->z, bench->w, bench->y, bench->x, bench->w, bench->floats, ROWS,
                     HIDDEN);
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
    bench->b->swiglu_forward(bench->b, bench->y, bench->x, 1, 64);
}

struct attention {
    struct documents docs;
    bool backward;
};

static void run_attention(struct bench *bench, const void *what)
{
    const struct attention *a = what;
    struct attention_shape shape = {HEADS, HEADS, HEAD_DIM};
    if (a->backward)
        bench->b->attention_backward(bench->b, bench->z, bench->w, bench->y, bench->floats,
                                     bench->x, ATTENTION_ROWS, shape, &a->docs);
    else
        bench->b->attention_forward(bench->b, bench->y, bench->floats, bench->x, ATTENTION_ROWS,
                                    shape, &a->docs);
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
    printf("attention %5d  forward %8.3f ms %5.0f TFLOP/s  backward %8.3f ms %5.0f TFLOP/s\n",
           length, forward * 1e3, work / forward / 1e12, backward * 1e3,
           2 * work / backward / 1e12);
}

static void *allocate(struct backend *b, size_t elements, uint64_t seed)
{
    struct sft_error err = {""};
    act *memory = b->allocate(b, elements * b->act_size, &err);
    if (memory == NULL) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        exit(1);
    }
    b->fill_normal(b, memory, elements, seed, 0, 0.5f);
    return memory;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    size_t most = (size_t)ROWS * VOCAB;
    struct bench bench = {.seconds = argc > 1 ? atof(argv[1]) : 1};
    bench.b = backend_create_cuda(0, &err);
    if (bench.b == NULL) {
        fprintf(stderr, "ceilings: %s\n", err.text);
        return 1;
    }
    bench.x = allocate(bench.b, most, 1);
    bench.y = allocate(bench.b, most, 2);
    bench.z = allocate(bench.b, most, 3);
    bench.w = allocate(bench.b, (size_t)ATTENTION_ROWS * HIDDEN, 4);
    bench.floats = allocate(bench.b, 4 * (size_t)ATTENTION_ROWS * HEADS, 5);
    bench.positions = allocate(bench.b, 2 * ROWS, 6);
    bench.b->zero(bench.b, bench.positions, ROWS * sizeof(int32_t));
    printf("%s, %s\n", bench.b->device, bench.b->version);
    printf("matmul_tflops %.0f\n", measure_products(&bench));
    printf("memory_gbs %.0f\n", measure_elementwise(&bench));
    printf("launch_us %.2f\n", timed(&bench, run_small, NULL) * 1e6);
    static const int lengths[] = {128, 512, 1024, 2048, 4096, 8192};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        measure_attention(&bench, lengths[i]);
    bench.b->destroy(bench.b); /* the process ends: what was allocated goes with it */
    return 0;
}
