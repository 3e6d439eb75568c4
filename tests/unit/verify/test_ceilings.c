/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured of a device reads back as it was written, and predictions find it. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "job/verify/ceilings.h"

static char *text;
static size_t length;

static void write_of(const struct sft_ceiling *ceiling)
{
    free(text);
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    ceilings_write(out, ceiling);
    fclose(out);
}

static void near(double value, double written)
{
    if (!(value > 0.999 * written && value < 1.001 * written))
        fail_msg("%g was written as %g", written, value);
}

static void test_what_is_measured_reads_back(void **state)
{
    static struct sft_ceilings read;
    struct sft_error err = {""};
    struct sft_ceiling ceiling;
    struct device *device = device_create_cpu(&err);
    (void)state;
    assert_non_null(device);
    if (ceilings_measure(device, 0.01, NULL, &ceiling, &err) < 0)
        fail_msg("%s", err.text);
    device->destroy(device);
    assert_true(ceiling.matmul_tflops > 0 && ceiling.memory_gbs > 0 && ceiling.launch_us > 0);
    ceiling.busbw[ceiling.busbws++] = (struct sft_busbw){1, 65536, 20.5};
    ceiling.busbw[ceiling.busbws++] = (struct sft_busbw){1, 1 << 20, 24};
    ceiling.busbw[ceiling.busbws++] = (struct sft_busbw){4, 1 << 20, 11.25};
    write_of(&ceiling);
    if (sft_ceilings_parse(&read, text, length, "ceilings", &err) < 0)
        fail_msg("%s\n%s", err.text, text);
    const struct sft_ceiling *back = &read.device[0];
    assert_int_equal(read.count, 1);
    assert_string_equal(back->device, "CPU");
    near(back->matmul_tflops, ceiling.matmul_tflops);
    near(back->memory_gbs, ceiling.memory_gbs);
    near(back->launch_us, ceiling.launch_us);
    for (int i = 0; i < SFT_CEILING_LENGTHS && ceiling.lengths[i] > 0; i++) {
        assert_int_equal(back->lengths[i], ceiling.lengths[i]);
        near(back->forward[i], ceiling.forward[i]);
        near(back->backward[i], ceiling.backward[i]);
    }
    assert_int_equal(back->busbws, 3);
    assert_true(sft_ceiling_busbw(back, 1, 1 << 20) == 24);
    assert_true(sft_ceiling_busbw(back, 8, 1 << 20) == 11.25);
}

/* A machine can be as slow as it likes, and a GPU fast: both are read back. */
static void test_the_slowest_and_the_fastest_read_back(void **state)
{
    static const double rate[] = {2.5e-6, 9e4};
    static struct sft_ceilings read;
    struct sft_error err = {""};
    (void)state;
    for (size_t i = 0; i < sizeof rate / sizeof rate[0]; i++) {
        struct sft_ceiling c = {.device = "Made Up",
                                .memory_gib = i == 0 ? 0.25 : 9e4,
                                .peak_tflops = -1,
                                .matmul_tflops = rate[i],
                                .fp8_tflops = rate[i],
                                .memory_gbs = rate[i],
                                .launch_us = rate[i],
                                .lengths = {128},
                                .forward = {rate[i]},
                                .backward = {rate[i]},
                                .busbw = {{1, 1024, rate[i]}},
                                .busbws = 1};
        write_of(&c);
        if (sft_ceilings_parse(&read, text, length, "ceilings", &err) < 0)
            fail_msg("%s\n%s", err.text, text);
        near(read.device[0].matmul_tflops, rate[i]);
        near(read.device[0].fp8_tflops, rate[i]);
        near(read.device[0].memory_gbs, rate[i]);
        near(read.device[0].launch_us, rate[i]);
        near(read.device[0].memory_gib, c.memory_gib);
        near(read.device[0].forward[0], rate[i]);
        near(read.device[0].busbw[0].gbs, rate[i]);
    }
}

static int end(void **state)
{
    (void)state;
    free(text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_measured_reads_back),
        cmocka_unit_test(test_the_slowest_and_the_fastest_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
