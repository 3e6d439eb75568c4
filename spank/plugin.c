/* SPDX-License-Identifier: Apache-2.0 */
/* sft_bench.so: Slurm's entry points, and a switch by context in each. doc/plugin.md tells what
 * runs where, as whom, and why. */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/record.h"
#include "spank/conf.h"
#include "spank/keeper.h"
#include "spank/launch.h"
#include "spank/network.h"
#include "spank/options.h"
#include "spank/place.h"
#include "spank/slurm_compat.h"
#include "spank/watch.h"

SPANK_PLUGIN(sft_bench, 1)

/* The plugin's arguments, for the option's callback, which Slurm does not give them. */
static int plugin_ac;
static char **plugin_av;

/* Runs twice on the remote side before Slurm 24.05, and again for the environment: so it holds
 * nothing. The remote side asks options_given. */
static int plugin_option(int value, const char *argument, int remote)
{
    (void)value;
    (void)argument;
    if (!remote && spank_context() == S_CTX_LOCAL)
        launch_late(true, plugin_ac, plugin_av);
    return 0;
}

int slurm_spank_init(spank_t spank, int ac, char **av)
{
    plugin_ac = ac;
    plugin_av = av;
    switch (spank_context()) {
    case S_CTX_LOCAL:
    case S_CTX_ALLOCATOR:
        options_forget();
        if (options_register(spank, plugin_option) < 0)
            return SFT_SPANK_FAILED;
        launch_init(spank_context() == S_CTX_LOCAL, ac, av);
        return 0;
    case S_CTX_REMOTE:
        return options_register(spank, plugin_option) < 0 ? SFT_SPANK_FAILED : 0;
    default:
        return 0;
    }
}

/* Is it one of srun's steps? Batch script, extern and interactive steps are none. */
static bool plugin_step(spank_t spank, struct keeper_step *step)
{
    return spank_remote(spank) && options_given(spank)
        && spank_get_item(spank, S_JOB_ID, &step->job_id) == ESPANK_SUCCESS
        && spank_get_item(spank, S_JOB_STEPID, &step->step_id) == ESPANK_SUCCESS
        && step->step_id < SLURM_MAX_NORMAL_STEP_ID;
}

/* Only rank 0 owns a record. */
static bool plugin_has_rank0(spank_t spank)
{
    uint32_t local;
    return spank_get_item(spank, S_JOB_GLOBAL_TO_LOCAL_ID, 0, &local) == ESPANK_SUCCESS;
}

static void plugin_note(int rc, const struct sft_error *err)
{
    if (rc < 0)
        slurm_error("sft-bench: %s", err->text);
}

/* No failure in here may fail the user's step: complain into slurmd's log and go on. */
int slurm_spank_user_init(spank_t spank, int ac, char **av)
{
    struct sft_error err = { "" };
    struct keeper_step step = { .record_fd = -1 };
    struct conf conf;
    int rc;
    if (!plugin_step(spank, &step))
        return 0;
    if ((rc = conf_load(&conf, ac, av, &err)) < 0)
        conf_init(&conf);
    plugin_note(rc, &err);
    if (plugin_has_rank0(spank))
        plugin_note(watch_create(step.job_id, step.step_id, conf.comment, conf.update_seconds, &err),
                    &err);
    place_prepare(spank, &err);
    step.record_fd = watch_fd();
    step.comment = conf.comment;
    plugin_note(keeper_start(&step, &err), &err);
    return 0;
}

/* In the task, as the user, just before its exec. Should slurmstepd be killed, nobody is left to
 * end the tasks: the kernel does it. */
int slurm_spank_task_init(spank_t spank, int ac, char **av)
{
    char number[16];
    struct sft_error err = { "" };
    struct keeper_step step;
    struct conf conf;
    if (!spank_remote(spank) || !options_given(spank))
        return 0;
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        raise(SIGKILL);
    if (plugin_step(spank, &step)) {
        if (conf_load(&conf, ac, av, &err) < 0)
            conf_init(&conf);
        network_task(spank, &conf, place_task(spank, &conf));
    }
    if (watch_fd() < 0)
        return 0;
    snprintf(number, sizeof number, "%d", watch_fd());
    spank_setenv(spank, SFT_RECORD_ENV, number, 1);
    return 0;
}

/* Called for each task after the last fork. */
int slurm_spank_task_post_fork(spank_t spank, int ac, char **av)
{
    struct sft_error err = { "" };
    (void)spank;
    (void)ac;
    (void)av;
    plugin_note(watch_start(&err), &err);
    return 0;
}

/* Rank 0 has ended, so its record is final. It is published before srun hears of the end: after
 * that the job may be over and takes no update. With the last task the keeper's work is done, and it
 * goes before Slurm takes the step's containers down. */
int slurm_spank_task_exit(spank_t spank, int ac, char **av)
{
    static uint32_t ended;
    uint32_t rank, tasks;
    (void)ac;
    (void)av;
    if (watch_fd() >= 0 && spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) == ESPANK_SUCCESS
        && rank == 0)
        watch_stop();
    if (spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &tasks) == ESPANK_SUCCESS
        && ++ended >= tasks)
        keeper_stop();
    return 0;
}

int slurm_spank_exit(spank_t spank, int ac, char **av)
{
    (void)spank;
    (void)ac;
    (void)av;
    if (spank_context() == S_CTX_REMOTE) {
        watch_stop();
        keeper_stop();
    }
    return 0;
}
