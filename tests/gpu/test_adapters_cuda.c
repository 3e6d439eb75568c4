/* SPDX-License-Identifier: Apache-2.0 */
/* What adapters need of the CUDA device against the CPU's: B of several projections spread and
 * gathered, dropout (the same mask on both), uniform first values, norms that are frozen. On
 * numbers drawn anew each time (the seed is printed; SFT_SEED repeats one). Skipped where there is
 * no GPU. */
#include "tests/gpu/device_twin.h"

#define EACH_SIDE(side) for (enum side side = CPU; side < SIDES; side++)

static const struct ops *ops_of(enum side side)
{
    return device_of[side]->ops;
}

/* Three projections with a gap between them, as where k has no adapter. */
static void one_spread(int rank, bool accumulate)
{
    int rows = between(8, 700), out = 3 * rows + 5, count = between(1, 3);
    size_t wide = (size_t)out * (size_t)(count * rank), b = (size_t)count * rows * (size_t)rank;
    struct twin from = twin_random(b, 1), to = twin_poisoned(wide), gradient = twin_random(wide, 1);
    struct twin db = accumulate ? twin_random(b, 1) : twin_poisoned(b);
    EACH_SIDE(side)
    {
        struct adapter_args args = {.wide = twin_matrix(&to, side, out, count * rank),
                                    .b = twin_matrix(&from, side, count * rows, rank),
                                    .block = {{0, rows}, {rows + 5, rows}, {2 * rows + 5, rows}},
                                    .count = count,
                                    .scale = 2};
        ops_of(side)->adapter_spread(device_of[side], &args);
        args.wide = twin_matrix(&gradient, side, out, count * rank);
        args.b = twin_matrix(&db, side, count * rows, rank);
        args.accumulate = accumulate;
        ops_of(side)->adapter_gather(device_of[side], &args);
    }
    assert_twin(&to, "adapter_spread");
    assert_twin(&db, accumulate ? "adapter_gather, added" : "adapter_gather");
    twin_free(&from);
    twin_free(&to);
    twin_free(&gradient);
    twin_free(&db);
}

static void adapter_each(void)
{
    static const int ranks[] = {1, 3, 8, 16, 64};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        one_spread(ranks[i], false);
        one_spread(ranks[i], true);
    }
}

static void one_dropout(int rows, int columns, bool accumulate)
{
    size_t n = (size_t)rows * (size_t)columns;
    struct twin x = twin_random(n, 1), out = accumulate ? twin_random(n, 1) : twin_poisoned(n);
    uint64_t seed = (uint64_t)between(0, 1 << 30), first = (uint64_t)between(0, 1 << 30) << 20;
    EACH_SIDE(side)
    {
        struct dropout_args args = {.out = twin_matrix(&out, side, rows, columns),
                                    .x = twin_matrix(&x, side, rows, columns),
                                    .part = 0.25f,
                                    .seed = seed,
                                    .first = first,
                                    .accumulate = accumulate};
        ops_of(side)->dropout(device_of[side], &args);
    }
    assert_twin(&out, accumulate ? "dropout, added" : "dropout");
    twin_free(&x);
    twin_free(&out);
}

static void dropout_each(void)
{
    one_dropout(between(1, 50), 4096, false);
    one_dropout(between(1, 50), 8 * between(1, 99), true);
    one_dropout(between(1, 50), 8 * between(1, 99) + 3, false);
    one_dropout(between(1, 50), 4 * between(1, 99) + 1, true);
}

static void uniform_each(void)
{
    size_t n = (size_t)between(1, 100000);
    struct twin to = twin_poisoned(n);
    uint64_t seed = (uint64_t)between(0, 1 << 30), first = (uint64_t)between(0, 1 << 30);
    EACH_SIDE(side)
    {
        struct fill_args args = {.to = to.side[side],
                                 .deviation = 0.015625f,
                                 .seed = seed,
                                 .first = first,
                                 .uniform = true};
        ops_of(side)->fill(device_of[side], &args);
    }
    assert_twin(&to, "a uniform fill");
    twin_free(&to);
}

static void one_norm(enum norm_kind kind, int rows, int hidden)
{
    size_t n = (size_t)rows * (size_t)hidden;
    struct twin x = twin_random(n, 1), out = twin_poisoned(n), dout = twin_random(n, 1);
    struct twin dx = twin_random(n, 1), weight = twin_random((size_t)hidden, 1);
    struct twin bias = twin_random((size_t)hidden, 1);
    float *rstd[SIDES], *mean[SIDES];
    EACH_SIDE(side)
    {
        rstd[side] = copy_of(side, NULL, (size_t)rows * sizeof(float));
        mean[side] = copy_of(side, NULL, (size_t)rows * sizeof(float));
        struct norm_args args = {.kind = kind,
                                 .out = twin_matrix(&out, side, rows, hidden),
                                 .x = twin_matrix(&x, side, rows, hidden),
                                 .weight = twin_matrix(&weight, side, 1, hidden),
                                 .bias = twin_matrix(&bias, side, 1, hidden),
                                 .dout = twin_matrix(&dout, side, rows, hidden),
                                 .dx = twin_matrix(&dx, side, rows, hidden),
                                 .rstd = rstd[side],
                                 .mean = mean[side],
                                 .eps = 1e-5f};
        ops_of(side)->norm_forward(device_of[side], &args);
        ops_of(side)->norm_backward(device_of[side], &args); /* neither dweight nor dbias */
    }
    assert_twin(&dx, "a frozen norm's dx");
    EACH_SIDE(side)
    {
        memory_free(side, rstd[side]);
        memory_free(side, mean[side]);
    }
    struct twin *all[] = {&x, &out, &dout, &dx, &weight, &bias};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        twin_free(all[i]);
}

static void frozen_norm_each(void)
{
    for (enum norm_kind kind = NORM_RMS; kind <= NORM_LAYER; kind++) {
        one_norm(kind, between(1, 600), 4096);
        one_norm(kind, between(1, 60), 8192);
        one_norm(kind, between(1, 60), between(1, 999));
    }
}

#define EACH(name, op, each)                                                                       \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        twin_each_format(op, each);                                                                \
    }
EACH(adapters, OP_ADAPTER, adapter_each)
EACH(dropout, OP_DROPOUT, dropout_each)
EACH(uniform, OP_FILL, uniform_each)
EACH(frozen_norm, OP_NORM, frozen_norm_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_frozen_norm),
    };
    if (device_cuda_count(NULL) <= 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests(tests, twin_devices_start, twin_devices_stop);
}
