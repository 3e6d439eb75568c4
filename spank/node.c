/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "spank/affinity.h"

node_place_f sft_bench_node_place;

static void place_describe(const struct affinity_task *task, char text[NODE_TEXT])
{
    snprintf(text, NODE_TEXT, "gpu=%.100s cpus=%.250s numa=%.60s nics=%.200s distance=%s why=%.300s",
             task->gpus, task->cpus, task->numa, task->nics, task->distance, task->reason);
}

static struct affinity_plan *place_plan(const struct node_task *task,
                                        struct affinity_machine *machine, struct sft_error *err)
{
    struct affinity_gpus gpus;
    struct affinity_plan *plan = NULL;
    if (affinity_gpus_find(machine, task->cuda, task->gpus, &gpus, err) < 0)
        return NULL;
    char *allowed = affinity_allowed(task->masks, err);
    if (allowed != NULL)
        plan = affinity_plan_create(machine, &gpus, task->tasks, 1, allowed, err);
    free(allowed);
    return plan;
}

int sft_bench_node_place(const struct node_task *task, char text[NODE_TEXT], struct sft_error *err)
{
    const struct affinity_source source = { NULL, task->root };
    struct affinity_plan *plan = NULL;
    int result = -1;
    struct affinity_machine *machine = affinity_machine_create(&source, err);
    if (machine != NULL)
        plan = place_plan(task, machine, err);
    if (plan != NULL && affinity_apply(&plan->task[task->local_rank], err) == 0) {
        place_describe(&plan->task[task->local_rank], text);
        result = 0;
    }
    affinity_plan_destroy(plan);
    affinity_machine_destroy(machine);
    return result;
}
