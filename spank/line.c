/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/line.h"

#include <stdlib.h>

/* Did the user give one of the options? The names end with NULL. */
static bool line_has_one(const struct cmdline *user, const char *const *names)
{
    for (; *names != NULL; names++)
        if (cmdline_has(user, *names))
            return true;
    return false;
}

#define USER_HAS(user, ...) line_has_one(user, (const char *const[]) { __VA_ARGS__, NULL })

int line_user_nodes(const struct cmdline *user)
{
    const char *value = cmdline_value(user, "nodes");
    if (value == NULL)
        return USER_HAS(user, "nodelist", "nodefile") ? -1 : 0;
    char *end;
    long nodes = strtol(value, &end, 10);
    return *end == '\0' && nodes > 0 && nodes <= SFT_REQUEST_NODES_MAX ? (int)nodes : -1;
}

/* In an allocation the node count is the allocation's, unless fewer are wanted. Nodes that the user
 * named by name come with their own count. */
static void line_nodes(struct words *line, const struct cmdline *user, const struct sft_plan *plan,
                       const struct sft_cluster *cluster)
{
    if (USER_HAS(user, "nodes", "nodelist", "nodefile"))
        return;
    if (!cluster->allocated || cluster->nodes == 0 || plan->nodes < cluster->nodes)
        words_add(line, "--nodes=%d", plan->nodes);
}

/* --ntasks is said beside --ntasks-per-node because SLURM_NTASKS of an allocation would win. */
static void line_tasks(struct words *line, const struct cmdline *user, const struct sft_plan *plan,
                       bool step)
{
    if (USER_HAS(user, "ntasks", "ntasks-per-node", "ntasks-per-gpu", "ntasks-per-socket",
                 "ntasks-per-core"))
        return;
    if (step && line_user_nodes(user) >= 0)
        words_add(line, "--ntasks=%d", plan->ranks);
    words_add(line, "--ntasks-per-node=%d", plan->tasks_per_node);
}

/* GPUs are asked by node and never bound to a task: with ConstrainDevices a task that has only its
 * own GPU cannot reach its peers' memory. */
static void line_gpus(struct words *line, const struct cmdline *user, const struct sft_plan *plan,
                      bool bind_none)
{
    if (plan->gpus_per_node > 0
        && !USER_HAS(user, "gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket", "gres",
                     "tres-per-task"))
        words_add(line, "--gpus-per-node=%d", plan->gpus_per_node);
    if (bind_none && !USER_HAS(user, "gpu-bind", "tres-bind", "gpus-per-task"))
        words_add(line, "--gpu-bind=none");
}

static void line_cpus(struct words *line, const struct cmdline *user, const struct sft_plan *plan)
{
    if (plan->cpus_per_task > 0
        && !USER_HAS(user, "cpus-per-task", "cpus-per-gpu", "cores-per-socket", "exact", "overcommit",
                     "ntasks", "ntasks-per-node"))
        words_add(line, "--cpus-per-task=%d", plan->cpus_per_task);
}

/* Hosts that the user chose or left out are the user's; an allocation is made already. */
static void line_hosts(struct words *line, const struct cmdline *user,
                       const struct sft_cluster *cluster, const char *exclude)
{
    if (exclude[0] != '\0' && !cluster->allocated && !USER_HAS(user, "exclude", "nodelist", "nodefile"))
        words_add(line, "--exclude=%s", exclude);
}

void line_options(struct words *line, const struct cmdline *user, const struct sft_plan *plan,
                  const struct sft_cluster *cluster, const struct conf *conf, bool step,
                  bool bind_none)
{
    line_nodes(line, user, plan, cluster);
    line_hosts(line, user, cluster, conf->fabric.exclude_hosts);
    line_tasks(line, user, plan, step);
    line_gpus(line, user, plan, step && bind_none);
    line_cpus(line, user, plan);
    if (step && !USER_HAS(user, "mpi"))
        words_add(line, "--mpi=%s", conf->mpi);
    if (step && !USER_HAS(user, "kill-on-bad-exit"))
        words_add(line, "--kill-on-bad-exit=1");
    if (!USER_HAS(user, "job-name"))
        words_add(line, "--job-name=sft-bench:%s", plan->explain ? "explain" : plan->preset->name);
}
