/* SPDX-License-Identifier: Apache-2.0 */
/* FP8 of the CPU device: largest magnitudes as their producers and the operation find them, scales,
 * both copies, what is hard to scale, and products against doubles of the very same numbers. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/tensor/fp8_scale.h"

static struct device *device;
static const struct ops *ops;
static const enum format formats[] = {FORMAT_E4M3, FORMAT_E5M2};

/* A tensor in FP8 with room for both copies. */
struct both {
    struct tensor t;
    float amax;
};

static struct both both_make(enum format format, enum tensor_scaling scaling, int rows, int columns)
{
    size_t count = (size_t)rows * (size_t)columns;
    struct both b = {.t = tensor_of(format, rows, columns, malloc(count))};
    b.t.scaling = scaling;
    b.t.transposed = malloc(count);
    b.t.scale = support_poison((size_t)rows);
    b.t.scale_transposed = support_poison((size_t)columns);
    assert_non_null(b.t.data);
    assert_non_null(b.t.transposed);
    return b;
}

static void both_free(struct both *b)
{
    free(b->t.data);
    free(b->t.transposed);
    free(b->t.scale);
    free(b->t.scale_transposed);
}

static void quantize(struct both *b, const float *x)
{
    struct tensor from = support_matrix(x, b->t.rows, b->t.columns);
    b->amax = 0;
    from.amax = &b->amax;
    ops->amax(device, &(struct amax_args){from});
    ops->quantize(device, &(struct quantize_args){b->t, from});
}

/* What element (row, i) means, by the one copy or the other. */
static double meant(const struct both *b, int row, int i, bool transposed)
{
    const uint8_t *bytes = transposed ? b->t.transposed : b->t.data;
    size_t at = transposed ? (size_t)i * (size_t)b->t.rows + (size_t)row
                           : (size_t)row * (size_t)b->t.columns + (size_t)i;
    const float *scale = b->t.scale;
    float value;
    format_decode(b->t.format, &value, bytes + at, 1);
    if (b->t.scaling == SCALING_ROW)
        scale = transposed ? b->t.scale_transposed + i : b->t.scale + row;
    return (double)value * (double)*scale;
}

/* Half a step of the format beside the value, or of its smallest numbers. */
static double error_of(enum format format, double value, double scale)
{
    double part = format == FORMAT_E4M3 ? 0x1p-4 : 0x1p-3;
    double least = format == FORMAT_E4M3 ? 0x1p-10 : 0x1p-17;
    return (fabs(value) * part + least * scale) * 1.0001;
}

static void check_meant(const struct both *b, const float *x)
{
    for (int row = 0; row < b->t.rows; row++)
        for (int i = 0; i < b->t.columns; i++)
            for (int transposed = 0; transposed < 2; transposed++) {
                bool rows = b->t.scaling == SCALING_ROW;
                double want = (double)x[(size_t)row * (size_t)b->t.columns + (size_t)i];
                double scale = (double)(!rows        ? b->t.scale[0]
                                        : transposed ? b->t.scale_transposed[i]
                                                     : b->t.scale[row]);
                double is = meant(b, row, i, transposed);
                if (!(fabs(is - want) <= error_of(b->t.format, want, scale)))
                    fail_msg("%s (%d,%d): %g, not %g", format_traits[b->t.format].name, row, i, is,
                             want);
            }
}

static void test_numbers_keep_their_size(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        int rows = support_between(1, 40), columns = support_between(1, 40);
        struct both b = both_make(formats[round % 2], round % 4 < 2 ? SCALING_TENSOR : SCALING_ROW,
                                  rows, columns);
        float *x = support_random((size_t)rows * (size_t)columns, pow(10, support_between(-8, 8)));
        quantize(&b, x);
        check_meant(&b, x);
        both_free(&b);
        free(x);
    }
}

/* The largest element becomes the format's own largest number: not E4M3's in E5M2. */
static void test_the_largest_is_the_largest(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        float x[] = {1, -3, 0.5f, 2}, largest;
        struct both b = both_make(formats[f], SCALING_TENSOR, 2, 2);
        quantize(&b, x);
        format_decode(formats[f], &largest, (const uint8_t *)b.t.data + 1, 1);
        assert_true(largest == -format_traits[formats[f]].largest);
        assert_true(b.t.scale[0] == fp8_scale(3, format_traits[formats[f]].largest));
        both_free(&b);
    }
}

static void test_zeros_and_denormals(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        float x[6] = {0};
        struct both b = both_make(formats[k % 2], k < 2 ? SCALING_TENSOR : SCALING_ROW, 2, 3);
        quantize(&b, x);
        for (int i = 0; i < 6; i++)
            assert_int_equal(((const uint8_t *)b.t.data)[i] | ((uint8_t *)b.t.transposed)[i], 0);
        assert_true(b.t.scale[0] > 0 && isfinite(fp8_factor(b.t.scale[0])));
        for (int i = 0; i < 6; i++)
            x[i] = 1e-45f * (float)(i + 1); /* denormal numbers of fp32 */
        quantize(&b, x);
        check_meant(&b, x);
        for (int i = 0; i < 6; i++)
            x[i] = 1e-30f * (float)(i + 1); /* tiny, but the floor is far below */
        quantize(&b, x);
        check_meant(&b, x);
        assert_true(meant(&b, 1, 2, false) > 5e-30);
        both_free(&b);
    }
}

/* By tensor everything beside an outlier is coarse, by row only its own row and column. */
static void test_outliers(void **state)
{
    enum { N = 32 };
    (void)state;
    for (int f = 0; f < 2; f++) {
        float *x = support_random(N * N, 1);
        struct both tensor = both_make(formats[f], SCALING_TENSOR, N, N),
                    row = both_make(formats[f], SCALING_ROW, N, N);
        x[5 * N + 7] = 1e4f;
        quantize(&tensor, x);
        quantize(&row, x);
        check_meant(&tensor, x);
        check_meant(&row, x);
        assert_true(row.t.scale[4] < 1e-3f * row.t.scale[5] * 448);
        assert_true(fabs(meant(&tensor, 5, 7, false) / 1e4 - 1) < 1e-6);
        both_free(&tensor);
        both_free(&row);
        free(x);
    }
}

static void matmul(struct both *a, struct both *b, float *c, int m, int n, bool ta, bool tb)
{
    ops->matmul(device, &(struct matmul_args){.c = support_matrix(c, m, n),
                                              .a = a->t,
                                              .b = b->t,
                                              .transpose_a = ta,
                                              .transpose_b = tb,
                                              .accumulate = true});
}

/* One NaN or infinity in an operand, and every product with its row is NaN: none is hidden. */
static void test_what_is_no_number_shows(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    enum { N = 8 };
    (void)state;
    for (int k = 0; k < 12; k++) {
        float *x = support_random(N * N, 1), *y = support_random(N * N, 1),
              *c = support_random(N * N, 1);
        struct both a = both_make(formats[k % 2], k % 4 < 2 ? SCALING_TENSOR : SCALING_ROW, N, N);
        struct both b = both_make(FORMAT_E4M3, a.t.scaling, N, N);
        x[3 * N + 2] = bad[k / 4];
        quantize(&a, x);
        quantize(&b, y);
        matmul(&a, &b, c, N, N, false, true);
        for (int i = 0; i < N; i++)
            assert_true(isnan(c[3 * N + i]));
        both_free(&a);
        both_free(&b);
        free(x);
        free(y);
        free(c);
    }
}

static void check_matmul(int m, int n, int k, int flags, enum tensor_scaling scaling)
{
    bool ta = flags & 1, tb = flags & 2;
    struct both a = both_make(formats[flags >> 2 & 1], scaling, ta ? k : m, ta ? m : k);
    struct both b = both_make(FORMAT_E4M3, scaling, tb ? n : k, tb ? k : n);
    float *x = support_random((size_t)m * (size_t)k, 1),
          *y = support_random((size_t)k * (size_t)n, 3);
    float *c = support_random((size_t)m * (size_t)n, 1),
          *before = malloc((size_t)m * (size_t)n * 4);
    memcpy(before, c, (size_t)m * (size_t)n * 4);
    quantize(&a, x);
    quantize(&b, y);
    matmul(&a, &b, c, m, n, ta, tb);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double want = (double)before[i * n + j], size = fabs(want);
            for (int l = 0; l < k; l++) {
                double term =
                    meant(&a, ta ? l : i, ta ? i : l, ta) * meant(&b, tb ? j : l, tb ? l : j, !tb);
                want += term;
                size += fabs(term);
            }
            if (!(fabs((double)c[i * n + j] - want) <= 1e-6 * size))
                fail_msg("(%d,%d) of %d %d %d is %g, not %g", i, j, m, n, k, (double)c[i * n + j],
                         want);
        }
    both_free(&a);
    both_free(&b);
    free(x);
    free(y);
    free(c);
    free(before);
}

static void test_matmul(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++)
        for (int flags = 0; flags < 8; flags++)
            check_matmul(support_between(1, 30), support_between(1, 30), support_between(1, 50),
                         flags, round % 2 ? SCALING_ROW : SCALING_TENSOR);
}

/* Bytes alone; and one scale's numbers back in fp32. */
static void test_transposed_and_back(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        int rows = support_between(1, 40), columns = support_between(1, 40);
        size_t count = (size_t)rows * (size_t)columns;
        float *x = support_random(count, 0.1), *back = support_poison(count);
        struct both b = both_make(FORMAT_E4M3, SCALING_TENSOR, rows, columns);
        uint8_t *whole = malloc(count);
        quantize(&b, x);
        memcpy(whole, b.t.transposed, count);
        memset(b.t.transposed, 0xff, count);
        ops->transpose(device, &(struct transpose_args){b.t});
        assert_memory_equal(b.t.transposed, whole, count);
        ops->dequantize(device,
                        &(struct dequantize_args){support_matrix(back, rows, columns), b.t});
        for (size_t i = 0; i < count; i++)
            assert_true((double)back[i] ==
                        (double)(float)meant(&b, (int)i / columns, (int)i % columns, false));
        both_free(&b);
        free(whole);
        free(back);
        free(x);
    }
}

static void test_amax_is_raised(void **state)
{
    float x[] = {0.5f, -2, 1}, amax = 1;
    struct tensor t = support_matrix(x, 1, 3);
    (void)state;
    t.amax = &amax;
    ops->amax(device, &(struct amax_args){t});
    assert_true(amax == 2);
    x[1] = 0;
    ops->amax(device, &(struct amax_args){t});
    assert_true(amax == 2);
    x[2] = INFINITY;
    ops->amax(device, &(struct amax_args){t});
    assert_true(isinf(amax));
    x[0] = NAN;
    ops->amax(device, &(struct amax_args){t});
    assert_true(isnan(amax));
}

/* Same as the operation finds in what they wrote. */
static void check_producer(struct tensor written, float amax)
{
    float again = 0;
    written.amax = &again;
    ops->amax(device, &(struct amax_args){written});
    assert_true(again > 0);
    assert_true(again == amax);
}

static void test_producers(void **state)
{
    enum { ROWS = 9, WIDTH = 24 };
    float *x = support_random(ROWS * WIDTH, 1), *y = support_random(ROWS * WIDTH, 1),
          *w = support_random(WIDTH, 1);
    float *out = support_poison(ROWS * WIDTH), *dw = support_random(WIDTH, 1), rstd[ROWS], amax = 0;
    int32_t positions[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct tensor t = support_matrix(out, ROWS, WIDTH);
    (void)state;
    t.amax = &amax;
    struct norm_args norm = {.out = t,
                             .x = support_matrix(x, ROWS, WIDTH),
                             .weight = support_matrix(w, 1, WIDTH),
                             .rstd = rstd,
                             .eps = 1e-5f};
    ops->norm_forward(device, &norm);
    check_producer(t, amax);
    amax = 0;
    norm.dout = support_matrix(y, ROWS, WIDTH);
    norm.dx = t;
    norm.dweight = support_matrix(dw, 1, WIDTH);
    ops->norm_backward(device, &norm);
    check_producer(t, amax);
    amax = 0;
    struct tensor half = support_matrix(out, ROWS, WIDTH / 2);
    half.amax = &amax;
    ops->activation_forward(device, &(struct activation_args){ACTIVATION_SWIGLU,
                                                              .in = support_matrix(x, ROWS, WIDTH),
                                                              .out = half});
    check_producer(half, amax);
    amax = 0;
    ops->activation_backward(
        device, &(struct activation_args){ACTIVATION_SWIGLU, .in = support_matrix(x, ROWS, WIDTH),
                                          .din = t, .dout = support_matrix(y, ROWS, WIDTH / 2)});
    check_producer(t, amax);
    amax = 0;
    ops->rope(device, &(struct rope_args){
                          .qkv = t, .positions = positions, .shape = {1, 1, 8}, .theta = 100});
    check_producer(t, amax);
    free(x);
    free(y);
    free(w);
    free(out);
    free(dw);
}

/* Magnitudes of some rows, with the last row in two pieces. */
static void lines_of(const struct both *b, const float *x, int first, int rows, int cut)
{
    int columns = b->t.columns;
    const float *at = x + (size_t)first * (size_t)columns;
    float *of_rows = b->t.scale + first, *of_columns = b->t.scale_transposed;
    ops->amax_lines(device, &(struct amax_lines_args){support_matrix(at, rows - 1, columns),
                                                      of_rows, of_columns});
    at += (size_t)(rows - 1) * (size_t)columns;
    of_rows += rows - 1;
    ops->amax_lines(device,
                    &(struct amax_lines_args){support_matrix(at, 1, cut), of_rows, of_columns});
    ops->amax_lines(device, &(struct amax_lines_args){support_matrix(at + cut, 1, columns - cut),
                                                      of_rows, of_columns + cut});
}

/* Whoever has which rows, or a part of one: scales and bytes are those of the whole. */
static void test_parts_are_as_the_whole(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int rows = support_between(4, 40), columns = support_between(2, 40);
        enum format format = formats[round % 2];
        struct both whole = both_make(format, SCALING_ROW, rows, columns),
                    parts = both_make(format, SCALING_ROW, rows, columns);
        float *x = support_random((size_t)rows * (size_t)columns, pow(10, support_between(-8, 8)));
        size_t count = tensor_count(whole.t);
        int half = support_between(2, rows - 2), cut = support_between(1, columns - 1);
        quantize(&whole, x);
        memset(parts.t.scale, 0, (size_t)rows * sizeof(float));
        memset(parts.t.scale_transposed, 0, (size_t)columns * sizeof(float));
        lines_of(&parts, x, half, rows - half, cut);
        lines_of(&parts, x, 0, half, cut);
        ops->scales(device, &(struct scales_args){parts.t.scale, (size_t)rows, format});
        ops->scales(device,
                    &(struct scales_args){parts.t.scale_transposed, (size_t)columns, format});
        assert_memory_equal(parts.t.scale, whole.t.scale, (size_t)rows * sizeof(float));
        assert_memory_equal(parts.t.scale_transposed, whole.t.scale_transposed,
                            (size_t)columns * sizeof(float));
        struct cast_args cast = {parts.t, support_matrix(x, rows, columns), false};
        ops->cast(device, &cast);
        assert_memory_equal(parts.t.data, whole.t.data, count);
        cast.by_column = true;
        ops->cast(device, &cast);
        ops->transpose(device, &(struct transpose_args){parts.t});
        assert_memory_equal(parts.t.transposed, whole.t.transposed, count);
        both_free(&whole);
        both_free(&parts);
        free(x);
    }
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
        cmocka_unit_test(test_numbers_keep_their_size),
        cmocka_unit_test(test_the_largest_is_the_largest),
        cmocka_unit_test(test_zeros_and_denormals),
        cmocka_unit_test(test_outliers),
        cmocka_unit_test(test_what_is_no_number_shows),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_transposed_and_back),
        cmocka_unit_test(test_amax_is_raised),
        cmocka_unit_test(test_producers),
        cmocka_unit_test(test_parts_are_as_the_whole),
    };
    return cmocka_run_group_tests_name("fp8_cpu", tests, make_device, NULL);
}
