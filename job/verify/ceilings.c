/* SPDX-License-Identifier: Apache-2.0 */
#include "job/verify/ceilings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/ops.h"
#include "lib/clock.h"

/* Of what is measured. */
struct dimensions {
    int rows, hidden, ffn, heads, vocab, layers;
    int attention_rows;
    int lengths[SFT_CEILING_LENGTHS]; /* ended by 0 */
};

enum { HEAD_DIM = 128 };

static const struct dimensions of_gpu = {8192,  4096, 11008, 32,
                                         32000, 32,   16384, {128, 512, 1024, 2048, 4096, 8192}};
static const struct dimensions of_cpu = {64, 256, 640, 2, 1024, 4, 512, {128, 512}};

/* x, y, z and w are large enough for any of the operations, and filled with normal numbers. */
struct bench {
    struct device *d;
    const struct dimensions *size;
    double seconds;
    void *x, *y, *z, *w;
    float *floats;
    int32_t *positions;
    int32_t *start, *lengths; /* of documents, the host's */
    struct sft_error *err;
    bool failed;
};

typedef void operation(struct bench *bench, const void *what);

static void check(struct bench *bench)
{
    if (!bench->failed && bench->d->sync(bench->d, bench->err) < 0)
        bench->failed = true;
}

/* Seconds of one operation: repeated for `seconds` to warm up, then as long again and timed. */
static double timed(struct bench *bench, operation *run, const void *what)
{
    double each = 1;
    if (bench->failed)
        return each;
    run(bench, what); /* plans and algorithms are made here */
    check(bench);
    for (int round = 0, times = 1; round < 3 && !bench->failed; round++) {
        double begin = sft_clock_now();
        for (int i = 0; i < times; i++)
            run(bench, what);
        check(bench);
        each = fmax((sft_clock_now() - begin) / times, 1e-9);
        times = (int)fmin(bench->seconds / each, 1e6) + 1;
    }
    return each;
}

struct product {
    const char *name;
    int m, n, k;
    bool transpose_a, transpose_b;
};

static struct tensor matrix(const struct bench *bench, void *data, int rows, int columns)
{
    return tensor_of(bench->d->format, rows, columns, data);
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

/* Seconds of a layer's product with these widths, forward and backward. */
static double products_time(struct bench *bench, int in, int out, FILE *notes)
{
    int rows = bench->size->rows;
    const struct product three[] = {
        {"forward", rows, out, in, false, true},
        {"d input", rows, in, out, false, false},
        {"d weight", out, in, rows, true, false},
    };
    double seconds = 0, work = 2.0 * rows * out * in;
    for (int i = 0; i < 3; i++) {
        double time = timed(bench, run_product, &three[i]);
        if (notes != NULL)
            fprintf(notes, "# %6d x %5d -> %5d  %-8s  %8.3f ms  %6.0f TFLOP/s\n", rows, in, out,
                    three[i].name, time * 1e3, work / time / 1e12);
        seconds += time;
    }
    return seconds;
}

static double measure_products(struct bench *bench, FILE *notes)
{
    const struct dimensions *size = bench->size;
    const int widths[][3] = {{3 * size->hidden, size->hidden, size->layers},
                             {size->hidden, size->hidden, size->layers},
                             {2 * size->ffn, size->hidden, size->layers},
                             {size->hidden, size->ffn, size->layers},
                             {size->vocab, size->hidden, 1}};
    double flops = 0, seconds = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        int out = widths[i][0], in = widths[i][1], count = widths[i][2];
        flops += 3 * 2.0 * size->rows * out * in * count;
        seconds += count * products_time(bench, in, out, notes);
    }
    return flops / seconds / 1e12;
}

static void run_elementwise(struct bench *bench, const void *what)
{
    const struct ops *ops = bench->d->ops;
    const struct dimensions *size = bench->size;
    int rows = size->rows, hidden = size->hidden;
    struct tensor x = matrix(bench, bench->x, rows, hidden), y = x, z = x,
                  w = matrix(bench, bench->w, 1, hidden);
    y.data = bench->y;
    z.data = bench->z;
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
    struct rope_args rope = {.qkv = matrix(bench, bench->x, rows, 3 * hidden),
                             .positions = bench->positions,
                             .shape = {size->heads, size->heads, HEAD_DIM},
                             .theta = 10000};
    struct activation_args swiglu = {.in = matrix(bench, bench->x, rows, 2 * size->ffn),
                                     .out = matrix(bench, bench->y, rows, size->ffn),
                                     .din = matrix(bench, bench->z, rows, 2 * size->ffn),
                                     .dout = matrix(bench, bench->y, rows, size->ffn)};
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
    const struct dimensions *size = bench->size;
    double bytes = (double)format_bytes(bench->d->format, 1) * size->rows *
                   (12.0 * size->hidden + 8.0 * size->ffn);
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
    const struct dimensions *size = bench->size;
    int rows = size->attention_rows, hidden = size->heads * HEAD_DIM;
    struct attention_args args = {.qkv = matrix(bench, bench->x, rows, 3 * hidden),
                                  .out = matrix(bench, bench->y, rows, hidden),
                                  .dqkv = matrix(bench, bench->z, rows, 3 * hidden),
                                  .dout = matrix(bench, bench->w, rows, hidden),
                                  .lse = bench->floats,
                                  .shape = {size->heads, size->heads, HEAD_DIM},
                                  .docs = &a->docs};
    if (a->backward)
        bench->d->ops->attention_backward(bench->d, &args);
    else
        bench->d->ops->attention_forward(bench->d, &args);
}

static void measure_attention(struct bench *bench, int which, struct sft_ceiling *ceiling)
{
    const struct dimensions *size = bench->size;
    int length = size->lengths[which];
    struct attention a = {{size->attention_rows / length, bench->start, bench->lengths, length},
                          false};
    for (int i = 0; i < a.docs.count; i++) {
        bench->start[i] = i * length;
        bench->lengths[i] = length;
    }
    double work = 2.0 * size->heads * HEAD_DIM * a.docs.count * length * (double)length;
    ceiling->lengths[which] = length;
    ceiling->forward[which] = work / timed(bench, run_attention, &a) / 1e12;
    a.backward = true;
    ceiling->backward[which] = 2 * work / timed(bench, run_attention, &a) / 1e12;
}

static void *allocate(struct bench *bench, size_t elements, uint64_t seed)
{
    struct device *d = bench->d;
    if (bench->failed)
        return NULL;
    void *memory = d->allocate(d, format_bytes(d->format, elements), bench->err);
    bench->failed = memory == NULL;
    if (memory != NULL)
        d->ops->fill(d, &(struct fill_args){
                            .to = {d->format, memory, elements}, .deviation = 0.5f, .seed = seed});
    return memory;
}

static void bench_open(struct bench *bench)
{
    const struct dimensions *size = bench->size;
    size_t rows = (size_t)size->rows, attention = (size_t)size->attention_rows;
    size_t wide = (size_t)(size->vocab > 2 * size->ffn ? size->vocab : 2 * size->ffn);
    size_t most = rows * wide, qkv = attention * 3 * (size_t)size->hidden;
    most = most > qkv ? most : qkv;
    bench->x = allocate(bench, most, 1);
    bench->y = allocate(bench, most, 2);
    bench->z = allocate(bench, most, 3);
    bench->w = allocate(bench, attention * (size_t)size->hidden, 4);
    bench->floats = allocate(bench, 4 * attention * (size_t)size->heads, 5);
    bench->positions = allocate(bench, 2 * rows, 6);
    bench->start = calloc(attention, sizeof *bench->start);
    bench->lengths = calloc(attention, sizeof *bench->lengths);
    if (bench->start == NULL || bench->lengths == NULL)
        bench->failed = true;
    if (!bench->failed)
        bench->d->zero(bench->d, bench->positions, rows * sizeof(int32_t));
    check(bench);
}

static void bench_close(struct bench *bench)
{
    void *const all[] = {bench->x, bench->y, bench->z, bench->w, bench->floats, bench->positions};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        bench->d->release(bench->d, all[i]);
    free(bench->start);
    free(bench->lengths);
}

int ceilings_measure(struct device *device, double seconds, FILE *notes,
                     struct sft_ceiling *ceiling, struct sft_error *err)
{
    size_t used, all;
    struct bench bench = {.d = device,
                          .size = device->processors > 0 ? &of_gpu : &of_cpu,
                          .seconds = seconds,
                          .err = err};
    *ceiling = (struct sft_ceiling){.fp8_tflops = -1, .peak_tflops = -1};
    snprintf(ceiling->device, sizeof ceiling->device, "%s", device->title);
    sft_error_set(err, "no memory for what is measured");
    bench_open(&bench);
    if (!bench.failed) {
        ceiling->matmul_tflops = measure_products(&bench, notes);
        ceiling->memory_gbs = measure_elementwise(&bench);
        ceiling->launch_us = timed(&bench, run_small, NULL) * 1e6;
        for (int i = 0; bench.size->lengths[i] > 0; i++)
            measure_attention(&bench, i, ceiling);
    }
    bench_close(&bench);
    device->memory(device, &used, &all);
    ceiling->memory_gib = all > 0 ? ldexp((double)all, -30) : -1;
    return bench.failed ? -1 : 0;
}

/* Four digits: the last of them is noise already. */
static void write_rate(FILE *out, const char *key, double value)
{
    if (value > 0)
        fprintf(out, "%s = %.4g\n", key, value);
}

void ceilings_write(FILE *out, const struct sft_ceiling *ceiling)
{
    fprintf(out, "device = %s\n", ceiling->device);
    write_rate(out, "memory_gib", ceiling->memory_gib);
    write_rate(out, "matmul_tflops", ceiling->matmul_tflops);
    write_rate(out, "fp8_tflops", ceiling->fp8_tflops);
    write_rate(out, "memory_gbs", ceiling->memory_gbs);
    write_rate(out, "launch_us", ceiling->launch_us);
    for (int i = 0; i < SFT_CEILING_LENGTHS && ceiling->lengths[i] > 0; i++)
        fprintf(out, "attention = %d %.4g %.4g\n", ceiling->lengths[i], ceiling->forward[i],
                ceiling->backward[i]);
    for (int i = 0; i < ceiling->busbws; i++)
        fprintf(out, "busbw = %d %.0f %.4g\n", ceiling->busbw[i].nodes, ceiling->busbw[i].bytes,
                ceiling->busbw[i].gbs);
}
