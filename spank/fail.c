/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/fail.h"

#include <stdbool.h>

#include "spank/slurm_compat.h"

enum { FAIL_EXIT_1 = 1 << 8 }; /* as wait(2) has it */

/* salloc sends no command with its request, and sbatch a script. */
static bool fail_job_is_sruns(uint32_t job_id)
{
    job_info_msg_t *answer = NULL;
    if (compat_load_job(&answer, job_id, SHOW_ALL) != SLURM_SUCCESS)
        return false;
    const job_info_t *job = answer->record_count > 0 ? &answer->job_array[0] : NULL;
    bool sruns =
        job != NULL && job->batch_flag == 0 && job->command != NULL && job->command[0] != '\0';
    slurm_free_job_info_msg(answer);
    return sruns;
}

/* srun hears no exit code of tasks that nobody waited for, takes that for 0, and ends the job with
 * it. Who ends a job first names its exit code. */
int fail_step(uint32_t job_id, uint32_t step_id)
{
    if (step_id == 0 && fail_job_is_sruns(job_id))
        return compat_complete_job(job_id, FAIL_EXIT_1);
    return compat_kill_step(job_id, step_id);
}
