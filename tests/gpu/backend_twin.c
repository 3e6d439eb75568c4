/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/backend_twin.h"

#include <math.h>
#include <time.h>

struct backend *cpu, *gpu;
struct random dice;

static float to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

void *memory_of(struct backend *b, size_t bytes)
{
    struct sft_error err = {""};
    void *memory = b->allocate(b, bytes + 256, &err);
    if (memory == NULL)
        print_error("%s\n", err.text);
    assert_non_null(memory);
    return memory;
}

struct twin twin_random(size_t count, float deviation)
{
    struct twin t = {count, memory_of(cpu, count * 4), memory_of(gpu, count * 2)};
    for (size_t i = 0; i < count; i++)
        t.c[i] = to_bf16(deviation * (float)random_normal(&dice));
    gpu->write_act(gpu, t.g, t.c, count);
    return t;
}

struct twin twin_poisoned(size_t count)
{
    struct twin t = {count, memory_of(cpu, count * 4), memory_of(gpu, count * 2)};
    for (size_t i = 0; i < count; i++)
        t.c[i] = NAN;
    gpu->write_act(gpu, t.g, t.c, count);
    return t;
}

void twin_free(struct twin *t)
{
    cpu->release(cpu, t->c);
    gpu->release(gpu, t->g);
}

static double distance(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

void assert_sync(void)
{
    struct sft_error err = {""};
    if (gpu->sync(gpu, &err) < 0)
        fail_msg("%s", err.text);
    if (cpu->sync(cpu, &err) < 0)
        fail_msg("%s", err.text);
}

void assert_twin(const struct twin *t, const char *what)
{
    float *got = calloc(t->count, sizeof *got);
    gpu->read_act(gpu, got, t->g, t->count);
    assert_sync();
    double d = distance(got, t->c, t->count);
    free(got);
    if (!(d < bf16_bound))
        fail_msg("%s: relative error %g", what, d);
}

void assert_floats(const float *on_gpu, const float *wanted, size_t count, double bound,
                   const char *what)
{
    float *got = calloc(count, sizeof *got);
    gpu->read(gpu, got, on_gpu, count * sizeof *got);
    assert_sync();
    double d = distance(got, wanted, count);
    free(got);
    if (!(d < bound))
        fail_msg("%s: relative error %g", what, d);
}

void *copy_of(const void *host, size_t bytes)
{
    void *memory = memory_of(gpu, bytes);
    gpu->write(gpu, memory, host, bytes);
    return memory;
}

int between(int low, int high)
{
    return low + (int)random_below(&dice, (uint32_t)(high - low + 1));
}

int twin_backends_start(void **state)
{
    struct sft_error err = {""};
    const char *said = getenv("SFT_SEED");
    uint64_t seed = said != NULL ? strtoull(said, NULL, 10) : (uint64_t)time(NULL);
    (void)state;
    dice.state = seed;
    cpu = backend_create_cpu(&err);
    gpu = backend_create_cuda(0, &err);
    if (cpu == NULL || gpu == NULL) {
        print_error("%s\n", err.text);
        return -1;
    }
    print_message("SFT_SEED=%llu on %s, %s\n", (unsigned long long)seed, gpu->device, gpu->version);
    return 0;
}

int twin_backends_stop(void **state)
{
    (void)state;
    gpu->destroy(gpu);
    cpu->destroy(cpu);
    return 0;
}
