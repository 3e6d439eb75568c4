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

#endif
