/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/gpu/device_twin.h"

#include <math.h>
#include <time.h>

struct device *device_of[SIDES];
struct random dice;
enum format twin_format;

static const double bounds[FORMATS] = {[FORMAT_FP32] = 1e-5, [FORMAT_BF16] = 1e-2};

void *copy_of(enum side side, const void *host, size_t bytes)
{
    struct sft_error err = {""};
    struct device *d = device_of[side];
    void *memory = d->allocate(d, bytes + 256, &err);
    if (memory == NULL)
        print_error("%s\n", err.text);
    assert_non_null(memory);
    if (host != NULL)
        d->write(d, memory, host, bytes);
    return memory;
}

void memory_free(enum side side, void *memory)
{
    device_of[side]->release(device_of[side], memory);
}

static struct twin twin_of(enum format format, float *values, size_t count)
{
    struct twin t;
    for (int side = 0; side < SIDES; side++) {
        enum format f = side == CPU ? FORMAT_FP32 : format;
        t.side[side] = (struct array){f, copy_of(side, NULL, format_bytes(f, count)), count};
        device_write_floats(device_of[side], t.side[side], values);
    }
    return t;
}

struct twin twin_floats(const float *values, size_t count)
{
    return twin_of(FORMAT_FP32, (float *)(uintptr_t)values, count);
}

struct twin twin_random(size_t count, float deviation)
{
    float *values = calloc(count, sizeof *values);
    uint32_t one; /* as the format holds it */
    for (size_t i = 0; i < count; i++) {
        float value = deviation * (float)random_normal(&dice);
        format_encode(twin_format, &one, &value, 1);
        format_decode(twin_format, values + i, &one, 1);
    }
    struct twin t = twin_of(twin_format, values, count);
    free(values);
    return t;
}

struct twin twin_poisoned(size_t count)
{
    float *values = calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
    struct twin t = twin_of(twin_format, values, count);
    free(values);
    return t;
}

void twin_free(struct twin *t)
{
    for (int side = 0; side < SIDES; side++)
        memory_free(side, t->side[side].data);
}

struct tensor twin_matrix(const struct twin *t, enum side side, int rows, int columns)
{
    return tensor_of(t->side[side].format, rows, columns, t->side[side].data);
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
    for (int side = 0; side < SIDES; side++)
        if (device_of[side]->sync(device_of[side], &err) < 0)
            fail_msg("%s", err.text);
}

void assert_twin(const struct twin *t, const char *what)
{
    const struct array *gpu = &t->side[GPU];
    float *got = calloc(gpu->count, sizeof *got);
    device_read_floats(device_of[GPU], got, *gpu);
    assert_sync();
    double d = distance(got, t->side[CPU].data, gpu->count);
    free(got);
    if (!(d < bounds[gpu->format]))
        fail_msg("%s in %s: relative error %g", what, format_traits[gpu->format].name, d);
}

int between(int low, int high)
{
    return low + (int)random_below(&dice, (uint32_t)(high - low + 1));
}

void twin_each_format(enum op op, void (*test)(void))
{
    int claimed = 0;
    for (int format = 0; format <= FORMAT_BF16; format++) /* test_fp8_cuda.c has the others */
        if (device_of[GPU]->ops->supports(op, format)) {
            assert_true(device_of[CPU]->ops->supports(op, FORMAT_FP32));
            twin_format = format;
            claimed++;
            test();
        }
    assert_true(claimed > 0);
}

static int devices_start(enum device_products products)
{
    struct sft_error err = {""};
    const char *said = getenv("SFT_SEED");
    uint64_t seed = said != NULL ? strtoull(said, NULL, 10) : (uint64_t)time(NULL);
    dice.state = seed;
    device_of[CPU] = device_create_cpu(&err);
    device_of[GPU] = device_create_cuda_as(0, products, &err);
    if (device_of[CPU] == NULL || device_of[GPU] == NULL) {
        print_error("%s\n", err.text);
        return -1;
    }
    print_message("SFT_SEED=%llu on %s, %s\n", (unsigned long long)seed, device_of[GPU]->title,
                  device_of[GPU]->version);
    return 0;
}

int twin_devices_start(void **state)
{
    (void)state;
    return devices_start(DEVICE_PRODUCTS_BF16);
}

int twin_devices_start_fp32(void **state)
{
    (void)state;
    return devices_start(DEVICE_PRODUCTS_FP32);
}

int twin_devices_start_bf16(void **state)
{
    twin_format = FORMAT_BF16;
    return twin_devices_start(state);
}

int twin_devices_stop(void **state)
{
    (void)state;
    for (int side = 0; side < SIDES; side++)
        device_of[side]->destroy(device_of[side]);
    return 0;
}
