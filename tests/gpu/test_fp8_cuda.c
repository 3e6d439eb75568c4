/* SPDX-License-Identifier: Apache-2.0 */
/* FP8 of the CUDA device against the CPU's: numbers and scales to the bit, products within bf16's
 * bound and the same again, and what producers say of the largest magnitude they wrote. On numbers
 * drawn anew each time (the seed is printed; SFT_SEED repeats one). Skipped where there is no GPU,
 * or one without FP8. */
#include "tests/gpu/device_twin.h"

#include <math.h>

#define EACH_SIDE(side) for (enum side side = CPU; side < SIDES; side++)

static const enum format formats[] = {FORMAT_E4M3, FORMAT_E5M2};

/* A tensor in FP8 on both sides, with room for both copies. */
struct fp8_twin {
    struct tensor side[SIDES];
    float *amax[SIDES];
};

static struct fp8_twin fp8_make(enum format format, enum tensor_scaling scaling, int rows,
                                int columns)
{
    struct fp8_twin t;
    size_t count = (size_t)rows * (size_t)columns;
    EACH_SIDE(side)
    {
        struct tensor *to = &t.side[side];
        *to = tensor_of(format, rows, columns, copy_of(side, NULL, count));
        to->scaling = scaling;
        to->transposed = copy_of(side, NULL, count);
        to->scale = copy_of(side, NULL, (size_t)rows * sizeof(float));
        to->scale_transposed = copy_of(side, NULL, (size_t)columns * sizeof(float));
        t.amax[side] = copy_of(side, NULL, sizeof(float));
    }
    return t;
}

static void fp8_free(struct fp8_twin *t)
{
    EACH_SIDE(side)
    {
        memory_free(side, t->side[side].data);
        memory_free(side, t->side[side].transposed);
        memory_free(side, t->side[side].scale);
        memory_free(side, t->side[side].scale_transposed);
        memory_free(side, t->amax[side]);
    }
}

static void fp8_quantize(struct fp8_twin *t, const struct twin *x)
{
    EACH_SIDE(side)
    {
        struct device *d = device_of[side];
        struct tensor from = twin_matrix(x, side, t->side[side].rows, t->side[side].columns);
        from.amax = t->amax[side];
        d->zero(d, from.amax, sizeof(float));
        d->ops->amax(d, &(struct amax_args){from});
        d->ops->quantize(d, &(struct quantize_args){t->side[side], from});
    }
}

static void same_bytes(const void *gpu, const void *cpu, size_t bytes, const char *what)
{
    uint8_t *got = malloc(bytes);
    assert_non_null(got);
    device_of[GPU]->read(device_of[GPU], got, gpu, bytes);
    assert_sync();
    for (size_t i = 0; i < bytes; i++)
        if (got[i] != ((const uint8_t *)cpu)[i])
            fail_msg("%s: byte %zu is %02x, not %02x", what, i, got[i], ((const uint8_t *)cpu)[i]);
    free(got);
}

static void one_tensor(enum format format, enum tensor_scaling scaling, int rows, int columns,
                       float deviation)
{
    char what[96];
    struct twin x = twin_random((size_t)rows * (size_t)columns, deviation);
    struct fp8_twin t = fp8_make(format, scaling, rows, columns);
    const struct tensor *gpu = &t.side[GPU], *cpu = &t.side[CPU];
    bool by_row = scaling == SCALING_ROW;
    fp8_quantize(&t, &x);
    snprintf(what, sizeof what, "%s [%d,%d] by %s", format_traits[format].name, rows, columns,
             by_row ? "row" : "tensor");
    same_bytes(gpu->scale, cpu->scale, (by_row ? (size_t)rows : 1) * sizeof(float), what);
    if (by_row)
        same_bytes(gpu->scale_transposed, cpu->scale_transposed, (size_t)columns * sizeof(float),
                   what);
    same_bytes(gpu->data, cpu->data, tensor_count(*cpu), what);
    same_bytes(gpu->transposed, cpu->transposed, tensor_count(*cpu), what);
    fp8_free(&t);
    twin_free(&x);
}

/* Tiles that are full and that are not. */
static void test_tensors(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        enum format format = formats[i % 2];
        enum tensor_scaling scaling = i < 2 ? SCALING_TENSOR : SCALING_ROW;
        one_tensor(format, scaling, 16, 16, 1);
        one_tensor(format, scaling, 256, 384, 1e-5f);
        one_tensor(format, scaling, 16 * between(1, 40), 16 * between(1, 40), 1);
        one_tensor(format, scaling, 16 * between(1, 40), 16 * between(1, 40), 1e4f);
        one_tensor(format, scaling, 128, 128, 0);
    }
}

/* One copy alone leaves the other's room as it is. */
static void test_one_copy(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        struct twin x = twin_random(160 * 96, 1);
        struct fp8_twin t = fp8_make(FORMAT_E4M3, SCALING_TENSOR, 160, 96), kept = t;
        EACH_SIDE(side)
        {
            if (transposed)
                t.side[side].data = NULL;
            else
                t.side[side].transposed = NULL;
        }
        fp8_quantize(&t, &x);
        if (transposed)
            same_bytes(t.side[GPU].transposed, t.side[CPU].transposed, 160 * 96, "transposed");
        else
            same_bytes(t.side[GPU].data, t.side[CPU].data, 160 * 96, "not transposed");
        fp8_free(&kept);
        twin_free(&x);
    }
}

/* What one scale's bytes mean, in bf16. */
static void back_compare(const struct fp8_twin *t)
{
    int rows = t->side[CPU].rows, columns = t->side[CPU].columns;
    size_t count = (size_t)rows * (size_t)columns;
    struct twin out = twin_poisoned(count);
    uint16_t *want = malloc(count * sizeof *want);
    assert_non_null(want);
    EACH_SIDE(side)
    device_of[side]->ops->dequantize(
        device_of[side],
        &(struct dequantize_args){twin_matrix(&out, side, rows, columns), t->side[side]});
    format_encode(FORMAT_BF16, want, out.side[CPU].data, count);
    same_bytes(out.side[GPU].data, want, count * sizeof *want, "back to bf16");
    free(want);
    twin_free(&out);
}

static void test_transposed_and_back(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        int rows = 16 * between(1, 40), columns = 16 * between(1, 40);
        size_t count = (size_t)rows * (size_t)columns;
        struct twin x = twin_random(count, 0.02f);
        struct fp8_twin t = fp8_make(FORMAT_E4M3, SCALING_TENSOR, rows, columns);
        fp8_quantize(&t, &x);
        EACH_SIDE(side)
        {
            device_of[side]->zero(device_of[side], t.side[side].transposed, count);
            device_of[side]->ops->transpose(device_of[side],
                                            &(struct transpose_args){t.side[side]});
        }
        same_bytes(t.side[GPU].transposed, t.side[CPU].transposed, count, "transposed alone");
        back_compare(&t);
        fp8_free(&t);
        twin_free(&x);
    }
}

/* By scales that are there, of any number of rows; and the bytes turned. */
static void one_cast(enum format format, enum tensor_scaling scaling, int rows, int columns)
{
    struct twin x = twin_random((size_t)rows * (size_t)columns, 1);
    struct fp8_twin t = fp8_make(format, scaling, rows, columns);
    const struct tensor *gpu = &t.side[GPU], *cpu = &t.side[CPU];
    size_t lines[] = {(size_t)rows, (size_t)columns};
    for (int by_column = 0; by_column < 2; by_column++) {
        EACH_SIDE(side)
        {
            struct device *d = device_of[side];
            struct tensor *to = &t.side[side], from = twin_matrix(&x, side, rows, columns);
            d->zero(d, to->scale, lines[0] * sizeof(float));
            d->zero(d, to->scale_transposed, lines[1] * sizeof(float));
            d->ops->amax_lines(d, &(struct amax_lines_args){from, to->scale, to->scale_transposed});
            d->ops->scales(d, &(struct scales_args){to->scale, lines[0], format});
            d->ops->scales(d, &(struct scales_args){to->scale_transposed, lines[1], format});
            d->ops->cast(d, &(struct cast_args){*to, from, by_column != 0});
            if (rows % 16 == 0)
                d->ops->transpose(d, &(struct transpose_args){*to});
        }
        same_bytes(gpu->scale, cpu->scale, lines[0] * sizeof(float), "scales of rows");
        same_bytes(gpu->scale_transposed, cpu->scale_transposed, lines[1] * sizeof(float),
                   "scales of columns");
        same_bytes(gpu->data, cpu->data, tensor_count(*cpu), "a cast");
        if (rows % 16 == 0)
            same_bytes(gpu->transposed, cpu->transposed, tensor_count(*cpu), "a transpose");
    }
    fp8_free(&t);
    twin_free(&x);
}

static void test_casts(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        enum tensor_scaling scaling = i < 2 ? SCALING_TENSOR : SCALING_ROW;
        one_cast(formats[i % 2], scaling, 1, 16 * between(1, 400));
        one_cast(formats[i % 2], scaling, between(1, 300), 16 * between(1, 40));
        one_cast(formats[i % 2], scaling, 16 * between(1, 40), 16 * between(1, 40));
    }
}

static void products_run(struct fp8_twin *a, struct fp8_twin *b, struct twin *c, int m, int n,
                         int flags)
{
    EACH_SIDE(side)
    device_of[side]->ops->matmul(device_of[side],
                                 &(struct matmul_args){.c = twin_matrix(c, side, m, n),
                                                       .a = a->side[side],
                                                       .b = b->side[side],
                                                       .transpose_a = flags & 1,
                                                       .transpose_b = flags & 2,
                                                       .accumulate = flags & 4,
                                                       .fast = flags & 8});
}

static void one_product(enum format format, enum tensor_scaling scaling, int m, int n, int k,
                        int flags)
{
    char what[96];
    bool ta = flags & 1, tb = flags & 2;
    size_t bytes = (size_t)m * (size_t)n * sizeof(uint16_t);
    struct twin x = twin_random((size_t)m * (size_t)k, 1),
                y = twin_random((size_t)n * (size_t)k, 1);
    struct twin c =
        flags & 4 ? twin_random((size_t)m * (size_t)n, 3) : twin_poisoned((size_t)m * (size_t)n);
    struct fp8_twin a = fp8_make(format, scaling, ta ? k : m, ta ? m : k);
    struct fp8_twin b = fp8_make(FORMAT_E4M3, scaling, tb ? n : k, tb ? k : n);
    uint8_t *first = malloc(bytes);
    assert_non_null(first);
    fp8_quantize(&a, &x);
    fp8_quantize(&b, &y);
    products_run(&a, &b, &c, m, n, flags);
    snprintf(what, sizeof what, "%s %d %d %d, kind %d, by %s", format_traits[format].name, m, n, k,
             flags, scaling == SCALING_ROW ? "row" : "tensor");
    assert_twin(&c, what);
    products_run(&a, &b, &c, m, n, flags & ~4);
    device_of[GPU]->read(device_of[GPU], first, c.side[GPU].data, bytes);
    products_run(&a, &b, &c, m, n, flags & ~4);
    same_bytes(c.side[GPU].data, first, bytes, what);
    free(first);
    fp8_free(&a);
    fp8_free(&b);
    twin_free(&c);
    twin_free(&x);
    twin_free(&y);
}

static void test_products(void **state)
{
    int claimed = 0;
    (void)state;
    for (enum tensor_scaling scaling = SCALING_TENSOR; scaling <= SCALING_ROW; scaling++) {
        if ((device_of[GPU]->scalings & 1u << scaling) == 0) {
            print_message("no products by %s\n", scaling == SCALING_ROW ? "row" : "tensor");
            continue;
        }
        claimed++;
        for (int flags = 0; flags < 16; flags++) {
            bool e5m2 = scaling == SCALING_TENSOR && flags % 4 != 2; /* of gradients */
            one_product(e5m2 ? FORMAT_E5M2 : FORMAT_E4M3, scaling, 256, 384, 512, flags);
            one_product(FORMAT_E4M3, scaling, 16 * between(1, 20), 16 * between(1, 20),
                        16 * between(1, 20), flags);
        }
    }
    if (claimed == 0)
        skip();
}

/* The producer's own word of what it wrote is that of the operation which looks at it. */
static void check_producer(struct tensor t, const char *what)
{
    struct device *gpu = device_of[GPU];
    float said, seen;
    gpu->read(gpu, &said, t.amax, sizeof said);
    gpu->zero(gpu, t.amax, sizeof said);
    gpu->ops->amax(gpu, &(struct amax_args){t});
    gpu->read(gpu, &seen, t.amax, sizeof seen);
    assert_sync();
    gpu->zero(gpu, t.amax, sizeof said);
    if (!(said == seen) || !(said > 0))
        fail_msg("%s said %g of a tensor with %g", what, (double)said, (double)seen);
}

struct producer_scene {
    struct twin x, y, out, weight, dweight;
    float *amax, *rstd;
    int rows, width;
};

static struct tensor scene_matrix(const struct producer_scene *s, const struct twin *t, int columns)
{
    struct tensor m = twin_matrix(t, GPU, s->rows, columns);
    m.amax = s->amax;
    return m;
}

static void norms_say(const struct producer_scene *s)
{
    struct device *gpu = device_of[GPU];
    struct norm_args norm = {.out = scene_matrix(s, &s->out, s->width),
                             .x = twin_matrix(&s->x, GPU, s->rows, s->width),
                             .weight = twin_matrix(&s->weight, GPU, 1, s->width),
                             .rstd = s->rstd,
                             .eps = 1e-5f};
    gpu->ops->norm_forward(gpu, &norm);
    check_producer(norm.out, "a norm");
    norm.dout = twin_matrix(&s->y, GPU, s->rows, s->width);
    norm.dx = norm.out;
    norm.dweight = twin_matrix(&s->dweight, GPU, 1, s->width);
    gpu->ops->norm_backward(gpu, &norm);
    check_producer(norm.dx, "a norm's gradient");
}

static void activations_say(const struct producer_scene *s, enum activation kind)
{
    struct device *gpu = device_of[GPU];
    int narrow = kind == ACTIVATION_SWIGLU ? s->width / 2 : s->width;
    struct activation_args args = {.kind = kind,
                                   .in = twin_matrix(&s->x, GPU, s->rows, s->width),
                                   .out = scene_matrix(s, &s->out, narrow),
                                   .din = scene_matrix(s, &s->out, s->width),
                                   .dout = twin_matrix(&s->y, GPU, s->rows, narrow)};
    gpu->ops->activation_forward(gpu, &args);
    check_producer(args.out, "an activation");
    gpu->ops->activation_backward(gpu, &args);
    check_producer(args.din, "an activation's gradient");
}

static void rope_says(const struct producer_scene *s)
{
    struct device *gpu = device_of[GPU];
    int32_t *positions = calloc((size_t)s->rows, sizeof *positions);
    for (int i = 0; i < s->rows; i++)
        positions[i] = i;
    void *there = copy_of(GPU, positions, (size_t)s->rows * sizeof *positions);
    struct rope_args args = {.qkv = scene_matrix(s, &s->x, s->width),
                             .positions = there,
                             .shape = {s->width / 32 - 2, 1, 32},
                             .theta = 10000,
                             .inverse = true};
    gpu->ops->rope(gpu, &args);
    check_producer(args.qkv, "the rotary embedding");
    memory_free(GPU, there);
    free(positions);
}

static void test_producers(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct producer_scene s = {.rows = between(1, 300), .width = 32 * between(3, 40)};
        size_t count = (size_t)s.rows * (size_t)s.width;
        s.x = twin_random(count, 1);
        s.y = twin_random(count, 1);
        s.out = twin_random(count, 1);
        s.weight = twin_random((size_t)s.width, 1);
        s.dweight = twin_random((size_t)s.width, 1);
        s.rstd = copy_of(GPU, NULL, (size_t)s.rows * sizeof(float));
        s.amax = copy_of(GPU, NULL, sizeof(float));
        device_of[GPU]->zero(device_of[GPU], s.amax, sizeof(float));
        norms_say(&s);
        activations_say(&s, ACTIVATION_SWIGLU);
        activations_say(&s, ACTIVATION_GELU);
        rope_says(&s);
        memory_free(GPU, s.rstd);
        memory_free(GPU, s.amax);
        twin_free(&s.x);
        twin_free(&s.y);
        twin_free(&s.out);
        twin_free(&s.weight);
        twin_free(&s.dweight);
    }
}

/* NaN is larger than all, and a tensor with one has no numbers left. */
static void test_what_is_no_number(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct device *gpu = device_of[GPU];
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct twin x = twin_random(64 * 64, 1);
        struct fp8_twin t = fp8_make(FORMAT_E4M3, SCALING_TENSOR, 64, 64);
        float scale;
        device_write_floats(gpu, array_part(x.side[GPU], 777, 1), &bad[i]);
        fp8_quantize(&t, &x);
        gpu->read(gpu, &scale, t.side[GPU].scale, sizeof scale);
        assert_sync();
        assert_false(isfinite(scale));
        fp8_free(&t);
        twin_free(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_one_copy),
        cmocka_unit_test(test_transposed_and_back),
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_producers),
        cmocka_unit_test(test_what_is_no_number),
    };
    if (device_cuda_count(NULL) == 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests_name("FP8 of the CUDA device", tests, twin_devices_start_bf16,
                                       twin_devices_stop);
}
