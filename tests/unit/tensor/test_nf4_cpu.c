/* SPDX-License-Identifier: Apache-2.0 */
/* NF4 of the CPU device: bytes, absmax in 8 bits and what all of it means, equal to bitsandbytes'
 * bit for bit (tests/golden/make_nf4_golden.py says where its own devices differ); pieces; FP8. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/tensor/fp8_scale.h"
#include "tests/unit/tensor/nf4_patterns.h"

#include "tests/golden/nf4.inc"

static struct device *device;
static const struct ops *ops;

/* A matrix in NF4 and the fp32 absmax that its double quantization is made of. */
struct nf4 {
    struct tensor t;
    float *absmax;
};

static void *room(size_t bytes)
{
    void *memory = malloc(bytes + 1);
    assert_non_null(memory);
    memset(memory, 0xa5, bytes + 1);
    return memory;
}

static struct nf4 nf4_make(const float *x, int rows, int columns)
{
    struct nf4 n = {.t = tensor_of(FORMAT_NF4, rows, columns, NULL)};
    size_t count = tensor_count(n.t), blocks = nf4_blocks(count);
    n.t.data = room(format_bytes(FORMAT_NF4, count));
    n.t.scale = n.absmax = room(blocks * sizeof(float));
    ops->quantize_nf4(device, &(struct quantize_nf4_args){n.t, support_matrix(x, rows, columns)});
    n.t.scale_codes = room(blocks);
    n.t.scale = room(nf4_groups(blocks) * sizeof(float));
    n.t.scale_mean = room(sizeof(float));
    ops->double_quantize(device, &(struct double_quantize_args){n.t, n.absmax});
    return n;
}

static void nf4_free(struct nf4 *n)
{
    free(n->t.data);
    free(n->t.scale);
    free(n->t.scale_codes);
    free(n->t.scale_mean);
    free(n->absmax);
}

static uint64_t fnv(const void *data, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return hash;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_map(void **state)
{
    (void)state;
    for (int i = 0; i < NF4_SCALES; i++)
        if (bits_of(nf4_map(i)) != golden_map[i])
            fail_msg("number %d of the map is %a, not %a", i, (double)nf4_map(i),
                     (double)float_of(golden_map[i]));
}

static void check_meaning(const struct nf4 *n, const struct golden_nf4 *g)
{
    float *wide = support_poison(g->count);
    uint16_t *narrow = room(g->count * 2);
    ops->dequantize(device,
                    &(struct dequantize_args){support_matrix(wide, 1, (int)g->count), n->t});
    format_encode(FORMAT_BF16, narrow, wide, g->count);
    assert_true(fnv(wide, g->count * sizeof *wide) == g->fp32);
    assert_true(fnv(narrow, g->count * 2) == g->bf16);
    free(wide);
    free(narrow);
}

static void check_golden(const struct golden_nf4 *g)
{
    size_t blocks = nf4_blocks(g->count);
    float *x = room(g->count * sizeof *x);
    for (size_t i = 0; i < g->count; i++)
        x[i] = nf4_pattern_at(g->pattern, float_of(g->scale), i);
    struct nf4 n = nf4_make(x, 1, (int)g->count);
    print_message("%s\n", g->name);
    assert_true(fnv(n.t.data, (g->count + 1) / 2) == g->codes);
    assert_true(fnv(n.absmax, blocks * sizeof(float)) == g->absmax);
    assert_int_equal(bits_of(*n.t.scale_mean), g->mean);
    assert_true(fabs((double)*n.t.scale_mean / (double)float_of(g->torch_mean) - 1) < 1e-6 ||
                g->mean == g->torch_mean);
    for (size_t i = 0; i < blocks; i++)
        if (n.t.scale_codes[i] != g->scale_codes[i])
            fail_msg("absmax %zu is %d in 8 bits, not %d", i, n.t.scale_codes[i],
                     g->scale_codes[i]);
    for (size_t i = 0; i < nf4_groups(blocks); i++)
        assert_int_equal(bits_of(n.t.scale[i]), g->scales[i]);
    check_meaning(&n, g);
    nf4_free(&n);
    free(x);
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden_nf4 / sizeof golden_nf4[0]; i++)
        check_golden(&golden_nf4[i]);
}

/* No element is further away than half of the widest step, and without double quantization the
 * largest one of each block is itself. */
static void test_plain_absmax(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int count = support_between(1, 700);
        float *x = support_random((size_t)count, pow(10, support_between(-8, 8)));
        float *back = support_poison((size_t)count);
        struct nf4 n = nf4_make(x, 1, count);
        struct tensor plain = n.t;
        plain.scale_codes = NULL;
        plain.scale = n.absmax;
        ops->dequantize(device, &(struct dequantize_args){support_matrix(back, 1, count), plain});
        for (int i = 0; i < count; i++) {
            float absmax = n.absmax[i / NF4_BLOCK];
            assert_true(fabsf(back[i] - x[i]) <= 0.16f * absmax);
            if (fabsf(x[i]) == absmax)
                assert_true(back[i] == x[i]);
        }
        nf4_free(&n);
        free(x);
        free(back);
    }
}

/* NaN and infinity spread over what shares their scale: none is hidden. */
static void test_what_is_no_number_shows(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (int i = 0; i < 3; i++) {
        float *x = support_random(256, 1), *back = support_poison(256);
        x[77] = bad[i];
        struct nf4 n = nf4_make(x, 2, 128);
        memset(back, 0, 256 * sizeof *back);
        ops->dequantize(device, &(struct dequantize_args){support_matrix(back, 2, 128), n.t});
        assert_false(isfinite(back[77]));
        nf4_free(&n);
        free(x);
        free(back);
    }
}

/* Rows a piece, double quantization of all after: the same as at once. */
static void test_pieces(void **state)
{
    enum { ROWS = 24, COLUMNS = 192 };
    float *x = support_random(ROWS * COLUMNS, 1);
    struct nf4 whole = nf4_make(x, ROWS, COLUMNS), pieces = nf4_make(x, ROWS, COLUMNS);
    size_t blocks = nf4_blocks(ROWS * COLUMNS);
    (void)state;
    memset(pieces.t.data, 0, ROWS * COLUMNS / 2);
    memset(pieces.absmax, 0, blocks * sizeof(float));
    memset(pieces.t.scale_codes, 0, blocks);
    for (int row = 0; row < ROWS; row += 8) {
        struct tensor to = tensor_rows(pieces.t, row, 8);
        to.scale = pieces.absmax + row * COLUMNS / NF4_BLOCK;
        ops->quantize_nf4(device, &(struct quantize_nf4_args){
                                      to, support_matrix(x + (size_t)row * COLUMNS, 8, COLUMNS)});
    }
    ops->double_quantize(device, &(struct double_quantize_args){pieces.t, pieces.absmax});
    assert_memory_equal(pieces.t.data, whole.t.data, ROWS * COLUMNS / 2);
    assert_memory_equal(pieces.t.scale_codes, whole.t.scale_codes, blocks);
    assert_memory_equal(pieces.t.scale_mean, whole.t.scale_mean, sizeof(float));
    nf4_free(&whole);
    nf4_free(&pieces);
    free(x);
}

/* Straight to FP8 is what quantizing the fp32 numbers makes, by the same scales. */
static void check_fp8(enum format format, enum tensor_scaling scaling, int rows, int columns)
{
    size_t count = (size_t)rows * (size_t)columns;
    float *x = support_random(count, 0.02), *wide = support_poison(count), amax = 0;
    struct nf4 n = nf4_make(x, rows, columns);
    struct tensor from = support_matrix(wide, rows, columns);
    struct tensor want = {.format = format,
                          .rows = rows,
                          .columns = columns,
                          .scaling = scaling,
                          .data = room(count),
                          .transposed = room(count),
                          .scale = support_poison((size_t)rows),
                          .scale_transposed = support_poison((size_t)columns)};
    struct tensor got = want;
    ops->dequantize(device, &(struct dequantize_args){from, n.t});
    from.amax = &amax;
    ops->amax(device, &(struct amax_args){from});
    ops->quantize(device, &(struct quantize_args){want, from});
    got.data = room(count);
    got.transposed = NULL;
    ops->dequantize(device, &(struct dequantize_args){got, n.t});
    assert_memory_equal(got.data, want.data, count);
    free(got.data);
    got.data = NULL;
    got.transposed = room(count);
    ops->dequantize(device, &(struct dequantize_args){got, n.t});
    assert_memory_equal(got.transposed, want.transposed, count);
    free(got.transposed);
    free(want.data);
    free(want.transposed);
    free(want.scale);
    free(want.scale_transposed);
    nf4_free(&n);
    free(x);
    free(wide);
}

static void test_fp8(void **state)
{
    (void)state;
    for (int round = 0; round < 16; round++)
        check_fp8(round % 2 ? FORMAT_E5M2 : FORMAT_E4M3,
                  round % 4 < 2 ? SCALING_TENSOR : SCALING_ROW, support_between(1, 40),
                  support_between(1, 90));
}

static int make_device(void **state)
{
    (void)state;
    support_seed();
    device = support_device();
    ops = device->ops;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),          cmocka_unit_test(test_golden),
        cmocka_unit_test(test_plain_absmax), cmocka_unit_test(test_what_is_no_number_shows),
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_fp8),
    };
    return cmocka_run_group_tests_name("nf4_cpu", tests, make_device, NULL);
}
