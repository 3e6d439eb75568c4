/* SPDX-License-Identifier: Apache-2.0 */
/* What adapters need of the CPU device besides products, and dropout's masks. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/tensor/dropout.h"
#include "job/tensor/random.h"

/* Rows 0 and 1 are the first projection's, 3 to 5 the second's; row 2 has no adapter. */
static void test_spread_and_gather(void **state)
{
    (void)state;
    struct device *d = support_device();
    float b[10], wide[24], back[10];
    for (int i = 0; i < 10; i++) {
        b[i] = (float)(i + 1);
        back[i] = 100;
    }
    struct adapter_args args = {.wide = support_matrix(wide, 6, 4),
                                .b = support_matrix(b, 5, 2),
                                .block = {{0, 2}, {3, 3}},
                                .count = 2,
                                .scale = 2};
    d->ops->adapter_spread(d, &args);
    static const float want[24] = {2, 4, 0,  0,  6, 8, 0,  0,  0, 0, 0,  0,
                                   0, 0, 10, 12, 0, 0, 14, 16, 0, 0, 18, 20};
    assert_memory_equal(wide, want, sizeof want);
    args.b = support_matrix(back, 5, 2);
    args.scale = 0.5f;
    args.accumulate = true;
    d->ops->adapter_gather(d, &args);
    for (int i = 0; i < 10; i++)
        assert_true(back[i] == 100 + b[i]);
    args.accumulate = false;
    d->ops->adapter_gather(d, &args);
    assert_memory_equal(back, b, sizeof b);
}

/* Of ones: a mean of 1, a variance of p / (1 - p), and neighbours that know nothing of each other.
 */
static void test_dropout_mean_and_variance(void **state)
{
    (void)state;
    enum { ROWS = 500, COLUMNS = 402 }; /* no multiple of 4 */
    static const float parts[] = {0.05f, 0.1f, 0.5f, 0.9f};
    struct device *d = support_device();
    size_t n = (size_t)ROWS * COLUMNS;
    float *x = malloc(n * sizeof *x), *out = malloc(n * sizeof *out);
    assert_true(x != NULL && out != NULL);
    for (size_t i = 0; i < n; i++)
        x[i] = 1;
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        double p = (double)parts[k], mean = 0, squares = 0, beside = 0, below = 0;
        struct dropout_args args = {.out = support_matrix(out, ROWS, COLUMNS),
                                    .x = support_matrix(x, ROWS, COLUMNS),
                                    .part = parts[k],
                                    .seed = k + 1,
                                    .first = 1u << 30};
        d->ops->dropout(d, &args);
        for (size_t i = 0; i < n; i++) {
            mean += (double)out[i] / (double)n;
            squares += ((double)out[i] - 1) * ((double)out[i] - 1) / (double)n;
            if (i + COLUMNS < n) {
                beside += ((double)out[i] - 1) * ((double)out[i + 1] - 1) / (double)n;
                below += ((double)out[i] - 1) * ((double)out[i + COLUMNS] - 1) / (double)n;
            }
        }
        double variance = p / (1 - p), noise = 5 / sqrt((double)n);
        assert_true(fabs(mean - 1) < noise * sqrt(variance) + 1e-4);
        assert_true(fabs(squares / variance - 1) < 0.05);
        assert_true(fabs(beside) < noise * variance && fabs(below) < noise * variance);
    }
    free(x);
    free(out);
}

/* A part of the rows has their masks; adding adds; part 0 drops nothing. */
static void test_dropout_rows(void **state)
{
    (void)state;
    enum { ROWS = 12, COLUMNS = 21 };
    struct device *d = support_device();
    size_t n = (size_t)ROWS * COLUMNS, begin = 5 * COLUMNS;
    float *x = support_random(n, 1), *out = support_poison(n), *part = support_poison(n);
    struct dropout_args args = {.out = support_matrix(out, ROWS, COLUMNS),
                                .x = support_matrix(x, ROWS, COLUMNS),
                                .part = 0.3f,
                                .seed = 4,
                                .first = 70};
    d->ops->dropout(d, &args);
    args.out = support_matrix(part, ROWS - 5, COLUMNS);
    args.x = support_matrix(x + begin, ROWS - 5, COLUMNS);
    args.first += 5;
    d->ops->dropout(d, &args);
    assert_memory_equal(part, out + begin, (n - begin) * sizeof *part);
    args.accumulate = true;
    d->ops->dropout(d, &args);
    for (size_t i = 0; i < n - begin; i++)
        assert_true(part[i] == 2 * out[begin + i]);
    args.accumulate = false;
    args.part = 0;
    d->ops->dropout(d, &args);
    assert_memory_equal(part, x + begin, (n - begin) * sizeof *part);
    free(x);
    free(out);
    free(part);
}

static void test_uniform(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double u = random_uniform_at(3, i);
        assert_true(u >= -1 && u < 1);
        sum += u / COUNT;
        squares += u * u / COUNT;
    }
    assert_true(fabs(sum) < 0.01 && fabs(squares - 1.0 / 3) < 0.01);
}

int main(void)
{
    support_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread_and_gather),
        cmocka_unit_test(test_dropout_mean_and_variance),
        cmocka_unit_test(test_dropout_rows),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
