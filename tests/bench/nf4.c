/* SPDX-License-Identifier: Apache-2.0 */
/* What NF4 costs a pass over a model's linear layers: milliseconds and TB/s of memory to NF4 and
 * its double quantization, and back to bf16, to E4M3, and to E4M3 transposed; beside a copy of the
 * same size. One layer is timed, and multiplied.
 * nf4 [--repeat N]      of N passes over a layer [20] the median */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "job/tensor/nf4.h"
#include "job/tensor/ops.h"

enum { MATRICES = 4, WAYS = 5 };

struct layers {
    const char *name;
    int count, rows[MATRICES], columns[MATRICES];
};

static const struct layers models[] = {
    {"llama-7b", 32, {12288, 4096, 22016, 4096}, {4096, 4096, 4096, 11008}},
    {"llama-70b", 80, {10240, 8192, 57344, 8192}, {8192, 8192, 8192, 28672}},
};

/* Bytes an element that each way moves. */
static const double nf4_bytes = 0.5 + 1.0 / NF4_BLOCK;
static const struct way {
    const char *name;
    double bytes;
} ways[WAYS] = {{"to NF4", 2 + 0.5 + 9.0 / NF4_BLOCK},
                {"to bf16", 0.5 + 1.0 / NF4_BLOCK + 2},
                {"to E4M3", 0.5 + 1.0 / NF4_BLOCK + 1},
                {"transposed", 0.5 + 1.0 / NF4_BLOCK + 1},
                {"copy", 4}};

static void die(const char *why)
{
    fprintf(stderr, "nf4: %s\n", why);
    exit(1);
}

static void *take(struct device *d, size_t bytes)
{
    struct sft_error err = {""};
    void *memory = d->allocate(d, bytes, &err);
    if (memory == NULL)
        die(err.text);
    d->zero(d, memory, bytes);
    return memory;
}

struct room {
    struct device *d;
    void *wide, *other, *codes, *scale_codes;
    float *scale, *mean, *absmax, *fp8_scale;
};

static struct room room_make(struct device *d, size_t most)
{
    float one = 1e-4f;
    struct room r = {.d = d,
                     .wide = take(d, 2 * most),
                     .other = take(d, 2 * most),
                     .codes = take(d, most / 2),
                     .scale_codes = take(d, nf4_blocks(most)),
                     .scale = take(d, nf4_groups(nf4_blocks(most)) * sizeof(float)),
                     .mean = take(d, sizeof(float)),
                     .absmax = take(d, nf4_blocks(most) * sizeof(float)),
                     .fp8_scale = take(d, 16)};
    d->write(d, r.fp8_scale, &one, sizeof one);
    d->ops->fill(d, &(struct fill_args){.to = {FORMAT_BF16, r.wide, most}, .deviation = 0.02f});
    return r;
}

static void way_run(const struct room *r, int way, int rows, int columns)
{
    struct device *d = r->d;
    struct tensor x = tensor_of(FORMAT_BF16, rows, columns, r->wide), to = x;
    struct tensor nf4 = tensor_of(FORMAT_NF4, rows, columns, r->codes), plain = nf4;
    nf4.scale = r->scale;
    nf4.scale_codes = r->scale_codes;
    nf4.scale_mean = r->mean;
    plain.scale = r->absmax;
    to.data = r->other;
    if (way == 0) {
        d->ops->quantize_nf4(d, &(struct quantize_nf4_args){plain, x});
        d->ops->double_quantize(d, &(struct double_quantize_args){nf4, r->absmax});
    } else if (way == 4) {
        d->copy(d, LANE_COMPUTE, r->other, r->wide, 2 * tensor_count(x));
    } else {
        if (way > 1) {
            to = tensor_of(FORMAT_E4M3, rows, columns, way == 2 ? r->other : NULL);
            to.transposed = way == 3 ? r->other : NULL;
            to.scaling = SCALING_TENSOR;
            to.scale = r->fp8_scale;
        }
        d->ops->dequantize(d, &(struct dequantize_args){to, nf4});
    }
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Seconds of one layer, the median. */
static double layer_time(const struct room *r, const struct layers *m, int way, int repeat)
{
    struct device *d = r->d;
    struct sft_error err = {""};
    double *times = calloc((size_t)repeat, sizeof *times), median;
    for (int i = -2; i < repeat && times != NULL; i++) {
        d->stamps_clear(d);
        d->stamp(d, LANE_COMPUTE);
        for (int j = 0; j < MATRICES; j++)
            way_run(r, way, m->rows[j], m->columns[j]);
        int end = d->stamp(d, LANE_COMPUTE);
        if (d->sync(d, &err) < 0)
            die(err.text);
        if (i >= 0)
            times[i] = d->stamp_time(d, end);
    }
    if (times == NULL)
        die("no memory");
    qsort(times, (size_t)repeat, sizeof *times, by_size);
    median = times[repeat / 2];
    free(times);
    return median;
}

static void model_time(const struct room *r, const struct layers *m, int repeat)
{
    double elements = 0;
    for (int j = 0; j < MATRICES; j++)
        elements += (double)m->rows[j] * m->columns[j];
    printf("%s: %.2f e9 elements, %.2f GB in NF4\n", m->name, elements * m->count / 1e9,
           elements * m->count * nf4_bytes / 1e9);
    for (int way = 0; way < WAYS; way++) {
        double seconds = layer_time(r, m, way, repeat);
        printf("  %-10s %8.2f ms a pass  %5.2f TB/s\n", ways[way].name, 1e3 * seconds * m->count,
               elements * ways[way].bytes / seconds / 1e12);
    }
}

static int read_repeat(int argc, char **argv)
{
    static const struct option options[] = {{"repeat", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    int repeat = 20;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        repeat = c == 'r' ? atoi(optarg) : 0;
    if (repeat < 1 || repeat > 100000 || optind < argc)
        die("usage: nf4 [--repeat N]");
    return repeat;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    int repeat = read_repeat(argc, argv);
    struct device *d = device_create_cuda(0, &err);
    if (d == NULL)
        die(err.text);
    struct room room = room_make(d, (size_t)57344 * 8192);
    printf("%s\n", d->title);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        model_time(&room, &models[i], repeat);
    d->destroy(d);
    return 0;
}
