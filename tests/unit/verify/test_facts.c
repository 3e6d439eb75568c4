/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of itself, read from described machines and a library in NVML's place. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/verify/facts.h"
#include "tests/unit/node/machine_tree.h"

static struct tree tree;
static struct node_facts facts;

static int machine(void **state)
{
    (void)state;
    return tree_create(&tree);
}

static int machine_end(void **state)
{
    (void)state;
    tree_remove(&tree);
    return 0;
}

static void test_a_node(void **state)
{
    (void)state;
    tree_line(&tree, "gpu 0000:15/15:01.0/16:00.0/17:00.0/18:00.0 numa=0 minor=0");
    tree_line(&tree, "gpu 0000:26/26:01.0/27:00.0/28:00.0/29:00.0 numa=0 minor=1");
    tree_line(&tree, "nic 0000:15/15:03.0/1f:00.0 numa=0 rdma=mlx5_0:up net=eth1:up");
    tree_line(&tree, "nic 0000:d8/d8:03.0/d9:00.0 numa=1 rdma=mlx5_1:down net=eth2:down rate=200");
    tree_write(&tree, "9000\n", "sys/class/net/eth1/mtu");
    tree_write(&tree, "1500\n", "sys/class/net/eth2/mtu");
    tree_write(&tree, "28.43.2026\n", "sys/class/infiniband/mlx5_0/fw_ver");
    tree_write(&tree, "28.43.2026\n", "sys/class/infiniband/mlx5_1/fw_ver");
    tree_write(&tree, "performance\n", "sys/devices/system/cpu/cpufreq/policy0/scaling_governor");
    tree_write(&tree, "powersave\n", "sys/devices/system/cpu/cpufreq/policy1/scaling_governor");
    tree_write(&tree, "performance\n", "sys/devices/system/cpu/cpufreq/policy2/scaling_governor");
    tree_write(&tree, "hpet\n", "sys/devices/system/clocksource/clocksource0/current_clocksource");
    tree_write(&tree, "DMA-FQ\n", "sys/bus/pci/devices/0000:18:00.0/iommu_group/type");
    tree_write(&tree, "live\n", "sys/module/nvidia_peermem/initstate");
    tree_write(&tree,
               "NVRM: Xid (PCI:0000:18:00): 79, pid=1, GPU has fallen off the bus.\n"
               "NVRM: Xid (PCI:0000:29:00): 13, pid=2, Graphics Exception\n",
               "var/log/kern.log");
    node_facts_read(&facts, tree.root);
    assert_int_equal(facts.gpus, 2);
    assert_int_equal(facts.ports, 2);
    assert_string_equal(facts.port[0].name, "mlx5_0:1");
    assert_true(facts.port[0].active && facts.port[0].rate == 400);
    assert_true(!facts.port[1].active && facts.port[1].rate == 200);
    assert_string_equal(facts.text[FACT_MTU], "9000"); /* of what is in use */
    assert_string_equal(facts.text[FACT_FIRMWARE], "28.43.2026");
    assert_string_equal(facts.text[FACT_GOVERNOR], "performance, powersave");
    assert_string_equal(facts.text[FACT_CLOCK], "hpet");
    assert_string_equal(facts.text[FACT_IOMMU], "DMA-FQ");
    assert_int_equal(facts.peermem, 1);
    assert_int_equal(facts.xid, 79);
}

static void test_a_bare_node(void **state)
{
    (void)state;
    node_facts_read(&facts, tree.root);
    assert_int_equal(facts.gpus, 0);
    assert_int_equal(facts.ports, 0);
    assert_int_equal(facts.peermem, -1);
    assert_int_equal(facts.xid, 0);
    assert_string_equal(facts.text[FACT_IOMMU], "");
    assert_string_equal(facts.text[FACT_CLOCK], "");
}

static void test_xid(void **state)
{
    (void)state;
    assert_int_equal(facts_xid(""), 0);
    assert_int_equal(facts_xid("NVRM: Xid (PCI:0000:18:00): 13, a program's own fault"), 0);
    assert_int_equal(facts_xid("NVRM: Xid (PCI:0000:18:00): 48\nNVRM: Xid (PCI:0000:18:00): 94, x"),
                     94);
    assert_int_equal(facts_xid("NVRM: Xid (PCI:0000:18:00"), 0);
    assert_int_equal(facts_xid("NVRM: Xid (cut\n): 79"), 0);
}

/* The bridge above the GPU has half its lanes; the GPU itself says that all is well. */
static void test_the_weakest_link(void **state)
{
    struct gpu_facts gpu;
    (void)state;
    tree_line(&tree, "gpu 0000:15/15:01.0/16:00.0/17:00.0/18:00.0 numa=0 minor=0");
    const char *bridge = "sys/devices/pci0000:15/0000:15:01.0/0000:16:00.0";
    tree_write(&tree, "32.0 GT/s PCIe\n", "%s/current_link_speed", bridge);
    tree_write(&tree, "32.0 GT/s PCIe\n", "%s/max_link_speed", bridge);
    tree_write(&tree, "8\n", "%s/current_link_width", bridge);
    tree_write(&tree, "16\n", "%s/max_link_width", bridge);
    tree_line(&tree, "nic 0000:15/15:01.0/16:00.0 numa=0 pcie=32x8/32x16");
    gpu_facts_init(&gpu);
    strcpy(gpu.bus_id, "0000:18:00.0");
    gpu_facts_pcie(&gpu, tree.root);
    assert_string_equal(gpu.pcie_at, "0000:16:00.0");
    assert_int_equal(gpu.pcie_width, 8);
    assert_int_equal(gpu.pcie_max_width, 16);
    assert_true(gpu.pcie_gts == 32);
    gpu_facts_init(&gpu);
    strcpy(gpu.bus_id, "0000:99:00.0"); /* is not there */
    gpu_facts_pcie(&gpu, tree.root);
    assert_int_equal(gpu.pcie_width, -1);
}

static void cpu_write(double busy, double own, int periods, int throttled, double waited)
{
    char text[256];
    snprintf(text, sizeof text, "cpu  %.0f 0 0 %.0f 0 0 0 0 0 0\n", 100 * busy,
             100 * (1000 - busy));
    tree_write(&tree, text, "proc/stat");
    tree_write(&tree, "0::/system.slice/slurmstepd.scope/job_17/step_0/user/task_0\n",
               "proc/self/cgroup");
    snprintf(text, sizeof text, "usage_usec %.0f\nuser_usec 5\nnr_periods %d\nnr_throttled %d\n",
             own * 1e6, periods, throttled);
    tree_write(&tree, text, "sys/fs/cgroup/system.slice/slurmstepd.scope/job_17/cpu.stat");
    snprintf(text, sizeof text, "some avg10=0.00 avg60=0.00 avg300=0.00 total=%.0f\n",
             waited * 1e6);
    tree_write(&tree, text, "proc/pressure/cpu");
}

static void test_cpu_time(void **state)
{
    struct cpu_mark begin, end;
    (void)state;
    cpu_write(100, 50, 10, 0, 1);
    cpu_mark_take(&begin, tree.root);
    cpu_write(300, 150, 30, 5, 2);
    cpu_mark_take(&end, tree.root);
    begin.all = 0; /* of 1,000 CPU seconds 200 were busy, 100 of them ours */
    end.now = begin.now + 4;
    node_facts_cpu(&facts, &begin, &end);
    assert_true(fabs(facts.foreign - 0.1) < 1e-9);
    assert_true(fabs(facts.throttled - 0.25) < 1e-9);
    assert_true(fabs(facts.pressure - 0.25) < 1e-9);
    /* In a cgroup that others share nobody knows whose the time was. */
    tree_write(&tree, "0::/\n", "proc/self/cgroup");
    cpu_mark_take(&end, tree.root);
    node_facts_cpu(&facts, &begin, &end);
    assert_true(isnan(facts.foreign) && isnan(facts.throttled));
}

static void test_nvml(void **state)
{
    struct gpu_facts gpu;
    char library[4096];
    (void)state;
    snprintf(library, sizeof library, "%s/tests/unit/verify/.libs/libnvidia-ml-facts.so",
             getenv("SFT_BUILDDIR"));
    gpu_facts_init(&gpu);
    strcpy(gpu.bus_id, "0000:18:00.0");
    gpu_facts_nvml(&gpu, library);
    assert_true(gpu.limit_w == 350 && gpu.default_limit_w == 700);
    assert_int_equal(gpu.busy, 97);
    assert_int_equal(gpu.processes, 2);
    assert_string_equal(gpu.process, "process (4000000002), 3.5 GiB");
    assert_int_equal(gpu.mig, 1);
    assert_int_equal(gpu.remap_pending, 1);
    assert_int_equal(gpu.remap_failed, 0);
    assert_int_equal(gpu.uncorrected, 3);
    assert_int_equal(gpu.links, 18);
    assert_int_equal(gpu.links_down, 1);
    assert_true(fabs(gpu.link_gbs - 13.281) < 1e-9);
    assert_int_equal(gpu.fabric_state, 3);
    assert_int_equal(gpu.fabric_health, 2);
    assert_string_equal(gpu.vbios, "96.00.BC.00.01");
}

/* Another GPU, no library: nothing is known, and nothing fails. */
static void test_no_nvml(void **state)
{
    struct gpu_facts gpu, unknown;
    char library[4096];
    (void)state;
    gpu_facts_init(&unknown);
    strcpy(unknown.bus_id, "0000:77:00.0");
    gpu = unknown;
    snprintf(library, sizeof library, "%s/tests/unit/verify/.libs/libnvidia-ml-facts.so",
             getenv("SFT_BUILDDIR"));
    gpu_facts_nvml(&gpu, library);
    gpu_facts_nvml(&gpu, "/nowhere/libnvidia-ml.so.1");
    assert_int_equal(gpu.processes, -1);
    assert_int_equal(gpu.links, -1);
    assert_true(isnan(gpu.limit_w));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, machine, machine_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_node),
        TEST(test_a_bare_node),
        cmocka_unit_test(test_xid),
        TEST(test_the_weakest_link),
        TEST(test_cpu_time),
        cmocka_unit_test(test_nvml),
        cmocka_unit_test(test_no_nvml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
