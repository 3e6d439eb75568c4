/* SPDX-License-Identifier: Apache-2.0 */
/* Slurm may tell each task of GPUs of its own: --gpus-per-task, --ntasks-per-gpu,
 * --gpu-bind=single, map_gpu, mask_gpu. A task alone cannot tell whether others share its GPU or
 * have others: SLURM_STEP_GPUS is the task's then (22.05 to 25.11), the step's list is in no
 * variable, and what names the way of binding (SLURM_GPU_BIND, SLURM_GPUS_PER_TASK,
 * SLURM_TRES_PER_TASK) comes and goes with the release. So tasks tell each other (spank/peers.h),
 * and where one keeps silent, SLURM_GPUS_ON_NODE, which counts the step's GPUs in all of these
 * releases, tells whether the list is the task's own. */
#include "node/affinity_internal.h"

#include <stdlib.h>
#include <string.h>

static bool told_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool ask_all_same(const struct affinity_ask *ask)
{
    const struct affinity_told *mine = &ask->told[ask->rank];
    for (int i = 0; i < ask->tasks && !ask->alone; i++)
        if (!told_same(ask->told[i].cuda, mine->cuda) ||
            !told_same(ask->told[i].slurm, mine->slurm))
            return false;
    return true;
}

/* Alone: is the list narrower than the step's? Where nobody counts the step's GPUs, a list of fewer
 * GPUs than tasks is taken to be the task's own if the node has enough for all to have as many. */
static bool ask_is_own(const struct affinity_machine *machine, const struct affinity_ask *ask,
                       int count)
{
    if (!ask->alone || ask->tasks == 1 || count == 0)
        return false;
    if (ask->step_gpus > 0)
        return count < ask->step_gpus;
    return ask->told[ask->rank].slurm != NULL && count < ask->tasks &&
           count * ask->tasks <= machine->gpus;
}

/* all: the GPUs in use, in the machine's order. */
static void each_union(const struct affinity_machine *machine, const int *gpu, int tasks,
                       struct affinity_gpus *all, uint64_t *uses)
{
    for (int g = 0; g < machine->gpus; g++) {
        bool used = false;
        for (int i = 0; i < tasks; i++) {
            if (gpu[i] != g)
                continue;
            used = true;
            uses[i] = UINT64_C(1) << all->count;
        }
        if (used)
            all->gpu[all->count++] = g;
    }
}

static struct affinity_plan *each_plan(const struct affinity_machine *machine,
                                       const struct affinity_ask *ask, const int *gpu, int tasks,
                                       const char *note, struct sft_error *err)
{
    struct affinity_gpus all = {0};
    uint64_t *uses = calloc((size_t)tasks, sizeof *uses);
    if (uses == NULL) {
        sft_error_set(err, "affinity: out of memory");
        return NULL;
    }
    each_union(machine, gpu, tasks, &all, uses);
    snprintf(all.note, sizeof all.note, "%s", note);
    struct affinity_plan *plan =
        affinity_plan_create_uses(machine, &all, uses, tasks, ask->allowed, err);
    free(uses);
    return plan;
}

/* The GPU that the job takes of a list: setup.c's rule. */
static int each_gpu(const struct affinity_gpus *list, int task)
{
    return list->count > 0 ? list->gpu[task % list->count] : -1;
}

static void each_told(const struct affinity_machine *machine, const struct affinity_ask *ask,
                      int *gpu)
{
    struct affinity_gpus list;
    for (int i = 0; i < ask->tasks; i++)
        gpu[i] = affinity_gpus_find(machine, ask->told[i].cuda, ask->told[i].slurm, &list, NULL) < 0
                     ? -1
                     : each_gpu(&list, i);
}

/* The others take what is left, in order: whose GPU is whose does not matter for the shares. */
static void each_alone(const struct affinity_machine *machine, const struct affinity_ask *ask,
                       int mine, int *gpu, int tasks)
{
    int next = 0;
    for (int i = 0; i < tasks; i++) {
        next += next == mine;
        gpu[i] = i == ask->rank ? mine : next++ % machine->gpus;
    }
}

static void plan_pool(const struct affinity_machine *machine, const struct affinity_gpus *mine,
                      struct affinity_plan *plan)
{
    for (int i = 0; i < mine->pools; i++)
        affinity_append(plan->pool, sizeof plan->pool, "%s%s", i > 0 ? "," : "",
                        machine->gpu[mine->pool[i]].device.pci);
    if (strlen(plan->pool) + 1 == sizeof plan->pool)
        plan->pool[0] = '\0';
}

static struct affinity_plan *plan_of(const struct affinity_machine *machine,
                                     const struct affinity_ask *ask,
                                     const struct affinity_gpus *mine, struct sft_error *err)
{
    char note[AFFINITY_TEXT];
    bool own = ask_is_own(machine, ask, mine->count);
    if (!own && ask_all_same(ask))
        return affinity_plan_create(machine, mine, ask->tasks, 1, ask->allowed, err);
    int tasks = own && machine->gpus > ask->tasks ? machine->gpus : ask->tasks;
    int *gpu = calloc((size_t)tasks, sizeof *gpu);
    if (gpu == NULL) {
        sft_error_set(err, "affinity: out of memory");
        return NULL;
    }
    if (own)
        each_alone(machine, ask, each_gpu(mine, ask->rank), gpu, tasks);
    else
        each_told(machine, ask, gpu);
    snprintf(note, sizeof note, "%.200s; %s", mine->note,
             own ? "the other tasks' GPUs are not known: shares as if all of the node's were in use"
                 : "each task has a list of its own");
    struct affinity_plan *plan = each_plan(machine, ask, gpu, tasks, note, err);
    free(gpu);
    return plan;
}

struct affinity_plan *affinity_plan_for(const struct affinity_machine *machine,
                                        const struct affinity_ask *ask, struct sft_error *err)
{
    struct affinity_gpus mine;
    const struct affinity_told *told = &ask->told[ask->rank];
    if (ask->tasks < 1 || ask->tasks > AFFINITY_TASKS || ask->rank < 0 || ask->rank >= ask->tasks) {
        sft_error_set(err, "affinity: task %d of %d", ask->rank, ask->tasks);
        return NULL;
    }
    if (affinity_gpus_find(machine, told->cuda, told->slurm, &mine, err) < 0)
        return NULL;
    struct affinity_plan *plan = plan_of(machine, ask, &mine, err);
    if (plan != NULL)
        plan_pool(machine, &mine, plan);
    return plan;
}
