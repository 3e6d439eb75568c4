/* SPDX-License-Identifier: Apache-2.0 */
/* NF4 of the CUDA device against the CPU's, to the bit: to it, its double quantization, back to
 * bf16 and to E4M3. On numbers drawn anew each time (the seed is printed; SFT_SEED repeats one).
 * Skipped where there is no GPU. */
#include "tests/gpu/device_twin.h"

#include <math.h>

#include "job/tensor/nf4.h"

#define EACH_SIDE(side) for (enum side side = CPU; side < SIDES; side++)

struct nf4_twin {
    struct tensor side[SIDES];
    float *absmax[SIDES];
};

static struct nf4_twin nf4_make(int rows, int columns)
{
    struct nf4_twin t;
    EACH_SIDE(side)
    {
        struct tensor *to = &t.side[side];
        *to = tensor_of(FORMAT_NF4, rows, columns, NULL);
        size_t count = tensor_count(*to), blocks = nf4_blocks(count);
        to->data = copy_of(side, NULL, format_bytes(FORMAT_NF4, count));
        to->scale = copy_of(side, NULL, nf4_groups(blocks) * sizeof(float));
        to->scale_codes = copy_of(side, NULL, blocks);
        to->scale_mean = copy_of(side, NULL, sizeof(float));
        t.absmax[side] = copy_of(side, NULL, blocks * sizeof(float));
    }
    return t;
}

static void nf4_free(struct nf4_twin *t)
{
    EACH_SIDE(side)
    {
        memory_free(side, t->side[side].data);
        memory_free(side, t->side[side].scale);
        memory_free(side, t->side[side].scale_codes);
        memory_free(side, t->side[side].scale_mean);
        memory_free(side, t->absmax[side]);
    }
}

static struct tensor plain_of(const struct nf4_twin *t, enum side side)
{
    struct tensor plain = t->side[side];
    plain.scale = t->absmax[side];
    plain.scale_codes = NULL;
    return plain;
}

static void nf4_quantize(struct nf4_twin *t, const struct twin *x)
{
    EACH_SIDE(side)
    {
        struct device *d = device_of[side];
        int rows = t->side[side].rows, columns = t->side[side].columns;
        d->ops->quantize_nf4(
            d, &(struct quantize_nf4_args){plain_of(t, side), twin_matrix(x, side, rows, columns)});
        d->ops->double_quantize(d, &(struct double_quantize_args){t->side[side], t->absmax[side]});
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

/* The CPU's fp32 numbers rounded once. */
static void same_numbers(const struct tensor *gpu, const struct tensor *cpu, const char *what)
{
    size_t count = tensor_count(*cpu);
    struct twin out = twin_poisoned(count);
    uint16_t *want = malloc(count * sizeof *want);
    assert_non_null(want);
    EACH_SIDE(side)
    device_of[side]->ops->dequantize(
        device_of[side], &(struct dequantize_args){twin_matrix(&out, side, cpu->rows, cpu->columns),
                                                   side == GPU ? *gpu : *cpu});
    format_encode(FORMAT_BF16, want, out.side[CPU].data, count);
    same_bytes(out.side[GPU].data, want, count * sizeof *want, what);
    free(want);
    twin_free(&out);
}

static void check_all(const struct twin *x, int rows, int columns)
{
    char what[64];
    struct nf4_twin t = nf4_make(rows, columns);
    const struct tensor *gpu = &t.side[GPU], *cpu = &t.side[CPU];
    size_t count = tensor_count(*cpu), blocks = nf4_blocks(count);
    struct tensor plain[SIDES] = {plain_of(&t, CPU), plain_of(&t, GPU)};
    nf4_quantize(&t, x);
    snprintf(what, sizeof what, "[%d,%d]", rows, columns);
    same_bytes(gpu->data, cpu->data, format_bytes(FORMAT_NF4, count), what);
    same_bytes(t.absmax[GPU], t.absmax[CPU], blocks * sizeof(float), what);
    same_bytes(gpu->scale_mean, cpu->scale_mean, sizeof(float), "the mean");
    same_bytes(gpu->scale_codes, cpu->scale_codes, blocks, "absmax in 8 bits");
    same_bytes(gpu->scale, cpu->scale, nf4_groups(blocks) * sizeof(float), "their scales");
    same_numbers(gpu, cpu, what);
    same_numbers(&plain[GPU], &plain[CPU], "without double quantization");
    nf4_free(&t);
}

static void check_random(int rows, int columns, float deviation)
{
    struct twin x = twin_random((size_t)rows * (size_t)columns, deviation);
    check_all(&x, rows, columns);
    twin_free(&x);
}

static void test_matrices(void **state)
{
    (void)state;
    check_random(1, 1, 1);
    check_random(1, 63, 1);
    check_random(3, 41, 1e-3f);
    check_random(128, 256, 0.02f);
    check_random(between(1, 90), between(1, 900), 0.02f);
    check_random(between(1, 90), 8 * between(1, 90), 1e30f);
    check_random(between(1, 90), 8 * between(1, 90), 1e-30f);
    check_random(64, 64, 1e-40f);
    check_random(96, 128, 0);
    check_random(2304, 4096, 0.02f); /* more blocks than one chunk of the sum */
}

/* A constant's absmax have nothing left without their mean. */
static void test_constants(void **state)
{
    static const float values[] = {0.3125f, -7, 0x1p100f, 0};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct twin x = twin_random(64 * 80, 0);
        EACH_SIDE(side)
        device_of[side]->ops->fill(device_of[side],
                                   &(struct fill_args){.to = x.side[side], .value = values[i]});
        check_all(&x, 64, 80);
        twin_free(&x);
    }
}

static void fp8_compare(const struct nf4_twin *t, enum tensor_scaling scaling, bool data,
                        bool transposed)
{
    char what[96];
    struct tensor to[SIDES];
    int rows = t->side[CPU].rows, columns = t->side[CPU].columns;
    size_t count = (size_t)rows * (size_t)columns;
    float *scales = calloc((size_t)(rows + columns), sizeof *scales);
    for (int i = 0; i < rows + columns; i++)
        scales[i] = 1e-4f * (float)between(1, 9);
    EACH_SIDE(side)
    {
        to[side] = tensor_of(FORMAT_E4M3, rows, columns, data ? copy_of(side, NULL, count) : NULL);
        to[side].transposed = transposed ? copy_of(side, NULL, count) : NULL;
        to[side].scaling = scaling;
        to[side].scale = copy_of(side, scales, (size_t)(rows + columns) * sizeof *scales);
        to[side].scale_transposed = to[side].scale + rows;
        device_of[side]->ops->dequantize(device_of[side],
                                         &(struct dequantize_args){to[side], t->side[side]});
    }
    snprintf(what, sizeof what, "E4M3 [%d,%d] by %s", rows, columns,
             scaling == SCALING_ROW ? "row" : "tensor");
    if (data)
        same_bytes(to[GPU].data, to[CPU].data, count, what);
    if (transposed)
        same_bytes(to[GPU].transposed, to[CPU].transposed, count, what);
    EACH_SIDE(side)
    {
        if (data)
            memory_free(side, to[side].data);
        if (transposed)
            memory_free(side, to[side].transposed);
        memory_free(side, to[side].scale);
    }
    free(scales);
}

static void test_fp8(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        int rows = 16 * between(1, 40), columns = 16 * between(1, 40);
        struct twin x = twin_random((size_t)rows * (size_t)columns, 0.02f);
        struct nf4_twin t = nf4_make(rows, columns);
        nf4_quantize(&t, &x);
        for (enum tensor_scaling s = SCALING_TENSOR; s <= SCALING_ROW; s++) {
            fp8_compare(&t, s, true, false);
            fp8_compare(&t, s, false, true);
            fp8_compare(&t, s, true, true);
        }
        nf4_free(&t);
        twin_free(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrices),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_fp8),
    };
    if (device_cuda_count(NULL) == 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests_name("NF4 of the CUDA device", tests, twin_devices_start_bf16,
                                       twin_devices_stop);
}
