/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/affinity.h"
#include "node/said.h"

node_place_f sft_bench_node_place;

static void place_describe(const struct affinity_task *task, const char *pool, char text[NODE_TEXT])
{
    const struct said_task said = {.gpu = task->gpus,
                                   .cpus = task->cpus,
                                   .numa = task->numa,
                                   .nics = task->nics,
                                   .distance = task->distance,
                                   .pool = pool,
                                   .why = task->reason};
    said_write_task(&said, text, NODE_TEXT);
}

static struct affinity_plan *place_plan(const struct node_task *task,
                                        struct affinity_machine *machine, struct sft_error *err)
{
    struct affinity_plan *plan = NULL;
    struct affinity_told *told = calloc((size_t)task->tasks, sizeof *told);
    char *allowed = told != NULL ? affinity_allowed(task->masks, err) : NULL;
    if (told == NULL)
        sft_error_set(err, "affinity: out of memory");
    for (int i = 0; told != NULL && i < task->tasks; i++)
        told[i] = (struct affinity_told){task->told[i].cuda, task->told[i].gpus};
    const struct affinity_ask ask = {.tasks = task->tasks,
                                     .rank = task->local_rank,
                                     .told = told,
                                     .alone = task->alone,
                                     .step_gpus = task->step_gpus,
                                     .allowed = allowed};
    if (allowed != NULL)
        plan = affinity_plan_for(machine, &ask, err);
    free(allowed);
    free(told);
    return plan;
}

int sft_bench_node_place(const struct node_task *task, char text[NODE_TEXT], struct sft_error *err)
{
    const struct affinity_source source = {NULL, task->root};
    struct affinity_plan *plan = NULL;
    int result = -1;
    struct affinity_machine *machine = affinity_machine_create(&source, err);
    if (machine != NULL)
        plan = place_plan(task, machine, err);
    if (plan != NULL && affinity_apply(&plan->task[task->local_rank], err) == 0) {
        place_describe(&plan->task[task->local_rank], plan->pool, text);
        result = 0;
    }
    affinity_plan_destroy(plan);
    affinity_machine_destroy(machine);
    return result;
}
