/* SPDX-License-Identifier: Apache-2.0 */
/* What a matrix product costs its caller: microseconds until the call returns, the product being
 * enqueued. Small ones, so that the GPU keeps up and nobody waits for room in its queue, in turn as
 * a layer has them: forward, the input's gradient, the weight's gradient, which is added to.
 * matmul_host [--repeat N]      of N rounds [200] the median, and the least */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "job/tensor/backend.h"

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

static void layer(struct backend *b, act *const memory[3], int size)
{
    b->matmul(b, memory[0], memory[1], false, memory[2], true, size, size, size, false);
    b->matmul(b, memory[0], memory[1], false, memory[2], false, size, size, size, false);
    b->matmul(b, memory[0], memory[1], true, memory[2], false, size, size, size, true);
}

/* Microseconds a call, of CALLS of them. */
static double round_time(struct backend *b, act *const memory[3])
{
    struct sft_error err = {""};
    double begin = now_us();
    for (int i = 0; i < CALLS / 3; i++)
        layer(b, memory, sizes[i % SIZES]);
    double time = (now_us() - begin) / CALLS;
    if (b->sync(b, &err) < 0)
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
    act *memory[3];
    int repeat = read_repeat(argc, argv);
    double *times = calloc((size_t)repeat, sizeof *times);
    struct backend *b = backend_create_cuda(0, &err);
    if (b == NULL || times == NULL)
        die(b == NULL ? err.text : "no memory");
    for (int i = 0; i < 3; i++) {
        memory[i] = b->allocate(b, LARGEST * LARGEST * b->act_size, &err);
        if (memory[i] == NULL)
            die(err.text);
        b->zero(b, memory[i], LARGEST * LARGEST * b->act_size);
    }
    for (int i = 0; i < 10; i++) /* algorithms are chosen, clocks rise */
        round_time(b, memory);
    for (int i = 0; i < repeat; i++)
        times[i] = round_time(b, memory);
    qsort(times, (size_t)repeat, sizeof *times, by_size);
    printf("matmul_host_us %.3f (least %.3f, %d rounds of %d calls) on %s, %s\n", times[repeat / 2],
           times[0], repeat, CALLS, b->device, b->version);
    free(times);
    for (int i = 0; i < 3; i++)
        b->release(b, memory[i]);
    b->destroy(b);
    return 0;
}
