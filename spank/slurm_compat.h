/* SPDX-License-Identifier: Apache-2.0 */
/* Every test of Slurm's version stands here. */
#ifndef SFT_SPANK_SLURM_COMPAT_H
#define SFT_SPANK_SLURM_COMPAT_H

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
#include <slurm/spank.h>

#if SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(22, 5, 0)
#error "Slurm 22.05 or later is needed"
#endif

/* Before 25.05 a caller of a plugin's function takes only a negative value for a failure. */
#define SFT_SPANK_FAILED (-1)

/* Before 23.11 --gpu-bind=none takes CUDA_VISIBLE_DEVICES away from steps of several tasks (Slurm's
 * bug 16807), so that a job with some of a node's GPUs would reach for all of them. Without the
 * option those releases bind nothing to a task either, as we ask for GPUs by node. */
#define COMPAT_GPU_BIND_NONE (SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0))

/* An update of a job that has ended is refused with one of these. */
static inline int compat_job_is_over(int code)
{
    return code == ESLURM_JOB_FINISHED || code == ESLURM_ALREADY_DONE
        || code == ESLURM_INVALID_JOB_ID;
}

/* One job's description, as slurm_load_job. */
static inline int compat_load_job(job_info_msg_t **answer, uint32_t job_id, uint16_t flags)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_step_id_t step = SLURM_STEP_ID_INITIALIZER;
    step.job_id = job_id;
    return slurm_load_job(answer, step, flags);
#else
    return slurm_load_job(answer, job_id, flags);
#endif
}

/* An update that changes nothing yet, of this job. */
static inline void compat_job_update(job_desc_msg_t *update, uint32_t job_id)
{
    slurm_init_job_desc_msg(update);
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
    update->step_id.job_id = job_id;
#else
    update->job_id = job_id;
#endif
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
