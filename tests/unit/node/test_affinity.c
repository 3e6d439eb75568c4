/* SPDX-License-Identifier: Apache-2.0 */
/* Plans on machines of cores alone, with GPUs put by hand, worked out by hand and at random; and
 * what applying one does to a process. */
#include "tests/unit/unit.h"

#include "node/affinity_internal.h"

#define NODE_UNKNOWN (-1)

static struct affinity_machine *machine;
static struct affinity_gpus gpus;
static struct affinity_plan *plan;

static void start(const char *synthetic)
{
    const struct affinity_source source = {.synthetic = synthetic, .root = "/nonexistent"};
    struct sft_error err = {""};
    machine = affinity_machine_create(&source, &err);
    if (machine == NULL)
        fail_msg("%s: %s", synthetic, err.text);
    memset(&gpus, 0, sizeof gpus);
}

static void add_near(hwloc_const_bitmap_t near)
{
    struct affinity_gpu *gpu = &machine->gpu[machine->gpus];
    snprintf(gpu->device.pci, sizeof gpu->device.pci, "0000:%02x:00.0", machine->gpus);
    gpu->device.near = near != NULL ? hwloc_bitmap_dup(near) : NULL;
    gpus.gpu[gpus.count++] = machine->gpus++;
}

static void add_gpu(int node)
{
    hwloc_obj_t object =
        node == NODE_UNKNOWN
            ? NULL
            : hwloc_get_numanode_obj_by_os_index(machine->topology, (unsigned)node);
    assert_true(node == NODE_UNKNOWN || object != NULL);
    add_near(object != NULL ? object->cpuset : NULL);
}

static void add_gpus(int count, int node)
{
    while (count-- > 0)
        add_gpu(node);
}

static void make(int tasks, int per, const char *allowed)
{
    struct sft_error err = {""};
    affinity_plan_destroy(plan);
    plan = affinity_plan_create(machine, &gpus, tasks, per, allowed, &err);
    if (plan == NULL)
        fail_msg("%s", err.text);
}

static int end(void **state)
{
    (void)state;
    affinity_plan_destroy(plan);
    affinity_machine_destroy(machine);
    plan = NULL;
    machine = NULL;
    return 0;
}

static void assert_cpus(int task, const char *cpus, const char *numa)
{
    const struct affinity_task *it = &plan->task[task];
    if (strcmp(it->cpus, cpus) != 0)
        fail_msg("task %d: %s instead of %s", task, it->cpus, cpus);
    assert_int_equal(it->pinned, cpus[0] != '\0');
    assert_string_equal(it->numa, numa);
}

static void assert_unpinned(int task, const char *reason)
{
    assert_cpus(task, "", "");
    assert_string_equal(plan->task[task].reason, reason);
}

#define TWO_SOCKETS "pack:2 [numa] core:6 pu:2(indexes=core:pack)" /* 0-5,12-17 and 6-11,18-23 */

static void test_whole_cores_with_their_threads(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpus(2, 0);
    add_gpus(2, 1);
    make(4, 1, NULL);
    assert_cpus(0, "0-2,12-14", "0");
    assert_cpus(1, "3-5,15-17", "0");
    assert_cpus(2, "6-8,18-20", "1");
    assert_cpus(3, "9-11,21-23", "1");
    assert_int_equal(plan->task[0].cores, 3);
    assert_string_equal(plan->task[0].gpus, "0000:00:00.0");
    assert_string_equal(plan->task[0].reason, "3 of 6 cores on NUMA node 0 for 2 tasks");
}

static void test_half_allowed_cores_stay_half(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpus(2, 0);
    make(2, 1, "0-3,12");
    assert_cpus(0, "0-1,12", "0");
    assert_cpus(1, "2-3", "0");
}

static void test_three_and_five(void **state)
{
    (void)state;
    start("pack:2 [numa] core:15 pu:1");
    add_gpus(3, 0);
    add_gpus(5, 1);
    make(8, 1, NULL);
    assert_cpus(2, "10-14", "0");
    assert_cpus(3, "15-17", "1"); /* rank / 4 would put it on node 0 */
    assert_cpus(7, "27-29", "1");
}

static void test_threads_when_cores_are_fewer(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpus(4, 0);
    make(4, 1, "0-1,12-13");
    assert_cpus(0, "0", "0");
    assert_cpus(1, "12", "0");
    assert_cpus(3, "13", "0");
    assert_string_equal(plan->task[0].reason, "1 hyper-thread: 2 cores on NUMA node 0 for 4 tasks");
}

static void test_two_cores_for_eight_tasks(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpus(8, 0);
    make(8, 1, "0-1,12-13");
    for (int task = 0; task < 8; task++)
        assert_unpinned(task, "not pinned: too few cores, 2 allowed on NUMA node 0 for 8 tasks");
}

static void test_allowed_cores_elsewhere(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpu(0);
    add_gpu(1);
    make(2, 1, "6-9,18-21");
    assert_unpinned(0, "not pinned: 4 cores allowed, none on NUMA node 0 of the GPU");
    assert_cpus(1, "6-9,18-21", "1");
}

static void test_no_locality(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpu(NODE_UNKNOWN);
    add_gpu(1);
    make(2, 1, NULL);
    assert_unpinned(0, "not pinned: the firmware does not tell the GPU's NUMA node");
    assert_cpus(1, "6-11,18-23", "1");
}

static void test_no_gpu(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    make(2, 1, NULL);
    assert_unpinned(1, "not pinned: no GPU is left to the step");
}

/* A GPU's share is its tasks', however many the other GPU has. */
static void test_more_tasks_than_gpus(void **state)
{
    (void)state;
    start("pack:1 [numa] core:12 pu:1");
    add_gpus(2, 0);
    make(3, 1, NULL); /* tasks 0 and 2 on the first */
    assert_cpus(0, "0-2", "0");
    assert_cpus(2, "3-5", "0");
    assert_cpus(1, "6-11", "0");
}

static void test_equal_gpus_would_starve_tasks(void **state)
{
    (void)state;
    start("pack:1 [numa] core:5 pu:1");
    add_gpus(2, 0);
    make(5, 1, NULL); /* 2 cores for the first GPU would be too few for its 3 tasks */
    assert_cpus(0, "0", "0");
    assert_cpus(2, "1", "0");
    assert_cpus(4, "2", "0");
    assert_cpus(1, "3", "0");
    assert_cpus(3, "4", "0");
}

static void test_all_tasks_on_one_gpu(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpu(1);
    make(3, 1, NULL);
    assert_cpus(0, "6-7,18-19", "1");
    assert_cpus(1, "8-9,20-21", "1");
    assert_cpus(2, "10-11,22-23", "1");
}

static void test_several_gpus_a_task(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpu(0);
    add_gpu(1);
    add_gpu(0);
    add_gpu(1);
    make(2, 2, NULL);
    assert_cpus(0, "0-2,6-8,12-14,18-20", "0-1");
    assert_cpus(1, "3-5,9-11,15-17,21-23", "0-1");
    assert_string_equal(plan->task[1].gpus, "0000:02:00.0,0000:03:00.0");
}

/* Only the GPUs in use have a share. */
static void test_idle_gpus_take_nothing(void **state)
{
    (void)state;
    start(TWO_SOCKETS);
    add_gpus(4, 0);
    make(1, 1, NULL);
    assert_cpus(0, "0-5,12-17", "0");
}

/* One GPU is known by its socket, another by a NUMA node in it: the node's cores are shared. */
static void test_overlapping_localities(void **state)
{
    (void)state;
    start("pack:1 group:2 [numa] core:4 pu:1");
    add_near(hwloc_topology_get_topology_cpuset(machine->topology));
    add_gpu(0);
    make(2, 1, NULL);
    assert_cpus(0, "0-1,4-7", "0-1");
    assert_cpus(1, "2-3", "0");
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct sft_error err = {""};
    start(TWO_SOCKETS);
    add_gpu(0);
    assert_null(affinity_plan_create(machine, &gpus, 0, 1, NULL, &err));
    assert_null(affinity_plan_create(machine, &gpus, 1, 0, NULL, &err));
    assert_null(affinity_plan_create(machine, &gpus, AFFINITY_TASKS + 1, 1, NULL, &err));
    assert_contains(err.text, "1025 tasks");
    assert_null(affinity_plan_create(machine, &gpus, 1, 1, "0-", &err));
    assert_string_equal(err.text, "CPUs '0-': not of the form 0-11,96-107");
    const struct affinity_source source = {.synthetic = "nonsense"};
    assert_null(affinity_machine_create(&source, &err));
    assert_contains(err.text, "'nonsense'");
}

static unsigned long long random_state = 20240601;

static int random_below(int n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int)((random_state >> 33) % (unsigned)n);
}

/* Cores with a CPU in the set, among those of the machine. */
static int cores_in(hwloc_const_bitmap_t cpus)
{
    int count = 0;
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(machine->topology, HWLOC_OBJ_CORE, core)) != NULL;)
        count += hwloc_bitmap_intersects(core->cpuset, cpus);
    return count;
}

static hwloc_bitmap_t random_allowed(char **text)
{
    hwloc_bitmap_t allowed =
        hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(machine->topology));
    int drop = random_below(100), cpus = hwloc_bitmap_weight(allowed);
    for (int cpu = 1; cpu < cpus; cpu++)
        if (random_below(100) < drop)
            hwloc_bitmap_clr(allowed, (unsigned)cpu);
    hwloc_bitmap_list_asprintf(text, allowed);
    return allowed;
}

/* A run leaves out no core that is allowed there: between its first and last, all are the task's.
 */
static void check_run(hwloc_const_bitmap_t cpus, hwloc_const_bitmap_t usable)
{
    int changes = 0;
    bool inside = false;
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(machine->topology, HWLOC_OBJ_CORE, core)) != NULL;) {
        if (!hwloc_bitmap_intersects(core->cpuset, usable))
            continue;
        bool now = hwloc_bitmap_intersects(core->cpuset, cpus);
        changes += now && !inside;
        inside = now;
    }
    assert_int_equal(changes, 1);
}

static int tasks_on(hwloc_obj_t node, int count)
{
    int tasks = 0;
    for (int i = 0; i < plan->count; i++)
        tasks += hwloc_bitmap_isequal(machine->gpu[i % count].device.near, node->cpuset);
    return tasks;
}

/* What holds for all tasks whose GPUs are on one node. Returns how many these are. */
static int check_node(hwloc_obj_t node, hwloc_const_bitmap_t allowed, hwloc_bitmap_t used,
                      int count)
{
    int tasks = tasks_on(node, count), pinned = 0, fewest = 1 << 30, most = 0;
    hwloc_bitmap_t usable = hwloc_bitmap_dup(node->cpuset), given = hwloc_bitmap_alloc();
    hwloc_bitmap_and(usable, usable, allowed);
    for (int i = 0; i < plan->count; i++) {
        if (!hwloc_bitmap_isequal(machine->gpu[i % count].device.near, node->cpuset) ||
            !plan->task[i].pinned)
            continue;
        pinned++;
        hwloc_bitmap_t cpus = affinity_cpus_parse(plan->task[i].cpus, NULL);
        assert_true(hwloc_bitmap_isincluded(cpus, usable));
        assert_false(hwloc_bitmap_intersects(cpus, used));
        hwloc_bitmap_or(used, used, cpus);
        hwloc_bitmap_or(given, given, cpus);
        check_run(cpus, usable);
        int units = cores_in(usable) >= tasks ? cores_in(cpus) : hwloc_bitmap_weight(cpus);
        fewest = units < fewest ? units : fewest;
        most = units > most ? units : most;
        assert_int_equal(plan->task[i].cores, cores_in(cpus));
        hwloc_bitmap_free(cpus);
    }
    assert_true(pinned == 0 || pinned == tasks);
    assert_int_equal(pinned > 0, tasks > 0 && hwloc_bitmap_weight(usable) >= tasks);
    if (pinned > 0) {
        assert_true(hwloc_bitmap_isequal(given, usable)); /* nothing is left idle */
        assert_true(most - fewest <= 1 || plan->count > count);
    }
    hwloc_bitmap_free(usable);
    hwloc_bitmap_free(given);
    return tasks;
}

/* Each core's CPUs go to one task when there are as many cores as tasks. */
static void check_whole_cores(hwloc_const_bitmap_t allowed, int count)
{
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(machine->topology, HWLOC_OBJ_CORE, core)) != NULL;) {
        int owners = 0, claimants = 0, there = 0;
        for (int i = 0; i < plan->count; i++) {
            hwloc_const_bitmap_t near = machine->gpu[i % count].device.near;
            if (!hwloc_bitmap_intersects(near, core->cpuset))
                continue;
            hwloc_bitmap_t usable = hwloc_bitmap_dup(near);
            hwloc_bitmap_and(usable, usable, allowed);
            claimants++;
            there = cores_in(usable);
            hwloc_bitmap_t cpus =
                plan->task[i].pinned ? affinity_cpus_parse(plan->task[i].cpus, NULL) : NULL;
            owners += cpus != NULL && hwloc_bitmap_intersects(cpus, core->cpuset);
            hwloc_bitmap_free(cpus);
            hwloc_bitmap_free(usable);
        }
        if (there >= claimants)
            assert_true(owners <= 1);
    }
}

static void random_plan(void)
{
    char synthetic[128], *allowed_text;
    int nodes = 1 + random_below(4), count = 1 + random_below(8), tasks = 0;
    snprintf(synthetic, sizeof synthetic, "pack:%d [numa] core:%d pu:%d(indexes=core:pack)", nodes,
             1 + random_below(16), 1 + random_below(2));
    start(synthetic);
    for (int i = 0; i < count; i++)
        add_gpu(random_below(nodes));
    hwloc_bitmap_t allowed = random_allowed(&allowed_text), used = hwloc_bitmap_alloc();
    make(1 + random_below(random_below(4) == 0 ? 3 * count : count), 1, allowed_text);
    for (int i = 0; i < nodes; i++)
        tasks +=
            check_node(hwloc_get_obj_by_type(machine->topology, HWLOC_OBJ_NUMANODE, (unsigned)i),
                       allowed, used, count);
    assert_int_equal(tasks, plan->count);
    check_whole_cores(allowed, count);
    hwloc_bitmap_free(allowed);
    hwloc_bitmap_free(used);
    free(allowed_text);
    end(NULL);
}

static void test_random_machines(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        random_plan();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_whole_cores_with_their_threads, end),
        cmocka_unit_test_teardown(test_half_allowed_cores_stay_half, end),
        cmocka_unit_test_teardown(test_three_and_five, end),
        cmocka_unit_test_teardown(test_threads_when_cores_are_fewer, end),
        cmocka_unit_test_teardown(test_two_cores_for_eight_tasks, end),
        cmocka_unit_test_teardown(test_allowed_cores_elsewhere, end),
        cmocka_unit_test_teardown(test_no_locality, end),
        cmocka_unit_test_teardown(test_no_gpu, end),
        cmocka_unit_test_teardown(test_more_tasks_than_gpus, end),
        cmocka_unit_test_teardown(test_equal_gpus_would_starve_tasks, end),
        cmocka_unit_test_teardown(test_all_tasks_on_one_gpu, end),
        cmocka_unit_test_teardown(test_several_gpus_a_task, end),
        cmocka_unit_test_teardown(test_idle_gpus_take_nothing, end),
        cmocka_unit_test_teardown(test_overlapping_localities, end),
        cmocka_unit_test_teardown(test_bad_arguments, end),
        cmocka_unit_test_teardown(test_random_machines, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
