/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model/model_support.h"

#include <math.h>
#include <time.h>

/* Tests ask for more memory than there is; the address sanitizer must say no as malloc does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static uint64_t state;

void support_seed(void)
{
    const char *given = getenv("SFT_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    state = (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec;
    if (given != NULL && given[0] != '\0')
        state = strtoull(given, NULL, 10);
    printf("SFT_TEST_SEED=%llu\n", (unsigned long long)state);
}

static uint64_t next(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

double support_uniform(void)
{
    return (double)(next() >> 11) * 0x1p-53;
}

double support_normal(void)
{
    double radius = sqrt(-2 * log(1 - support_uniform()));
    return radius * cos(2 * M_PI * support_uniform());
}

int support_between(int least, int most)
{
    return least + (int)(support_uniform() * (most - least + 1));
}

float *support_random(size_t count, double scale)
{
    float *x = malloc((count + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(scale * support_normal());
    return x;
}

float *support_poison(size_t count)
{
    float *x = malloc((count + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = NAN;
    return x;
}

struct array support_array(const float *data, size_t count)
{
    return (struct array){FORMAT_FP32, (void *)(uintptr_t)data, count};
}

struct tensor support_matrix(const float *data, int rows, int columns)
{
    return tensor_of(FORMAT_FP32, rows, columns, (void *)(uintptr_t)data);
}

struct sft_preset support_shape(bool tied)
{
    return (struct sft_preset){.name = "test",
                               .title = "test",
                               .source = "test",
                               .vocab = 37,
                               .hidden = 24,
                               .layers = 2,
                               .heads = 4,
                               .kv_heads = 2,
                               .head_dim = 6,
                               .ffn = 35,
                               .context = 256,
                               .rope_theta = 10000,
                               .norm_eps = 1e-5,
                               .tied_head = tied};
}

struct sft_preset support_gpt2(void)
{
    struct sft_preset shape = support_shape(true);
    shape.architecture = SFT_GPT2;
    shape.kv_heads = shape.heads;
    return shape;
}

struct sft_preset support_shape_of(int number)
{
    return number == SUPPORT_GPT2 ? support_gpt2() : support_shape(number == SUPPORT_TIED);
}

static void add_document(struct batch *b, int start, int length, int vocab)
{
    b->start[b->documents] = start;
    b->length[b->documents++] = length;
    for (int i = 0; i < length; i++) {
        b->tokens[start + i] = support_between(0, vocab - 1);
        b->positions[start + i] = i;
    }
    for (int i = length / 3; i < length - 1; i++) {
        b->targets[start + i] = b->tokens[start + i + 1];
        b->trained++;
    }
    b->real += length;
    b->squared_lengths += (double)length * length;
}

void support_batch_make(struct batch *b, const int *lengths, int documents, int vocab)
{
    int rows = 3 + documents, at = 0;
    for (int d = 0; d < documents; d++)
        rows += lengths[d];
    assert_int_equal(batch_create(b, rows, NULL), 0);
    for (int row = 0; row < rows; row++) {
        b->tokens[row] = vocab - 1;
        b->targets[row] = -1;
    }
    for (int d = 0; d < documents; d++, at++) {
        add_document(b, at, lengths[d], vocab);
        at += lengths[d];
    }
}

void support_batch_one(struct batch *one, const struct batch *b, int d)
{
    int start = b->start[d], length = b->length[d];
    assert_int_equal(batch_create(one, length, NULL), 0);
    one->documents = 1;
    one->length[0] = length;
    for (int i = 0; i < length; i++) {
        one->tokens[i] = b->tokens[start + i];
        one->targets[i] = b->targets[start + i];
        one->positions[i] = b->positions[start + i];
    }
}

struct device *support_device(void)
{
    static struct device *device;
    if (device == NULL)
        device = device_create_cpu(NULL);
    assert_non_null(device);
    return device;
}

float *support_values(const struct model *m, const struct model_tensor *t)
{
    size_t bytes;
    if (t->param.trains)
        return (float *)model_weights(m).data + t->offset;
    return (float *)((char *)model_base(m, &bytes) + t->offset);
}

struct model *support_model(const struct sft_preset *shape, int rows)
{
    struct sft_error err = {""};
    struct model *m = model_create(support_device(), shape, rows, RECOMPUTE_NONE, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    size_t count;
    const struct model_tensor *tensors = model_tensors(m, &count);
    for (size_t t = 0; t < count; t++) {
        size_t size = sft_param_elements(&tensors[t].param);
        float *values = support_random(size, 0.1);
        for (size_t i = 0; i < size; i++)
            values[i] += tensors[t].param.init == SFT_INIT_ONES ? 1 : 0;
        memcpy(support_values(m, &tensors[t]), values, size * sizeof *values);
        free(values);
    }
    model_zero_gradients(m);
    return m;
}

double support_distance(const float *a, const float *b, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}

double support_loss(struct model *m, const struct batch *batch)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_loss(m, batch, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

double support_step(struct model *m, const struct batch *batch, float scale)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_step(m, batch, scale, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}
