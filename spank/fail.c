/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/fail.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "spank/slurm_compat.h"

enum { FAIL_EXIT_1 = 1 << 8 }; /* as wait(2) has it */

/* argv[0] of the step, cut as a job's command is compared. */
static char fail_command[PATH_MAX];

/* Without arguments: Slurm shows a job's command with them. */
static void fail_cut(const char *command, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s", (int)strcspn(command, " "), command);
}

/* A word of the command line that stands for the path is its last part. */
static bool fail_same(const char *a, const char *b)
{
    const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');
    if (end_a != NULL && end_b == NULL)
        a = end_a + 1;
    else if (end_a == NULL && end_b != NULL)
        b = end_b + 1;
    return a[0] != '\0' && strcmp(a, b) == 0;
}

void fail_init(spank_t spank)
{
    uint32_t argc = 0;
    char **argv = NULL;
    if (spank_get_item(spank, S_JOB_ARGV, &argc, &argv) == ESPANK_SUCCESS && argc > 0)
        fail_cut(argv[0], fail_command);
}

/* sbatch sends a script. salloc sends no command with its request before 23.02, and its own since;
 * srun sends the step's. */
static bool fail_job_is_sruns(uint32_t job_id)
{
    job_info_msg_t *answer = NULL;
    char path[PATH_MAX] = "";
    if (compat_load_job(&answer, job_id, SHOW_ALL) != SLURM_SUCCESS)
        return false;
    const job_info_t *job = answer->record_count > 0 ? &answer->job_array[0] : NULL;
    if (job != NULL && job->batch_flag == 0 && job->command != NULL)
        fail_cut(job->command, path);
    slurm_free_job_info_msg(answer);
    return fail_same(path, fail_command);
}

/* srun hears no exit code of tasks that nobody waited for, takes that for 0, and ends the job with
 * it. Who ends a job first names its exit code. */
int fail_step(uint32_t job_id, uint32_t step_id)
{
    if (step_id == 0 && fail_job_is_sruns(job_id))
        return compat_complete_job(job_id, FAIL_EXIT_1);
    return compat_kill_step(job_id, step_id);
}
