/* SPDX-License-Identifier: Apache-2.0 */
/* Data sheets, MIG slices, a site's file of ceilings, and GPUs that a plan is made for. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ceilings.h"
#include "lib/roofline.h"

#define H100                                                                                       \
    "device = NVIDIA H100 80GB HBM3 # SXM\nmatmul_tflops = 640\nmemory_gbs=2800\n"                 \
    "launch_us = 3.1\nattention = 128 120 50\nattention = 4096 500 340\n"

/* As the driver calls them. */
static void test_every_gpu_has_its_data_sheet(void **state)
{
    static const struct {
        const char *name;
        double bf16, fp8, memory_gbs;
    } gpus[] = {
        {"NVIDIA H100 80GB HBM3", 989.5, 1979, 3350},
        {"NVIDIA H100 PCIe", 756.5, 1513, 2000},
        {"NVIDIA H100 NVL", 835.5, 1670.5, 3900},
        {"NVIDIA H200", 989.5, 1979, 4800},
        {"NVIDIA H200 NVL", 835.5, 1670.5, 4800},
        {"NVIDIA H20", 148, 296, 4000},
        {"NVIDIA H20-3e", 148, 296, 4800},
        {"NVIDIA B200", 2250, 4500, 8000},
        {"NVIDIA A100-SXM4-40GB", 312, 0, 1555},
        {"NVIDIA A100-PCIE-40GB", 312, 0, 1555},
        {"NVIDIA A100-SXM4-80GB", 312, 0, 2039},
        {"NVIDIA A100 80GB PCIe", 312, 0, 1935},
        {"NVIDIA L40S", 362.05, 733, 864},
        {"NVIDIA GH200 480GB", 989.5, 1979, 4000},
        {"NVIDIA GH200 144G HBM3e", 989.5, 1979, 4900},
    };
    (void)state;
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        const struct sft_roofline *sheet = sft_roofline_find(gpus[i].name);
        if (sheet == NULL || sheet->bf16_tflops != gpus[i].bf16 ||
            sheet->fp8_tflops != gpus[i].fp8 || sheet->memory_gbs != gpus[i].memory_gbs)
            fail_msg("%s", gpus[i].name);
        assert_true(sft_roofline_peak(gpus[i].name, 0, false) == gpus[i].bf16);
        assert_true(sft_roofline_peak(gpus[i].name, 0, true) == gpus[i].fp8);
    }
}

/* A longer name is another GPU. */
static void test_a_part_of_a_name_is_no_gpu(void **state)
{
    static const char *const others[] = {
        "NVIDIA GB200", "NVIDIA RTX A1000", "NVIDIA H2000", "NVIDIA XH100",
        "NVIDIA L40",   "Radeon",           "CPU",          ""};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (sft_roofline_find(others[i]) != NULL || sft_roofline_peak(others[i], 0, false) != 0)
            fail_msg("%s", others[i]);
}

static void expect_peak(const char *name, int processors, double peak)
{
    double is = sft_roofline_peak(name, processors, false);
    if (fabs(is - peak) > 1e-6 * peak)
        fail_msg("%s with %d: %g, not %g", name, processors, is, peak);
}

/* By its own multiprocessors; without their count never less than any such slice can have. */
static void test_a_slice_has_its_share(void **state)
{
    (void)state;
    expect_peak("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 16, 989.5 * 16 / 132);
    expect_peak("NVIDIA H100 80GB HBM3 MIG 1g.20gb", 26, 989.5 * 26 / 132);
    expect_peak("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 60, 989.5 * 60 / 132);
    expect_peak("NVIDIA H100 80GB HBM3 MIG 7g.80gb", 132, 989.5);
    expect_peak("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 42, 312 * 42.0 / 108);
    expect_peak("NVIDIA A100-SXM4-40GB MIG 2g.10gb", 0, 312 * 2 / 7.0);
    expect_peak("NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb", 0, 312 / 6.0);
    expect_peak("NVIDIA H200 MIG 1g.18gb", 100000, 989.5 / 4); /* no such count */
    expect_peak("NVIDIA H200", 16, 989.5);                     /* no slice: its clock was set */
    assert_true(sft_roofline_peak("NVIDIA H100 80GB HBM3 MIG 1g.20gb", 0, false) >=
                989.5 * 26 / 132);
    assert_true(sft_roofline_peak("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 0, false) >=
                989.5 * 60 / 132);
}

static int parse(struct sft_ceilings *ceilings, const char *text, struct sft_error *err)
{
    err->text[0] = '\0';
    return sft_ceilings_parse(ceilings, text, strlen(text), "f", err);
}

static void test_several_devices_in_a_file(void **state)
{
    static struct sft_ceilings c;
    struct sft_error err;
    (void)state;
    assert_int_equal(parse(&c,
                           "# all\n\n" H100 "fp8_tflops = 1200\r\nbusbw = 1 1048576 60\n"
                           "busbw = 1 1073741824 330\nbusbw = 2 1073741824 88\n"
                           "device=Made Up\npeak_tflops=100\nmemory_gib=48\nmatmul_tflops=70\n"
                           "memory_gbs=700\nlaunch_us=4\nattention=4096\t50  40",
                           &err),
                     0);
    assert_int_equal(c.count, 2);
    assert_string_equal(c.device[0].device, "NVIDIA H100 80GB HBM3");
    assert_true(c.device[0].matmul_tflops == 640 && c.device[0].fp8_tflops == 1200);
    assert_true(c.device[0].memory_gbs == 2800 && c.device[0].launch_us == 3.1);
    assert_true(c.device[0].lengths[1] == 4096 && c.device[0].forward[1] == 500 &&
                c.device[0].backward[0] == 50 && c.device[0].lengths[2] == 0);
    assert_true(c.device[1].peak_tflops == 100 && c.device[1].memory_gib == 48);
    assert_true(sft_ceiling_busbw(&c.device[0], 1, 1) == 60);
    assert_true(sft_ceiling_busbw(&c.device[0], 1, (1048576 + 1073741824.0) / 2) == 195);
    assert_true(sft_ceiling_busbw(&c.device[0], 1, 1e12) == 330);
    assert_true(sft_ceiling_busbw(&c.device[0], 2, 1e6) == 88);
    assert_true(sft_ceiling_busbw(&c.device[0], 8, 1e6) == 88);
    assert_true(sft_ceiling_busbw(&c.device[1], 1, 1e6) == 0);
}

static void test_a_mistake_is_one_clear_line(void **state)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"", "f:1: no device"},
        {"# nothing\n", "f:1: no device"},
        {"matmul_tflops = 1\n", "f:1: matmul_tflops stands before the first device"},
        {H100 "device = NVIDIA H100 80GB HBM3\n", "f:7: device NVIDIA H100 80GB HBM3 stands twice"},
        {H100 "memory_gbs = 1\n", "f:7: memory_gbs stands twice for NVIDIA H100 80GB HBM3"},
        {H100 "speed = 1\n", "f:7: unknown key 'speed'; known are device, matmul_tflops, "},
        {H100 "fp8_tflops\n", "f:7: 'fp8_tflops' is not of the form key = value"},
        {H100 "fp8_tflops = # none\n", "f:7: fp8_tflops: the value is missing"},
        {H100 "fp8_tflops = fast\n", "f:7: fp8_tflops: 'fast' is no number"},
        {H100 "fp8_tflops = nan\n", "f:7: fp8_tflops: 'nan' is no number"},
        {H100 "fp8_tflops = -1\n", "f:7: fp8_tflops: -1 is out of range"},
        {H100 "attention = 512 1\n", "f:7: attention: '' is not of the form LENGTH FORWARD BACKW"},
        {H100 "attention = 8192 1 inf\n", "f:7: attention: 'inf' is not of the form"},
        {H100 "attention = 8192 1 0x2\n", "f:7: attention: '0x2' is not of the form"},
        {H100 "attention = 8192 1 2 3\n", "f:7: attention: '3' is more than LENGTH FORWARD"},
        {H100 "attention = 8192.5 1 2\n", "f:7: attention: 8192.5 tokens: no whole number"},
        {H100 "attention = 512 1 2\n", "f:7: attention: 512 tokens stand behind 4096"},
        {H100 "busbw = 2 10 1\nbusbw = 1 20 1\n", "f:8: busbw: 1 nodes, 20 bytes stand behind 2"},
        {H100 "busbw = 0 10 1\n", "f:7: busbw: '0 10 1' is not of the form NODES BYTES GB/S"},
        {H100 "fp8_tflops = 2000\n",
         "f:1: NVIDIA H100 80GB HBM3: fp8_tflops 2000 is above the data sheet's 1979"},
        {H100 "peak_tflops = 1979\n", "peak_tflops 1979 is above the data sheet's 989.5"},
        {H100 "attention = 8192 990 1\n", "attention, forward 990 is above the data sheet's 989.5"},
        {"device = NVIDIA H20\nmatmul_tflops = 149\nmemory_gbs = 1\nlaunch_us = 1\n"
         "attention = 1 1 1\n",
         "f:1: NVIDIA H20: matmul_tflops 149 is above the data sheet's 148"},
        {"device = X\npeak_tflops = 9\nmatmul_tflops = 10\nmemory_gbs = 1\nlaunch_us = 1\n"
         "attention = 1 1 1\n",
         "f:1: X: matmul_tflops 10 is above the data sheet's 9"},
        {"\ndevice = X\nmatmul_tflops = 10\nlaunch_us = 1\n", "f:2: X has no memory_gbs"},
        {"device = X\nmatmul_tflops = 10\nmemory_gbs = 1\nlaunch_us = 1\n",
         "f:1: X has no attention"},
    };
    static struct sft_ceilings c;
    struct sft_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(&c, cases[i].text, &err) == 0)
            fail_msg("accepted: %s", cases[i].text);
        assert_contains(err.text, cases[i].complaint);
    }
    assert_int_equal(sft_ceilings_parse(&c, "device\0= X", 10, "f", &err), -1);
    assert_contains(err.text, "f:1: the line is longer than 511 bytes, or holds a NUL");
}

static void load(const char *text)
{
    char path[] = "/tmp/test_ceilings.XXXXXX";
    struct sft_error err = {""};
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
    int rc = sft_ceilings_load(path, &err);
    unlink(path);
    if (rc < 0)
        fail_msg("%s", err.text);
}

static void test_the_sites_file_comes_first(void **state)
{
    struct sft_error err = {""};
    (void)state;
    assert_true(sft_ceiling_find("NVIDIA H100 80GB HBM3")->matmul_tflops == 701);
    load(H100 "device = NVIDIA H200\nmatmul_tflops = 600\nmemory_gbs = 3000\nlaunch_us = 4\n"
              "attention = 4096 400 300\n");
    assert_true(sft_ceiling_find("NVIDIA H100 80GB HBM3")->matmul_tflops == 640);
    assert_true(sft_ceiling_find("NVIDIA H200")->matmul_tflops == 600);
    assert_null(sft_ceiling_find("NVIDIA H100 PCIe"));
    assert_int_equal(sft_ceilings_load("/nowhere/ceilings", &err), -1);
    assert_contains(err.text, "/nowhere/ceilings: cannot read the ceilings");
    assert_int_equal(sft_ceilings_load("", &err), 0);
    assert_true(sft_ceiling_find("NVIDIA H200")->matmul_tflops == 695);
    assert_true(sft_ceiling_find("NVIDIA H100 80GB HBM3")->matmul_tflops == 701);
}

/* 695 of 989.5, 3,970 of 4,800. */
static void test_what_was_not_measured_is_an_estimate(void **state)
{
    static const struct {
        const char *model, *name;
        double matmul, memory, gib;
    } gpus[] = {
        {"H20", "NVIDIA H20", 103.95, 3308.3, 94.2},
        {"B200", "NVIDIA B200", 1580.3, 6616.7, 177.7},
        {"A100", "NVIDIA A100", 219.14, 1686.4, 78.6},
        {"A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB", 219.14, 1286.1, 38.6},
        {"L40S", "NVIDIA L40S", 254.29, 714.6, 43.6},
    };
    struct sft_gpu gpu;
    struct sft_error err = {""};
    (void)state;
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        assert_int_equal(sft_gpu_find(&gpu, gpus[i].model, &err), 0);
        assert_string_equal(gpu.name, gpus[i].name);
        assert_true(gpu.ceiling.estimated);
        assert_true(fabs(gpu.ceiling.matmul_tflops / gpus[i].matmul - 1) < 1e-3);
        assert_true(fabs(gpu.ceiling.memory_gbs / gpus[i].memory - 1) < 1e-3);
        assert_true(fabs(gpu.gib - gpus[i].gib) < 1e-6);
        assert_true(gpu.ceiling.forward[4] < sft_roofline_peak(gpus[i].model, 0, false));
    }
    assert_int_equal(sft_gpu_find(&gpu, "H200", &err), 0);
    assert_true(!gpu.ceiling.estimated && gpu.ceiling.matmul_tflops == 695);
    assert_true(fabs(gpu.gib - 139) < 1e-9);
    assert_int_equal(sft_gpu_find(&gpu, "H100", &err), 0);
    assert_true(!gpu.ceiling.estimated && gpu.ceiling.matmul_tflops == 701);
    assert_true(fabs(gpu.gib - 78.2) < 1e-6);
}

static void test_a_plans_gpu_by_the_sites_file(void **state)
{
    struct sft_gpu gpu;
    struct sft_error err = {""};
    (void)state;
    load("device = NVIDIA H100 80GB HBM3 MIG 1g.10gb\nmatmul_tflops = 64\nmemory_gbs = 280\n"
         "launch_us = 3\nattention = 128 20 10\n" H100
         "device = Made Up\nmatmul_tflops = 70\nmemory_gbs = 700\nlaunch_us = 4\n"
         "attention = 4096 50 40\n");
    assert_int_equal(sft_gpu_find(&gpu, "H100", &err), 0);
    assert_true(!gpu.ceiling.estimated && gpu.ceiling.matmul_tflops == 640);
    assert_string_equal(gpu.name, "NVIDIA H100 80GB HBM3");
    assert_int_equal(sft_gpu_find(&gpu, "h100", &err), 0);
    assert_string_equal(gpu.name, "NVIDIA H100 80GB HBM3");
    assert_int_equal(sft_gpu_find(&gpu, "H100 PCIe", &err), 0); /* another one */
    assert_true(gpu.ceiling.estimated);
    /* a slice has neither the whole GPU's memory nor its rates */
    assert_int_equal(sft_gpu_find(&gpu, "NVIDIA H100 80GB HBM3 MIG 1g.10gb", &err), -1);
    assert_contains(err.text, "how much memory it has is not known: give it memory_gib");
    assert_int_equal(sft_gpu_find(&gpu, "NVIDIA H100 80GB HBM3 MIG 3g.40gb", &err), -1);
    assert_contains(err.text, "and none that the file of ceilings= names");
    assert_int_equal(sft_gpu_find(&gpu, "Made Up", &err), -1);
    assert_contains(err.text, "how much memory it has is not known: give it memory_gib");
    assert_int_equal(sft_gpu_find(&gpu, "Cray", &err), -1);
    assert_contains(err.text, "'Cray' is no GPU whose data sheet is known (H200 NVL, H200, ");
    assert_int_equal(sft_ceilings_load("", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_gpu_has_its_data_sheet),
        cmocka_unit_test(test_a_part_of_a_name_is_no_gpu),
        cmocka_unit_test(test_a_slice_has_its_share),
        cmocka_unit_test(test_several_devices_in_a_file),
        cmocka_unit_test(test_a_mistake_is_one_clear_line),
        cmocka_unit_test(test_the_sites_file_comes_first),
        cmocka_unit_test(test_what_was_not_measured_is_an_estimate),
        cmocka_unit_test(test_a_plans_gpu_by_the_sites_file),
    };
    return cmocka_run_group_tests_name("ceilings", tests, NULL, NULL);
}
