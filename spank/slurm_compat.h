/* SPDX-License-Identifier: Apache-2.0 */
/* Every test of Slurm's version stands here. */
#ifndef SFT_SPANK_SLURM_COMPAT_H
#define SFT_SPANK_SLURM_COMPAT_H

#include <stdio.h>
#include <stdlib.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurmdb.h>
#include <slurm/slurm_version.h>
#include <slurm/spank.h>

#if SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(21, 8, 0)
#error "Slurm 21.08 or later is needed"
#endif

/* Before 25.05 a caller of a plugin's function takes only a negative value for a failure. */
#define SFT_SPANK_FAILED (-1)

/* Before 23.11 --gpu-bind=none takes CUDA_VISIBLE_DEVICES away from steps of several tasks (Slurm's
 * bug 16807), so that a job with some of a node's GPUs would reach for all of them. Without the
 * option those releases bind nothing to a task either, as we ask for GPUs by node. */
#define COMPAT_GPU_BIND_NONE (SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0))

/* MaxCPUsPerSocket came with 23.02. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
#define COMPAT_MAX_CPUS_PER_SOCKET(partition) ((partition)->max_cpus_per_socket)
typedef list_itr_t *compat_iterator;
#else
#define COMPAT_MAX_CPUS_PER_SOCKET(partition) ((void)(partition), (uint32_t)0)
typedef ListIterator compat_iterator;
#endif

/* CPUs of a node that jobs may have; 21.08 tells the cores that are kept for the system. */
static inline int compat_effective_cpus(const node_info_t *node)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(22, 5, 0)
    return node->cpus_efctv;
#else
    int cores = node->sockets * node->cores;
    int kept = cores > 0 ? node->core_spec_cnt * node->cpus / cores : 0;
    return node->cpus - kept;
#endif
}

/* The name of the node whose step daemon this is; 21.08 tells it by the step's nodes and a number.
 * -1: it does not say. */
static inline int compat_node_name(spank_t spank, char *name, int size)
{
    const char *own = getenv("SLURMD_NODENAME");
    if (own != NULL)
        return snprintf(name, (size_t)size, "%s", own) < size ? 0 : -1;
    if (spank_getenv(spank, "SLURMD_NODENAME", name, size) == ESPANK_SUCCESS)
        return 0;
#if SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(22, 5, 0)
    static char list[65536];
    uint32_t number;
    hostlist_t nodes;
    if (spank_getenv(spank, "SLURM_STEP_NODELIST", list, sizeof list) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_NODEID, &number) != ESPANK_SUCCESS ||
        (nodes = slurm_hostlist_create(list)) == NULL)
        return -1;
    char *node = slurm_hostlist_shift(nodes);
    for (; number > 0 && node != NULL; number--) {
        free(node);
        node = slurm_hostlist_shift(nodes);
    }
    int rc = node != NULL && snprintf(name, (size_t)size, "%s", node) < size ? 0 : -1;
    free(node);
    slurm_hostlist_destroy(nodes);
    return rc;
#else
    return -1;
#endif
}

/* SelectTypeParameters with memory; 26.05 has it in an enum, by another name. */
#ifdef CR_MEMORY
#define COMPAT_SELECT_MEMORY CR_MEMORY
#else
#define COMPAT_SELECT_MEMORY SELECT_MEMORY
#endif

/* What slurm_load_ctl_conf made. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
#define COMPAT_FREE_CONF slurm_free_conf
#else
#define COMPAT_FREE_CONF slurm_free_ctl_conf
#endif

/* AccountingStorageEnforce's bit for limits: the same in every release, but not in Slurm's header.
 */
#define COMPAT_ENFORCE_LIMITS 0x0002

/* An update of a job that has ended is refused with one of these. */
static inline int compat_job_is_over(int code)
{
    return code == ESLURM_JOB_FINISHED || code == ESLURM_ALREADY_DONE ||
           code == ESLURM_INVALID_JOB_ID;
}

/* libslurm's copy of slurm.conf. It is in no public header, but exported under this name
 * since 20.11; weak, so that a process without it still loads us. */
extern slurm_conf_t slurm_conf __attribute__((weak));
#define COMPAT_CONF_KNOWN (&slurm_conf != NULL && slurm_conf.cluster_name != NULL)

/* The path of slurm.conf, in slurmd and slurmstepd. From 23.02 on slurmstepd gets from slurmd what
 * stands in there, but not where it lies; its environment tells. NULL: unknown. */
static inline const char *compat_conf_path(const slurm_conf_t *conf)
{
    return conf->slurm_conf != NULL ? conf->slurm_conf : getenv("SLURM_CONF");
}

/* AccountingStoreFlags=job_comment in slurm_conf.conf_flags. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(24, 5, 0)
#define COMPAT_JOB_COMMENT CONF_FLAG_SJC
#else
#define COMPAT_JOB_COMMENT CTL_CONF_SJC
#endif

/* Lists of the accounting's functions. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0)
typedef list_t *compat_list;
typedef list_itr_t *compat_list_iterator;
#else
typedef List compat_list;
typedef ListIterator compat_list_iterator;
#endif

/* Did the controller answer, with a no? Below 2000 are failures to talk with it, from 6000 on those
 * of authentication; what is busy now is asked again. SLURM_ERROR is what a job_submit gives. */
static inline int compat_is_refusal(int code)
{
    switch (code) {
    case SLURM_ERROR:
        return 1;
    case ESLURM_TRANSITION_STATE_NO_UPDATE:
    case ESLURM_IN_STANDBY_MODE:
    case ESLURM_IN_STANDBY_USE_BACKUP:
#if SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(24, 11, 0)
    case ESLURM_JOB_SETTING_DB_INX:
#endif
        return 0;
    default:
        return code >= 2000 && !(code >= 6000 && code < 8000) && !compat_job_is_over(code);
    }
}

static inline uint32_t compat_job_id(const job_info_t *job)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    return job->step_id.job_id;
#else
    return job->job_id;
#endif
}

/* One job's description, as slurm_load_job, of this cluster's controller: without SHOW_LOCAL each
 * call asks it first whether there is a federation. */
static inline int compat_load_job(job_info_msg_t **answer, uint32_t job_id, uint16_t flags)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_step_id_t step = SLURM_STEP_ID_INITIALIZER;
    step.job_id = job_id;
    return slurm_load_job(answer, step, flags | SHOW_LOCAL);
#else
    return slurm_load_job(answer, job_id, flags | SHOW_LOCAL);
#endif
}

/* From 23.02 to 24.11 the controller works out anew, on every update that does not tell it, how
 * many tasks a job has from tasks a GPU or tasks a node; where the job has another number it takes
 * the update for a change of it, which a running job may not have. A job without these may have no
 * number of tasks, but is shown with one: there nothing must be told. */
static inline void compat_keep_tasks(job_desc_msg_t *update, const job_info_t *job)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0) &&                                         \
    SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(25, 5, 0)
    uint16_t by_gpu = job->ntasks_per_tres, by_node = job->ntasks_per_node;
    if ((by_gpu != 0 && by_gpu != NO_VAL16) || (by_node != 0 && by_node != NO_VAL16))
        update->num_tasks = job->num_tasks;
#else
    (void)update, (void)job;
#endif
}

/* An update that changes nothing yet, of this job. */
static inline void compat_job_update(job_desc_msg_t *update, const job_info_t *job)
{
    slurm_init_job_desc_msg(update);
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    update->step_id.job_id = compat_job_id(job);
#else
    update->job_id = compat_job_id(job);
#endif
    compat_keep_tasks(update, job);
}

/* SIGKILL to all of a step, through the controller. (slurm_kill_job2 looks the same in every
 * release, but 22.05's controller takes no step in it.) */
static inline int compat_kill_step(uint32_t job_id, uint32_t step_id)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    slurm_step_id_t step = SLURM_STEP_ID_INITIALIZER;
    step.job_id = job_id;
    step.step_id = step_id;
    return slurm_kill_job_step(&step, 9, 0);
#elif SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0)
    return slurm_kill_job_step(job_id, step_id, 9, 0);
#else
    return slurm_kill_job_step(job_id, step_id, 9);
#endif
}

/* The job is over, with this exit code (as wait(2) has it). */
static inline int compat_complete_job(uint32_t job_id, uint32_t code)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    slurm_step_id_t step = SLURM_STEP_ID_INITIALIZER;
    step.job_id = job_id;
    return slurm_complete_job(&step, code);
#else
    return slurm_complete_job(job_id, code);
#endif
}

#endif
