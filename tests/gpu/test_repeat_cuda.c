/* SPDX-License-Identifier: Apache-2.0 */
/* deterministic=yes: attention's backward pass, whose blocks of keys otherwise add up dq in an
 * order of chance, gives the same bits each time, and what it gives is right. */
#include <stdlib.h>
#include <string.h>

#include "tests/gpu/device_twin.h"

enum { DOCUMENTS = 8, TIMES = 4 };

/* dqkv of the inputs, [rows][qkv], as bf16 on the host. */
static char *gradients(struct device *d, struct attention_args args, size_t bytes)
{
    struct sft_error err = {""};
    char *host = malloc(bytes);
    assert_non_null(host);
    args.dqkv.data = d->allocate(d, bytes, &err);
    assert_non_null(args.dqkv.data);
    d->ops->attention_forward(d, &args);
    d->ops->attention_backward(d, &args);
    d->read(d, host, args.dqkv.data, bytes);
    if (d->sync(d, &err) < 0)
        fail_msg("%s", err.text);
    d->release(d, args.dqkv.data);
    return host;
}

static double relative(const char *a, const char *b, size_t count)
{
    double difference = 0, whole = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits[2] = {0, 0};
        float x[2];
        uint16_t half[2];
        memcpy(&half[0], a + 2 * i, 2);
        memcpy(&half[1], b + 2 * i, 2);
        for (int k = 0; k < 2; k++) {
            bits[k] = (uint32_t)half[k] << 16;
            memcpy(&x[k], &bits[k], sizeof x[k]);
        }
        difference += (double)(x[0] - x[1]) * (x[0] - x[1]);
        whole += (double)x[1] * x[1];
    }
    return whole > 0 ? difference / whole : 1;
}

static void repeat_attention(struct attention_shape shape, const struct documents *docs, int rows)
{
    struct device *gpu = device_of[GPU];
    int q = shape.heads * shape.head_dim, width = q + 2 * shape.kv_heads * shape.head_dim;
    size_t all = (size_t)rows * (size_t)width, bytes = all * 2;
    struct twin qkv = twin_random(all, 1), dout = twin_random((size_t)rows * (size_t)q, 1);
    struct twin out = twin_poisoned((size_t)rows * (size_t)q), dqkv = twin_poisoned(all);
    struct attention_args args = {
        .qkv = twin_matrix(&qkv, GPU, rows, width),
        .out = twin_matrix(&out, GPU, rows, q),
        .dqkv = twin_matrix(&dqkv, GPU, rows, width),
        .dout = twin_matrix(&dout, GPU, rows, q),
        .lse = copy_of(GPU, NULL, (size_t)rows * (size_t)shape.heads * sizeof(float)),
        .shape = shape,
        .docs = docs,
    };
    char *first = gradients(gpu, args, bytes);
    for (int i = 1; i < TIMES; i++) {
        char *again = gradients(gpu, args, bytes);
        assert_memory_equal(first, again, bytes);
        free(again);
    }
    struct sft_error err = {""};
    struct device *fast = device_create_cuda(0, &err);
    assert_non_null(fast);
    char *other = gradients(fast, args, bytes);
    double off = relative(first, other, all);
    print_message("%d rows, %d heads: %s, %.2g apart from the fast one\n", rows, shape.heads,
                  memcmp(first, other, bytes) == 0 ? "the same bits" : "other bits", off);
    assert_true(off < 1e-4); /* squares */
    fast->destroy(fast);
    free(first);
    free(other);
    memory_free(GPU, args.lse);
    twin_free(&qkv);
    twin_free(&dout);
    twin_free(&out);
    twin_free(&dqkv);
}

static void test_plain(void **state)
{
    (void)state;
    int32_t start[DOCUMENTS], length[DOCUMENTS];
    struct documents docs = {2, start, length, 2048};
    for (int i = 0; i < 2; i++) {
        start[i] = i * 2048;
        length[i] = 2048;
    }
    repeat_attention((struct attention_shape){8, 8, 128}, &docs, 4096);
    repeat_attention((struct attention_shape){8, 2, 64}, &docs, 4096);
}

static void test_packed(void **state)
{
    (void)state;
    int32_t start[DOCUMENTS], length[DOCUMENTS];
    struct documents docs = {DOCUMENTS, start, length, 0};
    int row = 0;
    for (int i = 0; i < DOCUMENTS; i++) {
        start[i] = row;
        length[i] = between(1, 1000);
        row += length[i] + between(0, 10);
        docs.longest = length[i] > docs.longest ? length[i] : docs.longest;
    }
    repeat_attention((struct attention_shape){8, 8, 128}, &docs, row);
    repeat_attention((struct attention_shape){4, 2, 32}, &docs, row);
}

static int start(void **state)
{
    int failed = twin_devices_start_bf16(state);
    if (failed == 0)
        device_of[GPU]->deterministic = true;
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_packed),
    };
    if (device_cuda_count(NULL) == 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests_name("deterministic", tests, start, twin_devices_stop);
}
