/* SPDX-License-Identifier: Apache-2.0 */
/* What a run's MFU is held against, and what no rank may be above. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/run/machine.h"
#include "lib/ceilings.h"
#include "lib/params.h"

static struct device device;
static struct machine machine;

static void find(const char *title, int processors, double said)
{
    memset(&machine, 0, sizeof machine);
    device = (struct device){.name = "cuda", .processors = processors};
    snprintf(device.title, sizeof device.title, "%s", title);
    machine.device = &device;
    machine_find_peaks(&machine, said);
}

static void expect(double peak, const char *by)
{
    if (fabs(machine.peak_tflops - peak) > 1e-6 * peak ||
        machine.limit_tflops != machine.peak_tflops)
        fail_msg("%g, at most %g, not %g", machine.peak_tflops, machine.limit_tflops, peak);
    assert_string_equal(machine.ceiling, by);
}

static void test_peak_lifts_nothing(void **state)
{
    (void)state;
    find("NVIDIA H200", 132, -1);
    expect(989.5, "data sheet");
    find("NVIDIA H200", 132, 2000);
    expect(989.5, "data sheet; peak=2000 is above it, not used");
    find("NVIDIA H200", 132, 900);
    expect(900, "peak=, the data sheet says 989.5");
    find("NVIDIA H20", 78, 989.5);
    expect(148, "data sheet; peak=989.5 is above it, not used");
}

static void test_a_slice_by_its_multiprocessors(void **state)
{
    (void)state;
    find("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 60, -1);
    expect(989.5 * 60 / 132, "data sheet, MIG slice of 45.5%");
    find("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 60, 989.5);
    expect(989.5 * 60 / 132, "data sheet, MIG slice of 45.5%; peak=989.5 is above it, not used");
}

static void test_an_unknown_gpu(void **state)
{
    char path[] = "/tmp/test_machine.XXXXXX";
    struct sft_error err = {""};
    FILE *file = fdopen(mkstemp(path), "w");
    (void)state;
    find("Made Up", 100, -1);
    expect(0, "no ceiling known");
    find("Made Up", 100, 50);
    expect(50, "peak=");
    fprintf(file, "device = Made Up\npeak_tflops = 80\nmatmul_tflops = 60\nmemory_gbs = 1\n"
                  "launch_us = 1\nattention = 1 1 1\n");
    fclose(file);
    assert_int_equal(sft_ceilings_load(path, &err), 0);
    unlink(path);
    find("Made Up", 100, -1);
    expect(80, "file of ceilings=");
    find("Made Up", 100, 90);
    expect(80, "file of ceilings=; peak=90 is above it, not used");
    find("Made Up", 100, 70);
    expect(70, "peak=, the file of ceilings says 80");
    find("NVIDIA H200", 132, -1);
    expect(989.5, "data sheet");
    assert_int_equal(sft_ceilings_load("", &err), 0);
}

/* 7B has 2% of its products in the head, which is not in FP8. */
static void test_fp8_has_a_limit_of_its_own(void **state)
{
    struct sft_request request;
    const struct sft_preset *shape = sft_preset_find("llama-7b");
    (void)state;
    assert_int_equal(sft_request_parse(&request, "llama-7b", NULL), 0);
    find("NVIDIA H200", 132, -1);
    assert_true(machine_limit(&machine, &request, shape) == 989.5);
    request.precision = SFT_PRECISION_FP8;
    double limit = machine_limit(&machine, &request, shape);
    double all = (double)sft_params_multiplied(shape), head = (double)sft_params_head(shape);
    assert_true(fabs(limit * ((all - head) / 1979 + head / 989.5) / all - 1) < 1e-12);
    assert_true(limit > 1930 && limit < 1950);
    assert_true(machine.peak_tflops == 989.5); /* MFU stays bf16's */
    find("NVIDIA A100-SXM4-80GB", 108, -1);
    assert_true(machine_limit(&machine, &request, shape) == 0);
}

static void test_a_cpu_has_a_limit_and_no_peak(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof machine);
    device = (struct device){.name = "cpu", .title = "CPU"};
    machine.device = &device;
    machine.host.cores = 2;
    machine_find_peaks(&machine, -1);
    assert_true(machine.peak_tflops == 0 && machine.limit_tflops > 0);
    assert_string_equal(machine.ceiling, "");
    double limit = machine.limit_tflops;
    machine_find_peaks(&machine, 1000);
    assert_true(machine.peak_tflops == 1000 && machine.limit_tflops == limit);
    assert_string_equal(machine.ceiling, "peak=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peak_lifts_nothing),
        cmocka_unit_test(test_a_slice_by_its_multiprocessors),
        cmocka_unit_test(test_an_unknown_gpu),
        cmocka_unit_test(test_fp8_has_a_limit_of_its_own),
        cmocka_unit_test(test_a_cpu_has_a_limit_and_no_peak),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
