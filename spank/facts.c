/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/facts.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/hosts.h"
#include "spank/slurm_compat.h"

/* Of plugins with these names nothing is to be expected that changes a job's shape. */
static bool facts_harmless(const char *name, size_t length)
{
    static const char *const known[] = {"none", "syslog", "logging", "throttle",
                                        "require_timelimit"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (length == strlen(known[i]) && strncmp(name, known[i], length) == 0)
            return true;
    return false;
}

static bool facts_steers(const char *plugins)
{
    bool steers = false;
    while (plugins != NULL && *plugins != '\0') {
        size_t length = strcspn(plugins, ",");
        const char *slash = memchr(plugins, '/', length);
        const char *name = slash != NULL ? slash + 1 : plugins;
        size_t size = length - (size_t)(name - plugins);
        steers = steers || (size > 0 && !facts_harmless(name, size));
        plugins += length + (plugins[length] == ',');
    }
    return steers;
}

/* Memory limits CPUs only where Slurm gives memory out. */
struct memory {
    bool given;
    uint64_t standard;
};

static int facts_config(struct facts *facts, struct memory *memory, struct sft_error *err)
{
    slurm_conf_t *conf = NULL;
    if (slurm_load_ctl_conf(0, &conf) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for its configuration: %s",
                             slurm_strerror(errno));
    facts->steered =
        facts_steers(conf->cli_filter_plugins) || facts_steers(conf->job_submit_plugins);
    facts->limited = (conf->accounting_storage_enforce & COMPAT_ENFORCE_LIMITS) != 0;
    memory->given = (conf->select_type_param & COMPAT_SELECT_MEMORY) != 0;
    memory->standard = conf->def_mem_per_cpu;
    COMPAT_FREE_CONF(conf);
    return 0;
}

static bool facts_is_down(uint32_t state)
{
    uint32_t base = state & NODE_STATE_BASE;
    return base == NODE_STATE_DOWN || base == NODE_STATE_ERROR || base == NODE_STATE_FUTURE ||
           (state & (NODE_STATE_DRAIN | NODE_STATE_FAIL)) != 0;
}

/* A node whose CPUs are as many as its cores gives out cores, whatever threads they have. */
static int facts_threads(const node_info_t *node)
{
    int cores = node->sockets * node->cores;
    return cores > 0 && node->cpus > cores ? node->cpus / cores : 1;
}

static void facts_node(struct shape_node *to, const node_info_t *node)
{
    to->name = node->name;
    to->features = node->features;
    to->gres = node->gres;
    int effective = compat_effective_cpus(node);
    to->cpus = effective > 0 && effective < node->cpus ? effective : node->cpus;
    to->sockets = node->sockets;
    to->threads = facts_threads(node);
    to->memory = (long)(node->real_memory -
                        (node->mem_spec_limit < node->real_memory ? node->mem_spec_limit : 0));
    to->down = facts_is_down(node->node_state);
}

static int facts_nodes(struct facts *facts, struct sft_error *err)
{
    node_info_msg_t *answer = NULL;
    if (slurm_load_node(0, &answer, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for the nodes: %s",
                             slurm_strerror(errno));
    facts->nodes_answer = answer;
    facts->site.node = calloc((size_t)answer->record_count + 1, sizeof *facts->site.node);
    if (facts->site.node == NULL)
        return sft_error_set(err, "out of memory");
    facts->site.nodes = (int)answer->record_count;
    for (int i = 0; i < facts->site.nodes; i++)
        facts_node(&facts->site.node[i], &answer->node_array[i]);
    return 0;
}

static int facts_limit(uint64_t value)
{
    return value >= NO_VAL || value == 0 ? 0 : (int)(value < 1000000 ? value : 1000000);
}

static long facts_mem_per_cpu(uint64_t partition, const struct memory *memory)
{
    uint64_t value = partition != 0 ? partition : memory->standard;
    bool by_cpu = (value & MEM_PER_CPU) != 0;
    value &= ~MEM_PER_CPU;
    return memory->given && by_cpu && value < (1L << 40) ? (long)value : 0;
}

static void facts_partition(struct facts_partition *to, const partition_info_t *p,
                            const struct memory *memory)
{
    to->shape.name = p->name;
    to->shape.ranges = p->node_inx;
    to->shape.max_nodes = facts_limit(p->max_nodes);
    to->shape.cpus_per_node = facts_limit(p->max_cpus_per_node);
    to->shape.cpus_per_socket = facts_limit(COMPAT_MAX_CPUS_PER_SOCKET(p));
    to->shape.mem_per_cpu = facts_mem_per_cpu(p->def_mem_per_cpu, memory);
    to->standard = (p->flags & PART_FLAG_DEFAULT) != 0;
    to->nodes = (int)p->total_nodes;
    to->qos = p->qos_char;
}

static int facts_partitions(struct facts *facts, const struct memory *memory, struct sft_error *err)
{
    partition_info_msg_t *answer = NULL;
    if (slurm_load_partitions(0, &answer, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for the partitions: %s",
                             slurm_strerror(errno));
    facts->partitions_answer = answer;
    facts->partition = calloc((size_t)answer->record_count + 1, sizeof *facts->partition);
    if (facts->partition == NULL)
        return sft_error_set(err, "out of memory");
    for (uint32_t i = 0; i < answer->record_count; i++)
        if (answer->partition_array[i].name != NULL)
            facts_partition(&facts->partition[facts->partitions++], &answer->partition_array[i],
                            memory);
    return 0;
}

int facts_load(struct facts *facts, struct sft_error *err)
{
    struct memory memory = {false, 0};
    memset(facts, 0, sizeof *facts);
    if (facts_config(facts, &memory, err) < 0 || facts_nodes(facts, err) < 0)
        return -1;
    return facts_partitions(facts, &memory, err);
}

void facts_clear(struct facts *facts)
{
    slurm_free_node_info_msg(facts->nodes_answer);
    slurm_free_partition_info_msg(facts->partitions_answer);
    free(facts->site.node);
    free(facts->partition);
    memset(facts, 0, sizeof *facts);
}

const struct facts_partition *facts_find(const struct facts *facts, const char *name, int length)
{
    const struct facts_partition *near = NULL;
    for (int i = 0; i < facts->partitions; i++) {
        const char *is = facts->partition[i].shape.name;
        if ((int)strlen(is) != length || strncasecmp(is, name, (size_t)length) != 0)
            continue;
        near = &facts->partition[i];
        if (strncmp(is, name, (size_t)length) == 0)
            return near;
    }
    return near;
}

int facts_reserved(const char *names, struct words *hosts, struct sft_error *err)
{
    reserve_info_msg_t *answer = NULL;
    struct words bad = {0}, wanted = {0};
    if (slurm_load_reservations(0, &answer) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for the reservations: %s",
                             slurm_strerror(errno));
    hosts_expand(names, &wanted, &bad);
    for (uint32_t i = 0; i < answer->record_count; i++) {
        const reserve_info_t *one = &answer->reservation_array[i];
        if (one->name != NULL && one->node_list != NULL && hosts_has(&wanted, one->name))
            hosts_expand(one->node_list, hosts, &bad);
    }
    words_clear(&wanted);
    words_clear(&bad);
    slurm_free_reservation_info_msg(answer);
    return 0;
}

/* The fewest of one node. Only the detailed answer says what each node gives; without it the job's
 * total has to do. Slices count when there is no whole GPU. */
static int facts_job_gpus(const job_info_t *job, bool *slices)
{
    int fewest = 0;
    for (uint32_t i = 0; i < job->gres_detail_cnt; i++) {
        struct gres_gpus list[GRES_TYPES];
        const char *text = job->gres_detail_str != NULL ? job->gres_detail_str[i] : NULL;
        int types = gres_list(text, list), gpus = gres_gpus(text);
        *slices = gpus == 0;
        for (int type = 0; type < types && *slices; type++)
            gpus += list[type].count;
        if (gpus == 0)
            return 0;
        if (fewest == 0 || gpus < fewest)
            fewest = gpus;
    }
    *slices = *slices && fewest > 0;
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

/* CPUs of which only `threads` on each core may be used; the allocation's first node stands for
 * all. */
static int facts_usable(const job_info_t *job, int cpus, int threads)
{
    node_info_msg_t *answer = NULL;
    struct words hosts = {0}, bad = {0};
    hosts_expand(job->nodes != NULL ? job->nodes : "", &hosts, &bad);
    if (hosts.count > 0 &&
        slurm_load_node_single(&answer, hosts.list[0], SHOW_ALL) == SLURM_SUCCESS &&
        answer->record_count > 0) {
        int all = facts_threads(&answer->node_array[0]);
        cpus = threads < all ? cpus / all * threads : cpus;
    }
    slurm_free_node_info_msg(answer);
    words_clear(&hosts);
    words_clear(&bad);
    return cpus;
}

int facts_allocation(struct sft_cluster *cluster, uint32_t job_id, int threads, bool *slices,
                     struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    if (compat_load_job(&answer, job_id, SHOW_ALL | SHOW_DETAIL) != SLURM_SUCCESS)
        return sft_error_set(err, "cannot ask Slurm's controller for job %u: %s", job_id,
                             slurm_strerror(errno));
    int rc = -1;
    *slices = false;
    if (answer->record_count == 0) {
        sft_error_set(err, "Slurm's controller does not know job %u", job_id);
    } else {
        const job_info_t *job = &answer->job_array[0];
        cluster->allocated = true;
        cluster->nodes = (int)job->num_nodes;
        cluster->gpus_per_node = facts_job_gpus(job, slices);
        cluster->cpus_per_node = facts_job_cpus(job_id);
        if (threads > 0 && cluster->cpus_per_node > 0)
            cluster->cpus_per_node = facts_usable(job, cluster->cpus_per_node, threads);
        snprintf(cluster->partition, sizeof cluster->partition, "%s",
                 job->partition != NULL ? job->partition : "");
        rc = 0;
    }
    slurm_free_job_info_msg(answer);
    return rc;
}

/* srun and slurmstepd have read slurm.conf before plugins run; no function tells of it. */
uid_t facts_slurm_user(void)
{
    const slurm_conf_t *conf = dlsym(RTLD_DEFAULT, "slurm_conf");
    return conf != NULL && conf->slurm_user_name != NULL ? (uid_t)conf->slurm_user_id : 0;
}
