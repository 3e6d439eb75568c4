/* SPDX-License-Identifier: Apache-2.0 */
/* For each cause a described set of nodes with that fault, and one in which the same is seen and
 * cannot be why. */
#include "tests/unit/unit.h"

#include "job/verify/cause.h"
#include "tests/unit/verify/cluster.h"

#define BIT CHECK_BIT
#define COMPUTE (BIT(CHECK_GEMM) | BIT(CHECK_GPT2) | BIT(CHECK_LSTM))
#define COPIES (BIT(CHECK_H2D) | BIT(CHECK_D2H) | BIT(CHECK_H2D_ALL) | BIT(CHECK_D2H_ALL))

static struct cluster c;

/* The customer's eight nodes, with eight GPUs each and little noise. */
static int eight_nodes(void **state)
{
    (void)state;
    cluster_make(&c, 8, 8, 0.005, 7);
    return 0;
}

static const struct verdict *judged(void)
{
    cluster_verify(&c);
    return cluster_verdict(&c, 7);
}

static void assert_bad(const char *cause, const char *evidence)
{
    const struct verdict *verdict = judged();
    if (verdict->kind != VERDICT_BAD || strcmp(verdict->cause, cause) != 0)
        fail_msg("0007 is %s by '%s' (%s; %s)", verdict_name(verdict->kind), verdict->cause,
                 verdict->finding_text, verdict->evidence);
    assert_contains(verdict->evidence, evidence);
    assert_true(verdict->command[0] != '\0');
    assert_contains(verdict->drain, "scontrol update NodeName=fukushimadc-02-hgx-0007 State=DRAIN");
    assert_int_equal(cluster_count(&c, VERDICT_BAD), 1);
    assert_int_equal(cluster_count(&c, VERDICT_GOOD), 7);
}

/* It is seen, and told, and is not why. */
static void assert_other(enum verdict_kind kind, const char *cause, const char *evidence)
{
    const struct verdict *verdict = judged();
    if (verdict->kind != kind || strcmp(verdict->cause, cause) == 0)
        fail_msg("0007 is %s by '%s' (%s; %s)", verdict_name(verdict->kind), verdict->cause,
                 verdict->finding_text, verdict->evidence);
    if (evidence[0] != '\0')
        assert_contains(verdict->evidence, evidence);
}

static void all_gpus(void (*set)(struct gpu_facts *facts))
{
    for (int gpu = 0; gpu < 8; gpu++)
        set(cluster_gpu(&c, 7, gpu));
}

static void half_clock(struct gpu_facts *facts)
{
    facts->sm_mhz = 880;
    facts->power_w = 310;
    facts->reasons.power_cap = 0;
}

static void brake(struct gpu_facts *facts)
{
    half_clock(facts);
    facts->reasons.brake = 40;
    facts->brake_s = 19;
}

/* The customer's node, by six causes that look alike from outside. */
static void test_0007_power_brake(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.5);
    all_gpus(brake);
    assert_bad("hw-power-brake", "HW power brake in 40 of 40 samples, SM clock 880 MHz, the "
                                 "others' 1755");
    assert_contains(cluster_verdict(&c, 7)->finding_text, "0.50 of the other nodes'");
    assert_contains(cluster_verdict(&c, 7)->command, "nvidia-smi -q -d PERFORMANCE");
}

static void test_0007_cpu(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_LAUNCH) | BIT(CHECK_GPT2) | BIT(CHECK_LSTM), 0.5);
    cluster_node(&c, 7)->foreign = 0.6;
    assert_bad("cpu", "other programs took 60% of the node's CPUs");
}

static void no_fabric(struct gpu_facts *facts)
{
    facts->fabric_state = 2;
}

static void test_0007_fabric_manager(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_GPT2) | BIT(CHECK_NODE) | BIT(CHECK_NVLINK), 0.5);
    all_gpus(no_fabric);
    assert_bad("fabric-manager", "the fabric is not registered (state 2, complete is 3)");
    assert_contains(cluster_verdict(&c, 7)->command, "fabricmanager");
}

static void test_0007_other_process(void **state)
{
    struct gpu_facts *facts = cluster_gpu(&c, 7, 3);
    (void)state;
    cluster_slow_gpu(&c, 7, 3, COMPUTE, 0.5);
    facts->processes = 1;
    strcpy(facts->process, "python3 (12345), 3.4 GiB");
    assert_bad("other-process", "GPU 3: used by 1 other process: python3 (12345), 3.4 GiB");
    assert_contains(cluster_verdict(&c, 7)->finding_text, "on GPU 3 ");
}

/* Each GPU is as fast as any: the node's sum is half. */
static void test_0007_gpus_missing(void **state)
{
    (void)state;
    cluster_node(&c, 7)->gpus = 4;
    assert_bad("gpus-missing", "4 GPUs, the other nodes have 8");
    assert_true(cluster_verdict(&c, 7)->ratio == 0.5);
}

static void test_0007_nic(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    cluster_node(&c, 7)->port[1].active = false;
    assert_bad("nic", "NICs at 400 Gb/s, the other nodes' at 800; not active: mlx5_1");
}

/* Each of the other causes, and beside it what looks like it and is not. */

static void test_brake_is_not_why_copies_are_slow(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COPIES, 0.5);
    all_gpus(brake);
    assert_other(VERDICT_BAD, "hw-power-brake", "HW power brake");
    eight_nodes(NULL);
    cluster_gpu(&c, 7, 0)->reasons.brake = 2; /* twice in 40 samples, and nothing is slow */
    cluster_gpu(&c, 7, 0)->brake_s = 0;
    assert_other(VERDICT_GOOD, "hw-power-brake", "");
}

/* The clock says that the brake costs a tenth; half the speed has another reason. */
static void test_brake_with_another_ratio(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.4);
    all_gpus(brake);
    for (int gpu = 0; gpu < 8; gpu++)
        cluster_gpu(&c, 7, gpu)->sm_mhz = 1500;
    assert_other(VERDICT_BAD, "hw-power-brake", "HW power brake");
}

static void thermal(struct gpu_facts *facts)
{
    half_clock(facts);
    facts->celsius = 91;
    facts->reasons.hw_thermal = 30;
}

static void slowdown(struct gpu_facts *facts)
{
    half_clock(facts);
    facts->reasons.hw_slowdown = 12;
}

static void soft_thermal(struct gpu_facts *facts)
{
    facts->sm_mhz = 1400;
    facts->reasons.sw_thermal = 20;
    facts->memory_celsius = 97;
}

static void test_heat(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.5);
    all_gpus(thermal);
    assert_bad("hw-thermal", "HW thermal slowdown in 30 of 40 samples");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    all_gpus(thermal);
    assert_other(VERDICT_BAD, "hw-thermal", "HW thermal slowdown");
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.5);
    all_gpus(slowdown);
    assert_bad("hw-slowdown", "HW slowdown in 12 of 40 samples");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_D2H), 0.5);
    all_gpus(slowdown);
    assert_other(VERDICT_BAD, "hw-slowdown", "HW slowdown");
}

static void test_soft_heat(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.8);
    all_gpus(soft_thermal);
    assert_bad("sw-thermal", "SW thermal slowdown in 20 of 40 samples, 62 C, memory 97 C");
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.3); /* it rarely halves */
    all_gpus(soft_thermal);
    assert_other(VERDICT_BAD, "sw-thermal", "SW thermal slowdown");
}

static void low_limit(struct gpu_facts *facts)
{
    facts->limit_w = 350;
    facts->power_w = 348;
    facts->sm_mhz = 1100;
}

static void test_power_limit(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.6);
    all_gpus(low_limit);
    assert_bad("power-limit", "power limit 350 W in place of 700 W");
    /* At the limit of all the flag is up and means nothing. */
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.6);
    assert_other(VERDICT_BAD, "power-limit", "cause unknown");
}

static void test_clock_lock(void **state)
{
    (void)state;
    cluster_slow(&c, 7, COMPUTE, 0.5);
    all_gpus(half_clock);
    assert_bad("clock-lock", "no reason is told and 310 W of 700 W are used");
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.5);
    all_gpus(half_clock);
    for (int gpu = 0; gpu < 8; gpu++)
        cluster_gpu(&c, 7, gpu)->sm_mhz = 1740;
    assert_other(VERDICT_BAD, "clock-lock", "cause unknown");
}

static void test_process_elsewhere(void **state)
{
    (void)state;
    cluster_slow_gpu(&c, 7, 3, COMPUTE, 0.5);
    cluster_gpu(&c, 7, 5)->processes = 1;
    assert_other(VERDICT_BAD, "other-process", "GPU 5: used by 1 other process");
    eight_nodes(NULL);
    cluster_gpu(&c, 7, 5)->busy = 97;
    assert_other(VERDICT_WARNING, "other-process", "GPU 5: 97% busy before anything of ours ran");
}

static void test_mig(void **state)
{
    (void)state;
    cluster_slow_gpu(&c, 7, 2, COMPUTE, 0.4);
    cluster_gpu(&c, 7, 2)->mig = 1;
    assert_bad("mig", "GPU 2: MIG mode is on");
    eight_nodes(NULL);
    cluster_slow_gpu(&c, 7, 2, COMPUTE, 0.4);
    cluster_gpu(&c, 7, 6)->mig = 1;
    assert_other(VERDICT_BAD, "mig", "GPU 6: MIG mode is on");
}

/* Links train after boot: down and not slow is no more than a warning. */
static void test_nvlink(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_NODE) | BIT(CHECK_NVLINK), 0.5);
    cluster_gpu(&c, 7, 4)->links_down = 9;
    assert_bad("nvlink", "GPU 4: 9 of 18 NVLinks are down");
    eight_nodes(NULL);
    cluster_gpu(&c, 7, 4)->links_down = 9;
    assert_other(VERDICT_WARNING, "nvlink", "GPU 4: 9 of 18 NVLinks are down");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_NODE) | BIT(CHECK_NVLINK), 0.5);
    cluster_gpu(&c, 7, 4)->link_gbs = 13.3;
    assert_bad("nvlink", "GPU 4: NVLink at 13.3 GB/s, the others' at 26.6");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GEMM), 0.5);
    cluster_gpu(&c, 7, 4)->link_errors = 3;
    assert_other(VERDICT_BAD, "nvlink", "GPU 4: 3 NVLink errors");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GEMM), 0.5);
    all_gpus(no_fabric);
    assert_other(VERDICT_BAD, "fabric-manager", "the fabric is not registered");
}

static void test_memory_errors(void **state)
{
    (void)state;
    cluster_gpu(&c, 7, 1)->remap_pending = 1;
    assert_bad("memory-errors", "GPU 1: memory rows are to be remapped");
    eight_nodes(NULL);
    cluster_gpu(&c, 7, 1)->uncorrected = 2;
    assert_bad("memory-errors", "GPU 1: 2 uncorrected ECC errors");
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.5); /* of which they make none slow */
    cluster_gpu(&c, 7, 1)->uncorrected = 2;
    assert_other(VERDICT_BAD, "memory-errors", "GPU 1: 2 uncorrected ECC errors");
}

static void test_xid(void **state)
{
    (void)state;
    cluster_node(&c, 7)->xid = 79;
    assert_bad("xid", "the kernel's log has Xid 79");
    eight_nodes(NULL);
    assert_other(VERDICT_GOOD, "xid", "");
}

static void test_pcie(void **state)
{
    (void)state;
    cluster_slow_gpu(&c, 7, 6, COPIES, 0.5);
    cluster_gpu(&c, 7, 6)->pcie_width = 8;
    assert_bad("pcie", "GPU 6: PCIe link 0000:18:00.0 runs at 32 GT/s x8 and could at 32 GT/s "
                       "x16");
    eight_nodes(NULL);
    cluster_slow_gpu(&c, 7, 6, COMPUTE, 0.5);
    cluster_gpu(&c, 7, 6)->pcie_width = 8;
    assert_other(VERDICT_BAD, "pcie", "GPU 6: PCIe link");
    eight_nodes(NULL);
    cluster_slow_gpu(&c, 7, 6, COPIES, 0.1); /* half the lanes do not take nine tenths */
    cluster_gpu(&c, 7, 6)->pcie_width = 8;
    assert_other(VERDICT_BAD, "pcie", "GPU 6: PCIe link");
}

static void test_cpu(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_LAUNCH), 0.6);
    strcpy(cluster_node(&c, 7)->text[FACT_GOVERNOR], "powersave");
    assert_bad("cpu", "CPU governor powersave, the others' is performance");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_LAUNCH), 0.6);
    cluster_node(&c, 7)->throttled = 0.3;
    assert_bad("cpu", "the job's CPU limit held it back in 30% of its periods");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GEMM), 0.5);
    cluster_node(&c, 7)->foreign = 0.6;
    assert_other(VERDICT_BAD, "cpu", "other programs took 60%");
}

static void test_clock_source(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_LAUNCH), 0.6);
    strcpy(cluster_node(&c, 7)->text[FACT_CLOCK], "hpet");
    assert_bad("clock-source", "clock source hpet, the others' is tsc");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_MEMORY), 0.6);
    strcpy(cluster_node(&c, 7)->text[FACT_CLOCK], "hpet");
    assert_other(VERDICT_BAD, "clock-source", "clock source hpet");
}

static void test_iommu(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    strcpy(cluster_node(&c, 7)->text[FACT_IOMMU], "DMA-FQ");
    assert_bad("iommu", "IOMMU DMA-FQ, the others' is identity");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GEMM), 0.5);
    strcpy(cluster_node(&c, 7)->text[FACT_IOMMU], "DMA-FQ");
    assert_other(VERDICT_BAD, "iommu", "IOMMU DMA-FQ");
}

static void test_gpudirect(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    cluster_node(&c, 7)->peermem = cluster_node(&c, 7)->dmabuf = 0;
    assert_bad("gpudirect", "nvidia_peermem is not loaded, and the driver has no dma-buf");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    cluster_node(&c, 7)->peermem = 0; /* dma-buf does */
    assert_other(VERDICT_BAD, "gpudirect", "only what leaves the node is slow");
}

static void test_nic_rate(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.75);
    cluster_node(&c, 7)->port[0].rate = 200;
    assert_bad("nic", "NICs at 600 Gb/s, the other nodes' at 800");
    eight_nodes(NULL);
    cluster_slow(&c, 7, COMPUTE, 0.5);
    cluster_node(&c, 7)->port[0].rate = 200;
    assert_other(VERDICT_BAD, "nic", "NICs at 600 Gb/s");
}

static void test_versions(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_GPT2), 0.85);
    strcpy(cluster_node(&c, 7)->text[FACT_DRIVER], "535.161.08");
    strcpy(cluster_node(&c, 7)->text[FACT_MTU], "1500");
    assert_bad("versions", "driver 535.161.08, most have 570.124.06; MTU 1500, most have 9000");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GPT2), 0.5); /* up to 20% */
    strcpy(cluster_node(&c, 7)->text[FACT_DRIVER], "535.161.08");
    assert_other(VERDICT_BAD, "versions", "driver 535.161.08");
    eight_nodes(NULL);
    strcpy(cluster_node(&c, 7)->text[FACT_VBIOS], "96.00.74.00.0D");
    assert_other(VERDICT_WARNING, "versions", "VBIOS 96.00.74.00.0D");
}

/* Nothing on the node says why: the pattern says where to look. */
static void test_patterns(void **state)
{
    (void)state;
    cluster_slow(&c, 7, BIT(CHECK_LAUNCH) | BIT(CHECK_GPT2), 0.5);
    assert_other(VERDICT_BAD, "cpu", "look at the CPU");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_GPT2), 0.5);
    assert_other(VERDICT_BAD, "nvlink", "look at NVLink and the fabric manager");
    eight_nodes(NULL);
    cluster_slow(&c, 7, BIT(CHECK_PAIR), 0.5);
    assert_other(VERDICT_BAD, "nic", "look at its NICs");
}

/* Facts that nobody tells are no faults. */
static void test_nothing_is_known(void **state)
{
    (void)state;
    for (int i = 0; i < c.input.ranks; i++) {
        gpu_facts_init(&c.rank[i].facts);
        node_facts_init(&c.node[i / 8].facts);
    }
    cluster_slow(&c, 7, COMPUTE, 0.5);
    assert_other(VERDICT_BAD, "?", "cause unknown");
    assert_int_equal(cluster_count(&c, VERDICT_GOOD), 7);
}

#define TEST(test) cmocka_unit_test_setup(test, eight_nodes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_0007_power_brake),
        TEST(test_0007_cpu),
        TEST(test_0007_fabric_manager),
        TEST(test_0007_other_process),
        TEST(test_0007_gpus_missing),
        TEST(test_0007_nic),
        TEST(test_brake_is_not_why_copies_are_slow),
        TEST(test_brake_with_another_ratio),
        TEST(test_heat),
        TEST(test_soft_heat),
        TEST(test_power_limit),
        TEST(test_clock_lock),
        TEST(test_process_elsewhere),
        TEST(test_mig),
        TEST(test_nvlink),
        TEST(test_memory_errors),
        TEST(test_xid),
        TEST(test_pcie),
        TEST(test_cpu),
        TEST(test_clock_source),
        TEST(test_iommu),
        TEST(test_gpudirect),
        TEST(test_nic_rate),
        TEST(test_versions),
        TEST(test_patterns),
        TEST(test_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
