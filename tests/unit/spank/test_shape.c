/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a job can get, and what they have in common: tables of nodes in, numbers out. */
#include "tests/unit/unit.h"

#include "node/features.h"
#include "node/hosts.h"
#include "spank/probe.h"
#include "spank/shape.h"

#define NODE(n, gpus, count, ...)                                                                  \
    {                                                                                              \
        .name = n, .gres = gpus, .cpus = count, .sockets = 1, .threads = 1, __VA_ARGS__            \
    }

/* Two nodes of 2 GPUs and one of 4, as in a partition that was grown. */
static struct shape_node mixed[] = {
    NODE("a1", "gpu:2", 4, .features = "small"),
    NODE("a2", "gpu:2", 4, .features = "small,ib"),
    NODE("b3", "gpu:4", 8, .features = "big,ib"),
};

static const struct shape_partition everything;

static struct shape_wish wish_of(int nodes, int gpus)
{
    return (struct shape_wish){.nodes = nodes, .gpus = gpus, .site_gpus = -1};
}

static struct shape shaped(struct shape_node *nodes, int count,
                           const struct shape_partition *partition, const struct shape_wish *wish)
{
    const struct shape_site site = {nodes, count};
    struct shape shape;
    shape_make(&shape, &site, partition, wish);
    return shape;
}

#define SHAPED(nodes, partition, wish)                                                             \
    shaped(nodes, (int)(sizeof(nodes) / sizeof(nodes)[0]), partition, wish)

static struct shape of_mixed(int nodes, int gpus)
{
    struct shape_wish wish = wish_of(nodes, gpus);
    return SHAPED(mixed, &everything, &wish);
}

static void test_mixed_nodes(void **state)
{
    (void)state;
    struct shape shape = of_mixed(1, 4);
    assert_int_equal(shape.gpus, 4);
    assert_int_equal(shape.nodes, 1);
    assert_int_equal(shape.cpus_per_task, 2);
    shape = of_mixed(1, -1);
    assert_int_equal(shape.gpus, 2); /* as most have */
    assert_int_equal(shape.nodes, 3);
    assert_true(shape.least == 2 && shape.most == 4);
    assert_int_equal(of_mixed(3, -1).gpus, 2);
    assert_int_equal(of_mixed(2, 4).nodes, 1); /* the planner refuses two of them */
    assert_int_equal(of_mixed(1, 5).gpus, 4);
    assert_int_equal(of_mixed(1, 0).gpus, 0);
}

static void test_most_nodes_decide(void **state)
{
    (void)state;
    struct shape_node nodes[] = {
        NODE("dev", "gpu:1", 8), NODE("n1", "gpu:8", 96), NODE("n2", "gpu:8", 96),
        NODE("n3", "gpu:8", 96), NODE("login", NULL, 96),
    };
    struct shape_wish wish = wish_of(1, -1);
    struct shape shape = SHAPED(nodes, &everything, &wish);
    assert_int_equal(shape.gpus, 8);
    assert_int_equal(shape.nodes, 3);
    assert_int_equal(shape.cpus_per_task, 12);
    wish.nodes = 4; /* with the odd one there are enough */
    assert_int_equal(SHAPED(nodes, &everything, &wish).gpus, 1);
    wish.nodes = 5; /* and for five there are not: the login node has none */
    shape = SHAPED(nodes, &everything, &wish);
    assert_int_equal(shape.nodes, 4);
}

static void test_the_users_hosts(void **state)
{
    (void)state;
    struct words hosts = {0}, bad = {0};
    struct shape_wish wish = wish_of(1, -1);
    hosts_expand("b3", &hosts, &bad);
    wish.with = &hosts;
    assert_int_equal(SHAPED(mixed, &everything, &wish).gpus, 4);
    wish.nodes = 2; /* b3 and another */
    assert_int_equal(SHAPED(mixed, &everything, &wish).gpus, 2);
    wish.nodes = 1;
    wish.with = NULL;
    wish.within = &hosts;
    assert_int_equal(SHAPED(mixed, &everything, &wish).gpus, 4);
    wish.within = NULL;
    wish.without = &hosts;
    struct shape shape = SHAPED(mixed, &everything, &wish);
    assert_true(shape.gpus == 2 && shape.nodes == 2 && shape.most == 2);
    words_clear(&hosts);
}

static void test_features_partitions_and_reservations(void **state)
{
    (void)state;
    struct shape_wish wish = wish_of(1, -1);
    wish.features = "big";
    assert_int_equal(SHAPED(mixed, &everything, &wish).gpus, 4);
    wish.features = "ib&small";
    assert_int_equal(SHAPED(mixed, &everything, &wish).narrowed, 1);
    wish.features = "none";
    assert_int_equal(SHAPED(mixed, &everything, &wish).narrowed, 0);
    wish.features = NULL;
    const int32_t last[] = {2, 2, -1};
    const struct shape_partition big = {.name = "h200", .ranges = last};
    assert_int_equal(SHAPED(mixed, &big, &wish).gpus, 4);
    const int32_t beyond[] = {0, 99, -1}; /* nodes that came after the table was asked for */
    const struct shape_partition newer = {.name = "new", .ranges = beyond, .max_nodes = 2};
    assert_int_equal(SHAPED(mixed, &newer, &wish).nodes, 2);
}

static void test_nodes_that_are_down(void **state)
{
    (void)state;
    struct shape_node nodes[] = {
        NODE("a1", "gpu:8", 64, .down = true),
        NODE("a2", "gpu:8", 64, .down = true),
        NODE("b1", "gpu:4", 32),
    };
    struct shape_wish wish = wish_of(1, -1);
    assert_int_equal(SHAPED(nodes, &everything, &wish).gpus, 4);
    wish.nodes = 2; /* then the job waits for them, as plain srun does */
    struct shape shape = SHAPED(nodes, &everything, &wish);
    assert_true(shape.gpus == 8 && shape.nodes == 2);
}

static void assert_cpus(struct shape_node node, const struct shape_partition *partition,
                        const struct shape_wish *wish, int cpus)
{
    struct shape shape = shaped(&node, 1, partition, wish);
    if (shape.cpus_per_task != cpus)
        fail_msg("%d CPUs, not %d", shape.cpus_per_task, cpus);
    assert_int_equal(shape.short_of_cpus, cpus == 0);
}

static void test_cpus_that_can_be_had(void **state)
{
    (void)state;
    struct shape_wish wish = wish_of(1, -1), one = wish_of(1, 1), none = wish_of(1, 0);
    struct shape_node node = NODE("n", "gpu:2", 4), core_spec = NODE("n", "gpu:2", 3);
    const struct shape_partition three = {.cpus_per_node = 3}, single = {.cpus_per_node = 1};
    assert_cpus(node, &everything, &wish, 2);
    assert_cpus(core_spec, &everything, &wish, 1);
    assert_cpus(node, &three, &wish, 1);
    assert_cpus(node, &single, &wish, 0);
    assert_cpus(node, &single, &one, 1);
    assert_cpus(node, &everything, &one, 2); /* the other GPU's cores stay free */
    assert_cpus(node, &everything, &none, 4);
    none.tasks = 3;
    assert_cpus(node, &everything, &none, 1);
    struct shape_node socket = NODE("n", "gpu:2", 64);
    socket.sockets = 2;
    const struct shape_partition per_socket = {.cpus_per_socket = 8};
    assert_cpus(socket, &per_socket, &wish, 8);
    struct shape_node huge = NODE("n", "gpu:1", 256);
    assert_cpus(huge, &everything, &wish, SHAPE_GPU_TASK_CPUS);
}

static void test_whole_cores(void **state)
{
    (void)state;
    struct shape_wish wish = wish_of(1, -1);
    struct shape_node node = NODE("n", "gpu:4", 36); /* 18 cores: four each, and two are left */
    node.threads = 2;
    assert_cpus(node, &everything, &wish, 8);
    wish.threads = 1; /* --hint=nomultithread: a CPU is a core */
    assert_cpus(node, &everything, &wish, 4);
    wish.threads = 9;
    assert_cpus(node, &everything, &wish, 8);
    node.cpus = 6; /* three cores for four tasks */
    wish.threads = 0;
    assert_cpus(node, &everything, &wish, 1);
}

static void test_memory_and_limits(void **state)
{
    (void)state;
    struct shape_wish wish = wish_of(1, -1);
    struct shape_node node = NODE("n", "gpu:2", 4, .memory = 4096);
    const struct shape_partition memory = {.mem_per_cpu = 1500};
    assert_cpus(node, &memory, &wish, 1);
    wish.mem_per_cpu = 1024;
    assert_cpus(node, &memory, &wish, 2);
    wish.mem_per_cpu = -1; /* --mem */
    assert_cpus(node, &memory, &wish, 2);
    wish.cpus = 3; /* a QOS */
    assert_cpus(node, &everything, &wish, 1);
    wish.cpus = 1;
    struct shape shape = shaped(&node, 1, &everything, &wish);
    assert_true(shape.short_of_cpus);
    assert_contains(shape.limit, "QOS");
}

static void test_a_site_says_the_gpus(void **state)
{
    (void)state;
    struct shape_node node = NODE("n", "gpu:1", 16);
    struct shape_wish wish = wish_of(1, -1);
    wish.site_gpus = 4;
    struct shape shape = shaped(&node, 1, &everything, &wish);
    assert_true(shape.gpus == 4 && shape.cpus_per_task == 4);
}

static void test_types_and_slices(void **state)
{
    (void)state;
    struct shape_wish wish = wish_of(1, -1);
    struct shape_node both = NODE("n", "gpu:a100:2,gpu:h100:4", 12);
    struct shape shape = shaped(&both, 1, &everything, &wish);
    assert_int_equal(shape.gpus, 4);
    assert_string_equal(shape.type, "h100");
    wish.gpus = 6; /* who asks for all gets all */
    shape = shaped(&both, 1, &everything, &wish);
    assert_int_equal(shape.gpus, 6);
    assert_string_equal(shape.type, "");
    struct shape_node cut = NODE("n", "gpu:h100:4,gpu:1g.10gb:7", 16);
    wish.gpus = -1;
    shape = shaped(&cut, 1, &everything, &wish);
    assert_int_equal(shape.gpus, 4);
    assert_string_equal(shape.type, "h100"); /* else Slurm may give slices */
    assert_int_equal(shape.cpus_per_task, 4);
    wish.type = "1g.10gb";
    assert_int_equal(shaped(&cut, 1, &everything, &wish).gpus, 7);
    wish.gpus = 2;
    assert_int_equal(shaped(&cut, 1, &everything, &wish).gpus, 2);
    struct shape_node slices = NODE("n", "gpu:a100_3g.20gb:2", 4);
    wish = wish_of(1, -1);
    shape = shaped(&slices, 1, &everything, &wish);
    assert_int_equal(shape.gpus, 0);
    assert_string_equal(shape.slice, "a100_3g.20gb");
    struct shape_node one_type = NODE("n", "gpu:h100:8", 96);
    shape = shaped(&one_type, 1, &everything, &wish);
    assert_true(shape.gpus == 8 && shape.type[0] == '\0');
}

static void assert_hosts(const char *list, const char *hosts, const char *bad)
{
    struct words is = {0}, out = {0};
    hosts_expand(list, &is, &out);
    words_add(&is, "|");
    words_add_all(&is, out.list, out.count);
    char text[1024] = "";
    for (int i = 0; i < is.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", is.list[i]);
    char expected[1024];
    snprintf(expected, sizeof expected, "%s| %s", hosts, bad);
    assert_string_equal(text, expected);
    words_clear(&is);
    words_clear(&out);
}

static void test_lists_of_hosts(void **state)
{
    (void)state;
    assert_hosts("hgx-0008", "hgx-0008 ", "");
    assert_hosts("n[3,5-7],x", "n3 n5 n6 n7 x ", "");
    assert_hosts("n[08-11]-ib", "n08-ib n09-ib n10-ib n11-ib ", "");
    assert_hosts("r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2 ", "");
    assert_hosts("a,n[3-],b", "a b ", "n[3-] ");
    assert_hosts("n[5-3] ok", "ok ", "n[5-3] ");
    assert_hosts("n[1-3", "", "n[1-3 ");
    assert_hosts("n[1-999999999]", "", "n[1-999999999] ");
    assert_hosts("n[],n[a],n]", "", "n[] n[a] n] ");
    assert_hosts(",,", "", "");
}

static void test_a_host_by_another_name(void **state)
{
    (void)state;
    assert_true(hosts_mean("HGX-1", "hgx-1"));
    assert_true(hosts_mean("hgx-1.example.org", "hgx-1"));
    assert_true(hosts_mean("hgx-1", "HGX-1.example.org"));
    assert_false(hosts_mean("hgx-1.example.org", "hgx-1.example.net"));
    assert_false(hosts_mean("hgx-10", "hgx-1"));
    assert_false(hosts_mean("hgx", "hgx-1"));
}

static void test_constraints(void **state)
{
    (void)state;
    static const struct {
        const char *constraint;
        bool meets;
    } cases[] = {
        {"", true},
        {"ib", true},
        {"a100", true},
        {"h100", false},
        {"ib&a100", true},
        {"ib&h100", false},
        {"h100|a100", true},
        {"[h100|a100]", true},
        {"(h100|a100)&ib", true},
        {"(h100|v100)&ib", false},
        {"a100*2", true},
        {"[a100*1&ib*1]", true},
        {"ib,a100", true},
        {"i", false},
        {"&&", true},
        {"(ib", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (features_meet(cases[i].constraint, "a100,ib") != cases[i].meets)
            fail_msg("'%s'", cases[i].constraint);
    assert_false(features_meet("ib", NULL));
}

static void test_what_test_only_says(void **state)
{
    (void)state;
    struct probe probe;
    assert_true(probe_read(
        &probe, "srun: lua: hello\nsrun: Job 12 to start at 2026-11-26T07:00:19 using 4 processors "
                "on nodes hgx-[0001-0002] in partition h200\n"));
    assert_string_equal(probe.partition, "h200");
    assert_string_equal(probe.nodes, "hgx-[0001-0002]");
    assert_true(probe_read(
        &probe, "sbatch: Job 7 to start at 2026-11-26T07:00:19 a using 1 processors on nodes n1 in "
                "partition a"));
    assert_string_equal(probe.partition, "a");
    assert_false(
        probe_read(&probe, "allocation failure: Requested node configuration is not available\n"));
    assert_false(probe_read(&probe, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_nodes),
        cmocka_unit_test(test_most_nodes_decide),
        cmocka_unit_test(test_the_users_hosts),
        cmocka_unit_test(test_features_partitions_and_reservations),
        cmocka_unit_test(test_nodes_that_are_down),
        cmocka_unit_test(test_cpus_that_can_be_had),
        cmocka_unit_test(test_whole_cores),
        cmocka_unit_test(test_memory_and_limits),
        cmocka_unit_test(test_a_site_says_the_gpus),
        cmocka_unit_test(test_types_and_slices),
        cmocka_unit_test(test_lists_of_hosts),
        cmocka_unit_test(test_a_host_by_another_name),
        cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_what_test_only_says),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
