/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spank/slurm_compat.h"

static int least(int a, int b)
{
    return a == 0 || b < a ? b : a;
}

/* Is `name` in the comma list? */
static bool facts_listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (list != NULL) {
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return false;
}

static const partition_info_t *facts_choose(const partition_info_msg_t *all, const char *names)
{
    const partition_info_t *best = NULL;
    bool any = names == NULL || names[0] == '\0';
    for (uint32_t i = 0; i < all->record_count; i++) {
        const partition_info_t *p = &all->partition_array[i];
        if (p->name == NULL
            || !(any ? (p->flags & PART_FLAG_DEFAULT) != 0 : facts_listed(names, p->name)))
            continue;
        if (best == NULL || p->total_nodes > best->total_nodes)
            best = p;
    }
    return best;
}

static int facts_no_partition(const partition_info_msg_t *all, const char *names,
                              struct sft_error *err)
{
    char known[256] = "";
    for (uint32_t i = 0; i < all->record_count && strlen(known) < sizeof known - 80; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%.64s", i > 0 ? ", " : "",
                 all->partition_array[i].name);
    if (names == NULL || names[0] == '\0')
        return sft_error_set(err, "no default partition: name one with -p: %s", known);
    return sft_error_set(err, "no partition '%s' here; there are: %s", names, known);
}

struct tally {
    int gpu_nodes, gpus, gpu_cpus; /* nodes with GPUs: how many, the fewest GPUs and CPUs */
    int nodes, cpus;               /* all nodes */
};

static void facts_count(struct tally *tally, const node_info_t *node, hostlist_t exclude)
{
    int gpus = gres_gpus(node->gres), cpus = node->cpus;
    if (node->name == NULL || (exclude != NULL && slurm_hostlist_find(exclude, node->name) >= 0))
        return;
    tally->nodes++;
    tally->cpus = least(tally->cpus, cpus);
    if (gpus == 0)
        return;
    tally->gpu_nodes++;
    tally->gpus = least(tally->gpus, gpus);
    tally->gpu_cpus = least(tally->gpu_cpus, cpus);
}

/* node_inx holds pairs of first and last index into the controller's table of nodes. */
static void facts_nodes(struct sft_cluster *cluster, const partition_info_t *partition,
                        const node_info_msg_t *nodes, bool gpus, const char *exclude)
{
    struct tally tally = { 0 };
    const int32_t *range = partition->node_inx;
    hostlist_t out = exclude[0] != '\0' ? slurm_hostlist_create(exclude) : NULL;
    for (; range != NULL && range[0] >= 0; range += 2)
        for (int32_t i = range[0]; i <= range[1] && i < (int32_t)nodes->record_count; i++)
            facts_count(&tally, &nodes->node_array[i], out);
    bool only_gpus = gpus && tally.gpu_nodes > 0;
    if (out != NULL)
        cluster->nodes = tally.nodes;
    if ((tally.nodes == (int)partition->total_nodes || out != NULL) && only_gpus)
        cluster->nodes = tally.gpu_nodes;
    if (out != NULL)
        slurm_hostlist_destroy(out);
    cluster->gpus_per_node = only_gpus ? tally.gpus : 0;
    cluster->cpus_per_node = only_gpus ? tally.gpu_cpus : tally.cpus;
}

int facts_partition(struct sft_cluster *cluster, const char *names, bool gpus, const char *exclude,
                    struct sft_error *err)
{
    partition_info_msg_t *partitions = NULL;
    node_info_msg_t *nodes = NULL;
    if (slurm_load_partitions(0, &partitions, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for the partitions: %s",
                             slurm_strerror(errno));
    int rc = 0;
    const partition_info_t *partition = facts_choose(partitions, names);
    if (partition == NULL) {
        rc = facts_no_partition(partitions, names, err);
    } else {
        snprintf(cluster->partition, sizeof cluster->partition, "%s", partition->name);
        cluster->nodes = (int)partition->total_nodes;
        if (slurm_load_node(0, &nodes, SHOW_ALL) == SLURM_SUCCESS)
            facts_nodes(cluster, partition, nodes, gpus, exclude);
        else
            rc = sft_error_set(err, "cannot ask Slurm's controller for the nodes: %s",
                               slurm_strerror(errno));
        if (partition->max_nodes > 0 && (uint32_t)cluster->nodes > partition->max_nodes)
            cluster->nodes = (int)partition->max_nodes;
    }
    slurm_free_node_info_msg(nodes);
    slurm_free_partition_info_msg(partitions);
    return rc;
}

/* Only the detailed answer says what each node gives; without it the job's total has to do. */
static int facts_job_gpus(const job_info_t *job)
{
    int fewest = 0;
    for (uint32_t i = 0; i < job->gres_detail_cnt; i++) {
        int gpus = job->gres_detail_str != NULL ? gres_gpus(job->gres_detail_str[i]) : 0;
        if (gpus == 0)
            return 0;
        fewest = least(fewest, gpus);
    }
    if (job->gres_detail_cnt > 0 || job->num_nodes == 0)
        return fewest;
    return gres_gpus(job->tres_alloc_str) / (int)job->num_nodes;
}

/* srun's environment says what each node of its allocation gives; the controller's answer does not
 * in every release. For another job (--jobid) it stays unknown, and is left to Slurm. */
static int facts_job_cpus(uint32_t job_id)
{
    const char *here = getenv("SLURM_JOB_ID");
    bool ours = here != NULL && strtoul(here, NULL, 10) == job_id;
    return ours ? gres_cpus(getenv("SLURM_JOB_CPUS_PER_NODE")) : 0;
}

int facts_allocation(struct sft_cluster *cluster, uint32_t job_id, struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    if (compat_load_job(&answer, job_id, SHOW_ALL | SHOW_DETAIL) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for job %u: %s", job_id,
                             slurm_strerror(errno));
    int rc = -1;
    if (answer->record_count == 0) {
        sft_error_set(err, "Slurm's controller does not know job %u", job_id);
    } else {
        const job_info_t *job = &answer->job_array[0];
        cluster->allocated = true;
        cluster->nodes = (int)job->num_nodes;
        cluster->gpus_per_node = facts_job_gpus(job);
        cluster->cpus_per_node = facts_job_cpus(job_id);
        snprintf(cluster->partition, sizeof cluster->partition, "%s",
                 job->partition != NULL ? job->partition : "");
        rc = 0;
    }
    slurm_free_job_info_msg(answer);
    return rc;
}
