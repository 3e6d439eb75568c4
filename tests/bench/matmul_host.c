/* SPDX-License-Identifier: Apache-2.0 */
/* What a matrix product costs its caller: microseconds until the call returns, the product being
 * enqueued. Small ones, so that the GPU keeps up and nobody waits for room in its queue, in turn as
 * a layer has them: forward, the input's gradient, the weight's gradient, which is added to.
 * matmul_host [--repeat N]      of N rounds [200] the median, and the least */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "job/tensor/ops.h"

enum { LARGEST = 256, CALLS = 96, SIZES = 4 };

static const int sizes[SIZES] = {32, 64, 128, 256};

static void die(const char *why)
{
    fprintf(stderr, "matmul_host: %s\n", why);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void layer(struct device *d, void *const memory[3], int size)
{
    struct matmul_args args = {.c = {d->format, size, size, memory[0]},
                               .a = {d->format, size, size, memory[1]},
                               .b = {d->format, size, size, memory[2]},
                               .transpose_b = true};
    d->ops->matmul(d, &args);
    args.transpose_b = false;
    d->ops->matmul(d, &args);
    args.transpose_a = args.accumulate = true;
    d->ops->matmul(d, &args);
}

/* Microseconds a call, of CALLS of them. */
static double round_time(struct device *d, void *const memory[3])
{
    struct sft_error err = {""};
    double begin = now_us();
    for (int i = 0; i < CALLS / 3; i++)
        layer(d, memory, sizes[i % SIZES]);
    double time = (now_us() - begin) / CALLS;
    if (d->sync(d, &err) < 0)
        die(err.text);
    return time;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int read_repeat(int argc, char **argv)
{
    static const struct option options[] = {{"repeat", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    int repeat = 200;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        repeat = c == 'r' ? atoi(optarg) : 0;
    if (repeat < 1 || repeat > 1000000 || optind < argc)
        die("usage: matmul_host [--repeat N]");
    return repeat;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    void *memory[3];
    int repeat = read_repeat(argc, argv);
    double *times = calloc((size_t)repeat, sizeof *times);
    struct device *d = device_create_cuda(0, &err);
    if (d == NULL || times == NULL)
        die(d == NULL ? err.text : "no memory");
    for (int i = 0; i < 3; i++) {
        memory[i] = d->allocate(d, format_bytes(d->format, LARGEST * LARGEST), &err);
        if (memory[i] == NULL)
            die(err.text);
        d->zero(d, memory[i], format_bytes(d->format, LARGEST * LARGEST));
    }
    for (int i = 0; i < 10; i++) /* algorithms are chosen, clocks rise */
        round_time(d, memory);
    for (int i = 0; i < repeat; i++)
        times[i] = round_time(d, memory);
    qsort(times, (size_t)repeat, sizeof *times, by_size);
    printf("matmul_host_us %.3f (least %.3f, %d rounds of %d calls) on %s, %s\n", times[repeat / 2],
           times[0], repeat, CALLS, d->title, d->version);
    free(times);
    for (int i = 0; i < 3; i++)
        d->release(d, memory[i]);
    d->destroy(d);
    return 0;
}
