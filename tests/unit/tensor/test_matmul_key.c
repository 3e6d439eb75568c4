/* SPDX-License-Identifier: Apache-2.0 */
/* The table of matrix products: each number of a key counts, and growing loses nothing. */
#include "tests/unit/unit.h"

#include "job/tensor/cuda/matmul_key.h"

enum { KEYS = 3000 };

static int freed[KEYS], values[KEYS];

static void count_freed(void *value)
{
    freed[(int *)value - values]++;
}

static int setup(void **state)
{
    static struct matmul_table table;
    memset(freed, 0, sizeof freed);
    memset(&table, 0, sizeof table);
    *state = &table;
    return 0;
}

/* As a model has them: few shapes, many uses. No two alike. */
static struct matmul_key key_of(int i)
{
    return (struct matmul_key){.m = 4096 << i % 3,
                               .n = 128 * (i / 24),
                               .k = 4096,
                               .transpose_a = i / 3 % 2,
                               .transpose_b = i / 6 % 2,
                               .accumulate = i / 12 % 2,
                               .alignment = 256};
}

static void test_what_is_added_is_found(void **state)
{
    struct matmul_table *table = *state;
    for (int i = 0; i < KEYS; i++) {
        struct matmul_key key = key_of(i);
        assert_null(matmul_table_find(table, &key));
        assert_int_equal(matmul_table_add(table, &key, &values[i]), 0);
        for (int j = i; j >= 0; j -= j < i - 80 ? 97 : 1) { /* those before as well, as it grows */
            key = key_of(j);
            assert_ptr_equal(matmul_table_find(table, &key), &values[j]);
        }
    }
    assert_int_equal(table->count, KEYS);
    matmul_table_clear(table, count_freed);
    for (int i = 0; i < KEYS; i++) {
        struct matmul_key key = key_of(i);
        assert_int_equal(freed[i], 1);
        assert_null(matmul_table_find(table, &key));
    }
    matmul_table_clear(table, count_freed); /* of an empty one */
    struct matmul_key key = key_of(5);
    assert_int_equal(matmul_table_add(table, &key, &values[5]), 0); /* and used again */
    assert_ptr_equal(matmul_table_find(table, &key), &values[5]);
    matmul_table_clear(table, count_freed);
}

static void test_each_number_counts(void **state)
{
    struct matmul_table *table = *state;
    int32_t numbers[MATMUL_KEY_NUMBERS];
    struct matmul_key key = key_of(1);
    assert_int_equal(matmul_table_add(table, &key, &values[0]), 0);
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
        for (int bit = 0; bit < 32; bit++) {
            struct matmul_key other;
            memcpy(numbers, &key, sizeof numbers);
            numbers[i] = (int32_t)((uint32_t)numbers[i] ^ 1u << bit);
            memcpy(&other, numbers, sizeof numbers);
            assert_null(matmul_table_find(table, &other));
        }
    assert_ptr_equal(matmul_table_find(table, &key), &values[0]);
    matmul_table_clear(table, count_freed);
}

/* Rows are m of a product, or k of a gradient of weights, with the strides that follow; all else
 * must be equal. */
static void test_akin(void **state)
{
    struct matmul_key forward = {.m = 8192,
                                 .n = 512,
                                 .k = 256,
                                 .transpose_b = 1,
                                 .stride_a = 256,
                                 .stride_b = 256,
                                 .stride_c = 512};
    struct matmul_key gradient = {.m = 512,
                                  .n = 256,
                                  .k = 8192,
                                  .transpose_a = 1,
                                  .stride_a = 512,
                                  .stride_b = 256,
                                  .stride_c = 256};
    struct matmul_key fp8 = {.m = 512,
                             .n = 256,
                             .k = 8192,
                             .transpose_b = 1,
                             .stride_a = 8192,
                             .stride_b = 8192,
                             .stride_c = 256,
                             .scaling = 1};
    struct matmul_key other = forward;
    (void)state;
    assert_true(matmul_key_akin(&forward, &forward));
    other.m = 4096;
    assert_true(matmul_key_akin(&forward, &other) && matmul_key_akin(&other, &forward));
    other.m = 2000;
    assert_false(matmul_key_akin(&forward, &other));
    other = gradient;
    other.k = 16384;
    assert_true(matmul_key_akin(&gradient, &other));
    other.m = 1024; /* both */
    assert_false(matmul_key_akin(&gradient, &other));
    other = fp8;
    other.k = 4096;
    assert_false(matmul_key_akin(&fp8, &other)); /* the strides would be others' */
    other.stride_a = other.stride_b = 4096;
    assert_true(matmul_key_akin(&fp8, &other));
    other.fast = 1;
    assert_false(matmul_key_akin(&fp8, &other));
    other = forward;
    other.n = 1024;
    other.stride_c = 1024;
    assert_false(matmul_key_akin(&forward, &other)); /* another layer */
    other = forward;
    other.m = 0;
    assert_false(matmul_key_akin(&forward, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_added_is_found, setup),
        cmocka_unit_test_setup(test_each_number_counts, setup),
        cmocka_unit_test(test_akin),
    };
    return cmocka_run_group_tests_name("matmul key", tests, NULL, NULL);
}
