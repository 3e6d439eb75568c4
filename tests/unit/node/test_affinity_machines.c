/* SPDX-License-Identifier: Apache-2.0 */
/* Plans on described machines beside the reviewed ones, and on two real machines from NCCL's
 * topology files. */
#include "tests/unit/reviewed.h"

#include <sys/stat.h>

#include "tests/unit/node/affinity_nccl.h"

static void write_plans(FILE *out, const char *machine_file)
{
    struct fixture fixture;
    struct sft_error err = {""};
    if (fixture_load(&fixture, machine_file) < 0)
        fail_msg("%s", machine_file);
    struct affinity_machine *machine = fixture_machine(&fixture, &err);
    assert_true(fixture.runs > 0);
    if (machine == NULL)
        fail_msg("%s: %s", machine_file, err.text);
    for (int i = 0; i < fixture.runs; i++) {
        struct affinity_plan *plan = fixture_plan(machine, &fixture.run[i], &err);
        fprintf(out, "%s%s\n", i > 0 ? "\n" : "", fixture.run[i].line);
        if (plan != NULL)
            affinity_print(out, plan);
        else
            fprintf(out, "%s\n", err.text);
        affinity_plan_destroy(plan);
    }
    affinity_machine_destroy(machine);
    fixture_remove(&fixture);
}

static void test_machine(void **state)
{
    reviewed_check(*state, "affinity", write_plans);
}

/* Eight tasks on a real machine: each on its GPU's node alone, together on all of it. */
static void check_real(const struct nccl_machine *real, const struct affinity_plan *plan,
                       const char *distance)
{
    hwloc_bitmap_t used[2] = {hwloc_bitmap_alloc(), hwloc_bitmap_alloc()};
    for (int i = 0; i < plan->count; i++) {
        const struct affinity_task *task = &plan->task[i];
        int numa = real->gpu[i].numa, nic = 0;
        hwloc_bitmap_t cpus = affinity_cpus_parse(task->cpus, NULL);
        assert_string_equal(task->gpus, real->gpu[i].pci);
        assert_int_equal(atoi(task->numa), numa);
        assert_non_null(cpus);
        assert_true(hwloc_bitmap_isincluded(cpus, real->node[numa]));
        assert_false(hwloc_bitmap_intersects(cpus, used[numa]));
        hwloc_bitmap_or(used[numa], used[numa], cpus);
        hwloc_bitmap_free(cpus);
        while (strcmp(real->nic[nic].group, real->gpu[i].group) != 0)
            assert_true(++nic < real->nics);
        const char *names =
            real->nic[nic].names[0] != '\0' ? real->nic[nic].names : real->nic[nic].pci;
        assert_memory_equal(task->nics, names, strcspn(names, ","));
        assert_null(strchr(task->nics, ','));
        assert_string_equal(task->distance, distance);
    }
    for (int node = 0; node < 2; node++) {
        assert_true(hwloc_bitmap_isequal(used[node], real->node[node]));
        hwloc_bitmap_free(used[node]);
    }
}

static void plan_real(const char *name, const char *cpus, const char *distance)
{
    struct nccl_machine real;
    struct fixture fixture;
    struct sft_error err = {""};
    char path[1024], text[20000];
    struct fixture_run run = {.tasks = 8, .per = 1};
    snprintf(path, sizeof path, "%s/fixtures/%s", reviewed_folder("SFT_SHARED"), name);
    if (nccl_load(&real, path) < 0)
        skip();
    assert_int_equal(real.nodes, 2);
    assert_int_equal(real.gpus, 8);
    snprintf(text, sizeof text, "cpus %s\n%s", cpus, real.description);
    assert_int_equal(fixture_parse(&fixture, text), 0);
    struct affinity_machine *machine = fixture_machine(&fixture, &err);
    if (machine == NULL)
        fail_msg("%s", err.text);
    struct affinity_plan *plan = fixture_plan(machine, &run, &err);
    if (plan == NULL)
        fail_msg("%s", err.text);
    check_real(&real, plan, distance);
    affinity_plan_destroy(plan);
    affinity_machine_destroy(machine);
    fixture_remove(&fixture);
    nccl_free(&real);
}

/* 56 cores a socket with hyper-threads; a GPU and its NIC each behind a switch below a common one.
 */
static void test_real_hgx(void **state)
{
    (void)state;
    plan_real("nccl-topo-hgx-h100-roce.xml", "pack:2 [numa] core:56 pu:2(indexes=core:pack)",
              "PXB");
}

/* A virtual machine: 48 CPUs a node, each PCI device in a domain of its own. */
static void test_real_azure(void **state)
{
    (void)state;
    plan_real("nccl-topo-azure-ndv5-h100.xml", "pack:2 [numa] core:48 pu:1", "PIX");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MACHINE("hgx-h200-8nic"),
        MACHINE("hgx-h200-2nic"),
        MACHINE("dual-port"),
        MACHINE("bonded"),
        MACHINE("port-down"),
        MACHINE("storage-default-route"),
        MACHINE("spread-3-5"),
        MACHINE("numa-unknown"),
        MACHINE("local-cpulist"),
        MACHINE("smt-off"),
        MACHINE("vm-flat"),
        MACHINE("vm-flat-2numa"),
        MACHINE("infiniband"),
        MACHINE("no-rdma"),
        MACHINE("nps4"),
        MACHINE("minors-unordered"),
        MACHINE("few-cores"),
        MACHINE("switch-below-switch"),
        MACHINE("own-gpus"),
        MACHINE("own-gpus-3-5"),
        cmocka_unit_test(test_real_hgx),
        cmocka_unit_test(test_real_azure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
