/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/line.h"

#include <stdio.h>
#include <stdlib.h>

/* Did the user give one of the options? The names end with NULL. */
static bool line_has_one(const struct cmdline *user, const char *const *names)
{
    for (; *names != NULL; names++)
        if (cmdline_has(user, *names))
            return true;
    return false;
}

#define USER_HAS(line, ...) line_has_one((line)->user, (const char *const[]){__VA_ARGS__, NULL})

bool line_shares_cpus(const struct sft_cluster *cluster, const struct sft_plan *plan)
{
    return cluster->allocated && cluster->cpus_per_node > 0 && plan->gpus_per_node > 0 &&
           cluster->cpus_per_node < plan->tasks_per_node;
}

/* In an allocation the node count is the allocation's, unless fewer are wanted. Hosts that the user
 * named, and that could not be counted, come with their own number. */
static void line_nodes(struct words *words, const struct line *line)
{
    const struct sft_plan *plan = line->plan;
    const struct sft_cluster *cluster = line->cluster;
    const struct ask *ask = line->ask;
    if (USER_HAS(line, "nodes") || (ask->nodelist != NULL && ask->with.count == 0))
        return;
    if (!cluster->allocated || cluster->nodes == 0 || plan->nodes < cluster->nodes)
        words_add(words, "--nodes=%d", plan->nodes);
}

/* --ntasks is said beside --ntasks-per-node because SLURM_NTASKS of an allocation would win, and
 * --ntasks-per-node beside the user's -n because Slurm may lay tasks out unevenly: two on a GPU.
 * Where Slurm counts the tasks by GPU it wants neither. */
static void line_tasks(struct words *words, const struct line *line)
{
    const struct sft_plan *plan = line->plan;
    if (line->ask->tasks_by_gpu)
        return;
    bool said = USER_HAS(line, "ntasks", "ntasks-per-node");
    if (line->step && !said && line->ask->nodes >= 0)
        words_add(words, "--ntasks=%d", plan->ranks);
    if (!USER_HAS(line, "ntasks-per-node") &&
        (!USER_HAS(line, "ntasks") || plan->gpus_per_node > 0))
        words_add(words, "--ntasks-per-node=%d", plan->tasks_per_node);
}

/* GPUs are asked by node and never bound to a task: with ConstrainDevices a task that has only its
 * own GPU cannot reach its peers' memory. Slices have no such way, and of several a process sees
 * only the first: there each task gets its own. */
static void line_gpus(struct words *words, const struct line *line)
{
    const struct sft_plan *plan = line->plan;
    const struct ask *ask = line->ask;
    if (plan->gpus_per_node > 0 && ask->gpus < 0 && !ask->gpus_by_task && !ask->tasks_by_gpu) {
        const char *type = ask->type[0] != '\0' ? ask->type : line->type;
        words_add(words, "--gpus-per-node=%s%s%d", type, type[0] != '\0' ? ":" : "",
                  plan->gpus_per_node);
    }
    if (ask->tasks_by_gpu && ask->gpus < 0 && ask->gpus_total < 0 && ask->ntasks == 0)
        words_add(words, "--gpus=%d", plan->ranks);
    if (!line->step || USER_HAS(line, "gpu-bind", "tres-bind") || ask->gpus_by_task)
        return;
    if (line->slices)
        words_add(words, "--gpu-bind=per_task:1");
    else if (line->bind_none)
        words_add(words, "--gpu-bind=none");
}

/* Where Slurm counts the tasks by GPU it takes --cpus-per-task for the CPUs of one task alone. */
static void line_cpus(struct words *words, const struct line *line)
{
    if (line->plan->cpus_per_task > 0 && !line->ask->cpus)
        words_add(words, "--cpus-per-%s=%d", line->ask->tasks_by_gpu ? "gpu" : "task",
                  line->plan->cpus_per_task);
}

/* An allocation may have more GPUs on a node than CPUs; a step of as many tasks needs leave for it.
 */
static void line_sharing(struct words *words, const struct line *line)
{
    if (line->step && line_shares_cpus(line->cluster, line->plan) && !USER_HAS(line, "overcommit"))
        words_add(words, "--overcommit");
}

/* An allocation is made already. */
static void line_hosts(struct words *words, const struct line *line)
{
    const struct words *without = line->without;
    char *list = NULL;
    size_t size = 0;
    if (without == NULL || without->count == 0 || line->cluster->allocated)
        return;
    FILE *to = open_memstream(&list, &size);
    for (int i = 0; to != NULL && i < without->count; i++)
        fprintf(to, "%s%s", i > 0 ? "," : "", without->list[i]);
    if (to == NULL || fclose(to) != 0)
        words->failed = true;
    else
        words_add(words, "--exclude=%s", list);
    free(list);
}

void line_options(struct words *words, const struct line *line)
{
    const struct sft_plan *plan = line->plan;
    line_nodes(words, line);
    line_hosts(words, line);
    line_tasks(words, line);
    line_gpus(words, line);
    line_cpus(words, line);
    line_sharing(words, line);
    if (line->step && !USER_HAS(line, "mpi"))
        words_add(words, "--mpi=%s", line->conf->mpi);
    /* A rank that verify loses is a finding, and the others go on. */
    if (line->step && !USER_HAS(line, "kill-on-bad-exit"))
        words_add(words, "--kill-on-bad-exit=%d", plan->task != SFT_TASK_VERIFY);
    /* A site's WaitTime would kill the step while the end of rank 0 is held until its record is in.
     */
    if (line->step && ask_value(line->user, ASK_SRUN, "wait", "WAIT") == NULL)
        words_add(words, "--wait=0");
    if (!USER_HAS(line, "job-name"))
        words_add(words, "--job-name=sft-bench:%s", sft_request_subject(plan->task, plan->preset));
}
