/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of every kind that the CUDA device claims (bf16 in, bf16 or fp32 out, adding or
 * not, transposed or not, with gaps between rows) against sums in double, on numbers drawn anew
 * each time; and that what is made for a kind of product is made once. Skipped where there is no
 * GPU. */
#include "tests/gpu/device_twin.h"

#include <math.h>

#include "job/tensor/cuda/matmul_cublaslt.h"

static const float gap = 7; /* what lies between C's rows, and stays there */

static struct device_cuda *cuda(void)
{
    return device_of[GPU]->state;
}

static struct matmul *matmul(void)
{
    return cuda()->matmul;
}

/* C as it lies, in its type on the GPU and in floats here. */
struct result {
    const struct matmul_key *key;
    size_t count;
    float *want;
    void *on_gpu;
};

static struct array result_array(const struct result *r)
{
    enum format format = r->key->type_c == CUDA_R_32F ? FORMAT_FP32 : FORMAT_BF16;
    return (struct array){format, r->on_gpu, r->count};
}

static struct result result_create(const struct matmul_key *key)
{
    struct result r = {key, (size_t)key->m * (size_t)key->stride_c, NULL, NULL};
    r.want = calloc(r.count, sizeof *r.want);
    assert_non_null(r.want);
    for (size_t i = 0; i < r.count; i++)
        r.want[i] = (int)(i % (size_t)key->stride_c) >= key->n ? gap
                    : key->accumulate                          ? (float)between(-9, 9)
                                                               : NAN;
    r.on_gpu = copy_of(GPU, NULL, r.count * sizeof(float));
    device_write_floats(device_of[GPU], result_array(&r), r.want);
    return r;
}

static void result_expect(struct result *r, const float *a, const float *b, const float *bias)
{
    const struct matmul_key *key = r->key;
    for (int i = 0; i < key->m; i++)
        for (int j = 0; j < key->n; j++) {
            float *c = &r->want[(size_t)i * (size_t)key->stride_c + (size_t)j];
            double sum = (key->accumulate ? *c : 0) + (bias != NULL ? bias[j] : 0);
            for (int l = 0; l < key->k; l++)
                sum += (double)a[key->transpose_a ? l * key->stride_a + i : i * key->stride_a + l] *
                       b[key->transpose_b ? j * key->stride_b + l : l * key->stride_b + j];
            *c = (float)sum;
        }
}

static void result_check(struct result *r, const char *what)
{
    struct twin twin = {{{FORMAT_FP32, r->want, r->count}, result_array(r)}};
    float *got = calloc(r->count, sizeof *got);
    assert_non_null(got);
    assert_twin(&twin, what);
    device_read_floats(device_of[GPU], got, result_array(r));
    assert_sync();
    for (size_t i = 0; i < r->count; i++)
        if ((int)(i % (size_t)r->key->stride_c) >= r->key->n && got[i] != gap)
            fail_msg("%s: wrote between the rows of C", what);
    free(got);
}

static void result_destroy(struct result *r)
{
    free(r->want);
    memory_free(GPU, r->on_gpu);
}

/* A bias of C's type, for a key whose epilogue adds one; else nothing. */
static struct twin bias_of(const struct matmul_key *key)
{
    struct twin narrow = {0}, wide;
    if (key->epilogue != CUBLASLT_EPILOGUE_BIAS)
        return narrow;
    narrow = twin_random((size_t)key->n, 3);
    if (key->type_c != CUDA_R_32F)
        return narrow;
    wide = twin_floats(narrow.side[CPU].data, (size_t)key->n);
    twin_free(&narrow);
    return wide;
}

/* Twice: the second call has all that it needs. False: the library has no such epilogue. */
static bool one_product(struct matmul_key key)
{
    char what[160];
    bool done = true;
    twin_format = FORMAT_BF16;
    struct twin bias = bias_of(&key);
    struct twin a =
        twin_random((size_t)(key.transpose_a ? key.k : key.m) * (size_t)key.stride_a, 1);
    struct twin b =
        twin_random((size_t)(key.transpose_b ? key.n : key.k) * (size_t)key.stride_b, 1);
    struct result c = result_create(&key);
    size_t made = 0;
    snprintf(what, sizeof what, "product %d %d %d, rows %d %d %d apart%s%s%s%s, epilogue %d", key.m,
             key.n, key.k, key.stride_a, key.stride_b, key.stride_c, key.transpose_a ? " A^T" : "",
             key.transpose_b ? " B^T" : "", key.accumulate ? " +=" : "",
             key.type_c == CUDA_R_32F ? " fp32" : "", key.epilogue);
    for (int time = 0; time < 2 && done; time++) {
        struct matmul_operands operands = {.c = c.on_gpu,
                                           .a = a.side[GPU].data,
                                           .b = b.side[GPU].data,
                                           .bias = bias.side[GPU].data};
        done = matmul_enqueue(cuda(), &key, operands);
        if (done)
            result_expect(&c, a.side[CPU].data, b.side[CPU].data, bias.side[CPU].data);
        assert_sync();
        if (done)
            result_check(&c, what);
        else if (time > 0)
            fail_msg("%s: was done, and then refused", what);
        if (time > 0 && matmul()->made != made)
            fail_msg("%s: described again", what);
        made = matmul()->made;
    }
    result_destroy(&c);
    twin_free(&a);
    twin_free(&b);
    if (bias.side[GPU].data != NULL)
        twin_free(&bias);
    return done;
}

static struct matmul_key kind_of(int m, int n, int k, int kind)
{
    struct matmul_key key = matmul_key_bf16(m, n, k, kind & 1, kind & 2, kind & 4);
    key.type_c = kind & 8 ? CUDA_R_32F : CUDA_R_16BF;
    return key;
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind < 16; kind++) {
        one_product(kind_of(128, 256, 192, kind));
        one_product(kind_of(8 * between(1, 20), 8 * between(1, 20), 8 * between(1, 20), kind));
        one_product(kind_of(between(1, 70), between(1, 90), between(1, 110), kind));
        one_product(kind_of(1, between(1, 9), between(1, 300), kind));
    }
}

/* What models ask for is not refused; an epilogue that is, is so in silence. */
static void test_biases(void **state)
{
    (void)state;
    for (int kind = 0; kind < 16; kind++)
        for (int shape = 0; shape < 3; shape++) {
            struct matmul_key key = kind_of(between(1, 70), between(1, 90), between(1, 110), kind);
            if (shape < 2)
                key = kind_of(8 * between(1, 60), 8 * between(1, 60), 8 * between(1, 60), kind);
            key.epilogue = CUBLASLT_EPILOGUE_BIAS;
            if (!one_product(key) && shape < 2 && key.type_c == CUDA_R_16BF)
                fail_msg("a bias was refused by %d %d %d, kind %d", key.m, key.n, key.k, kind);
        }
}

/* A linear layer's: the table's product takes its bias along. */
static void test_bias_goes_along(void **state)
{
    (void)state;
    enum { ROWS = 64, TO = 96, FROM = 128 };
    struct matmul_key key = matmul_key_bf16(ROWS, TO, FROM, false, true, false);
    void *memory = copy_of(GPU, NULL, 1 << 20);
    struct matmul_args args = {.c = tensor_of(FORMAT_BF16, ROWS, TO, memory),
                               .a = tensor_of(FORMAT_BF16, ROWS, FROM, (char *)memory + (1 << 18)),
                               .b = tensor_of(FORMAT_BF16, TO, FROM, (char *)memory + (2 << 18)),
                               .bias = tensor_of(FORMAT_BF16, 1, TO, (char *)memory + (3 << 18)),
                               .transpose_b = true};
    device_of[GPU]->zero(device_of[GPU], memory, 1 << 20);
    assert_true(matmul_run(cuda(), &args));
    args.bias.data = (char *)args.bias.data + 2;
    assert_false(matmul_run(cuda(), &args)); /* not aligned */
    assert_sync();
    key.alignment = 256;
    assert_non_null(matmul_table_find(&matmul()->products, &key));
    key.epilogue = CUBLASLT_EPILOGUE_BIAS;
    assert_non_null(matmul_table_find(&matmul()->products, &key));
    memory_free(GPU, memory);
}

static void test_gaps_between_rows(void **state)
{
    (void)state;
    for (int kind = 0; kind < 16; kind++) {
        struct matmul_key key = kind_of(8 * between(1, 9), 8 * between(1, 9), 64, kind);
        for (int operand = 0; operand < 4; operand++) { /* one after the other, and all */
            struct matmul_key wider = key;
            wider.stride_a += operand == 0 || operand == 3 ? 8 * between(1, 4) : 0;
            wider.stride_b += operand == 1 || operand == 3 ? 8 * between(1, 4) : 0;
            wider.stride_c += operand == 2 || operand == 3 ? 8 * between(1, 4) : 0;
            one_product(wider);
        }
    }
}

/* Kinds of product in turn, as a model asks for them: made once each, whatever the addresses. */
static void test_made_once_a_kind(void **state)
{
    (void)state;
    enum { SIZE = 72, KINDS = 16, ROUNDS = 50, PLACES = 3 };
    char *memory[PLACES];
    size_t bytes = SIZE * SIZE * sizeof(float), before = matmul()->made;
    for (int i = 0; i < PLACES; i++) {
        memory[i] = copy_of(GPU, NULL, 3 * bytes + 256);
        device_of[GPU]->zero(device_of[GPU], memory[i], 3 * bytes + 256);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int kind = 0; kind < KINDS; kind++) {
            struct matmul_key key = kind_of(SIZE, SIZE, SIZE, kind);
            char *at = memory[round % PLACES];
            matmul_enqueue(cuda(), &key,
                           (struct matmul_operands){.c = at, .a = at + bytes, .b = at + 2 * bytes});
        }
    assert_sync();
    assert_int_equal(matmul()->made, before + KINDS);
    assert_true(matmul()->products.count >= KINDS);
    /* less is promised of an address inside a row: another kind */
    struct matmul_key key = kind_of(SIZE, SIZE, SIZE, 0);
    for (int time = 0; time < 2; time++)
        matmul_enqueue(cuda(), &key,
                       (struct matmul_operands){
                           .c = memory[0] + 2, .a = memory[1] + bytes, .b = memory[2] + 2 * bytes});
    assert_sync();
    assert_int_equal(matmul()->made, before + KINDS + 1);
    for (int i = 0; i < PLACES; i++)
        memory_free(GPU, memory[i]);
}

/* Types that do not go together are one failure, told at the next sync, and nothing is kept. */
static void test_what_is_not_claimed_is_refused(void **state)
{
    (void)state;
    struct sft_error err = {""};
    void *memory = copy_of(GPU, NULL, 1 << 20);
    struct matmul_key key = kind_of(64, 64, 64, 0);
    size_t kept = matmul()->products.count;
    key.type_c = CUDA_R_8I;
    matmul_enqueue(cuda(), &key, (struct matmul_operands){.c = memory, .a = memory, .b = memory});
    assert_int_equal(device_of[GPU]->sync(device_of[GPU], &err), -1);
    assert_contains(err.text, "matrix product");
    assert_null(strchr(err.text, '\n'));
    assert_int_equal(matmul()->products.count, kept);
    memory_free(GPU, memory);
    one_product(kind_of(64, 64, 64, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_biases),
        cmocka_unit_test(test_bias_goes_along),
        cmocka_unit_test(test_gaps_between_rows),
        cmocka_unit_test(test_made_once_a_kind),
        cmocka_unit_test(test_what_is_not_claimed_is_refused),
    };
    if (device_cuda_count(NULL) <= 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests(tests, twin_devices_start, twin_devices_stop);
}
