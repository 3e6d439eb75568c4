/* SPDX-License-Identifier: Apache-2.0 */
/* What applying a plan does to a process on this machine, and which CPUs it may use. */
#include "tests/unit/unit.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/affinity_internal.h"

#define NOT_PERMITTED 77

/* The value of a line of /proc/self/status. */
static void status_value(const char *key, char *value, size_t size)
{
    char line[1024];
    FILE *file = fopen("/proc/self/status", "r");
    value[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            snprintf(value, size, "%.*s", (int)strcspn(line + strlen(key) + 2, "\n"),
                     line + strlen(key) + 2);
    if (file != NULL)
        fclose(file);
}

/* In a child: apply, and say what the kernel thinks of it. 0 as planned. */
static int apply_and_look(const struct affinity_task *task)
{
    char cpus[512], line[256], wanted[80];
    struct sft_error err = {""};
    if (affinity_apply(task, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return strstr(err.text, "set_mempolicy: Operation not permitted") != NULL ? NOT_PERMITTED
                                                                                  : 1;
    }
    status_value("Cpus_allowed_list", cpus, sizeof cpus);
    if (strcmp(cpus, task->cpus) != 0)
        return 2;
    snprintf(wanted, sizeof wanted, "prefer:%s", task->numa);
    FILE *file = fopen("/proc/self/numa_maps", "r"); /* not in every kernel */
    line[0] = '\0';
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        return 0;
    return strstr(line, wanted) != NULL ? 0 : 3;
}

static int in_child(int (*function)(const struct affinity_task *), const struct affinity_task *task)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(function(task));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Two GPUs at the first NUMA node of this machine, whatever is in it. */
static struct affinity_plan *plan_here(const char *allowed)
{
    struct sft_error err = {""};
    struct affinity_gpus gpus = {.count = 2, .gpu = {0, 1}};
    struct affinity_machine *machine = affinity_machine_create(NULL, &err);
    if (machine == NULL)
        fail_msg("%s", err.text);
    hwloc_obj_t node = hwloc_get_obj_by_type(machine->topology, HWLOC_OBJ_NUMANODE, 0);
    for (int i = 0; i < 2; i++) {
        hwloc_bitmap_free(machine->gpu[i].device.near);
        machine->gpu[i].device.near = hwloc_bitmap_dup(node->cpuset);
    }
    machine->gpus = machine->gpus > 2 ? machine->gpus : 2;
    struct affinity_plan *plan = affinity_plan_create(machine, &gpus, 2, 1, allowed, &err);
    affinity_machine_destroy(machine);
    if (plan == NULL)
        fail_msg("%s", err.text);
    return plan;
}

static void test_apply_on_this_machine(void **state)
{
    (void)state;
    struct sft_error err = {""};
    char *allowed = affinity_allowed(NULL, &err), before[512], after[512];
    int rc = 0;
    assert_non_null(allowed);
    status_value("Cpus_allowed_list", before, sizeof before);
    assert_string_equal(allowed, before);
    struct affinity_plan *plan = plan_here(allowed);
    bool pinned = plan->task[0].pinned;
    for (int i = 0; i < 2 && pinned && rc == 0; i++)
        rc = in_child(apply_and_look, &plan->task[i]);
    status_value("Cpus_allowed_list", after, sizeof after);
    affinity_plan_destroy(plan);
    free(allowed);
    assert_string_equal(after, before);
    if (!pinned || rc == NOT_PERMITTED)
        skip(); /* one CPU, or a container that forbids it */
    assert_int_equal(rc, 0);
}

/* Narrowed to one CPU, as Slurm narrows a task, the union of the masks is still found. */
static int narrowed(const struct affinity_task *task)
{
    cpu_set_t one;
    char now[512];
    struct sft_error err = {""};
    int first = atoi(task->cpus);
    CPU_ZERO(&one);
    CPU_SET((size_t)first, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        return 1;
    char *allowed = affinity_allowed(task->gpus, &err);
    status_value("Cpus_allowed_list", now, sizeof now);
    if (allowed == NULL || strcmp(allowed, task->cpus) != 0 || atoi(now) != first ||
        strpbrk(now, ",-") != NULL)
        return 2;
    free(allowed);
    return affinity_allowed("0x8000000000000000000000000000000000000000", &err) == NULL &&
                   strstr(err.text, "none of these is in the cpuset") != NULL
               ? 0
               : 3;
}

static void test_the_tasks_masks_together(void **state)
{
    (void)state;
    cpu_set_t set;
    struct affinity_task task = {.pinned = true};
    struct sft_error err = {""};
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (size_t cpu = 0; cpu < 32; cpu++) /* one mask a task */
        if (CPU_ISSET(cpu, &set))
            affinity_append(task.gpus, sizeof task.gpus, "%s0x%lx", task.gpus[0] != '\0' ? "," : "",
                            1UL << cpu);
    task.cpus = affinity_allowed(NULL, &err);
    if (task.cpus == NULL || CPU_COUNT(&set) < 2 || strlen(task.gpus) + 12 > sizeof task.gpus)
        skip();
    assert_int_equal(in_child(narrowed, &task), 0);
    free(task.cpus);
}

static void test_apply_says_what_failed(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct affinity_task task = {.pinned = true, .cpus = (char *)(uintptr_t) "8000-8001"};
    assert_int_equal(affinity_apply(&task, &err), -1);
    assert_contains(err.text, "CPUs 8000-8001: sched_setaffinity: Invalid argument");
    task.pinned = false;
    assert_int_equal(affinity_apply(&task, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply_on_this_machine),
        cmocka_unit_test(test_the_tasks_masks_together),
        cmocka_unit_test(test_apply_says_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
