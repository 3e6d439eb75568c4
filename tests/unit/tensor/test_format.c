/* SPDX-License-Identifier: Apache-2.0 */
/* FP8's numbers against ml_dtypes', to the bit: tests/golden/make_fp8_golden.py. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/tensor/format.h"

#include "tests/golden/fp8.inc"

static float value_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint8_t encode(enum format format, float value)
{
    uint8_t byte;
    format_encode(format, &byte, &value, 1);
    return byte;
}

static float decode(enum format format, uint8_t byte)
{
    float value;
    format_decode(format, &value, &byte, 1);
    return value;
}

static void test_bytes_mean_what_they_should(void **state)
{
    (void)state;
    for (enum format f = FORMAT_E4M3; f <= FORMAT_E5M2; f++)
        for (int byte = 0; byte < 256; byte++) {
            float is = decode(f, (uint8_t)byte), want = value_of(decoded[f][byte]);
            bool same = isnan(want) ? isnan(is) : is == want && signbit(is) == signbit(want);
            if (!same)
                fail_msg("%s %02x is %a, not %a", format_traits[f].name, byte, (double)is,
                         (double)want);
        }
}

static void test_all_numbers_stay(void **state)
{
    (void)state;
    for (enum format f = FORMAT_E4M3; f <= FORMAT_E5M2; f++)
        for (int byte = 0; byte < 256; byte++)
            if (isfinite(decode(f, (uint8_t)byte)))
                assert_int_equal(encode(f, decode(f, (uint8_t)byte)), byte);
}

/* Ties to even, the floats beside ties, and what saturates; of either sign. */
static void test_floats_become_the_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof encoded / sizeof encoded[0]; i++) {
        const struct encoded *e = &encoded[i];
        float value = value_of(e->value);
        if (encode(e->format, value) != e->byte || encode(e->format, -value) != (e->byte | 0x80))
            fail_msg("%s of %a is %02x, not %02x", format_traits[e->format].name, (double)value,
                     encode(e->format, value), e->byte);
    }
}

static void test_what_is_no_number(void **state)
{
    (void)state;
    for (enum format f = FORMAT_E4M3; f <= FORMAT_E5M2; f++) {
        assert_true(isnan(decode(f, encode(f, NAN))));
        assert_true(isnan(decode(f, encode(f, -NAN))));
        assert_true(decode(f, encode(f, INFINITY)) == format_traits[f].largest);
        assert_true(decode(f, encode(f, -INFINITY)) == -format_traits[f].largest);
    }
}

static void test_traits(void **state)
{
    (void)state;
    assert_true(format_traits[FORMAT_E4M3].largest == 448);
    assert_true(format_traits[FORMAT_E5M2].largest == 57344);
    assert_int_equal(format_bytes(FORMAT_E4M3, 1000), 1000);
    assert_int_equal(format_bytes(FORMAT_BF16, 1000), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_mean_what_they_should),
        cmocka_unit_test(test_all_numbers_stay),
        cmocka_unit_test(test_floats_become_the_nearest),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_traits),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
