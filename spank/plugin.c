/* SPDX-License-Identifier: Apache-2.0 */
/* sft_bench.so: Slurm's entry points, and a switch by context in each. doc/plugin.md tells what
 * runs where, as whom, and why. */
#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "node/said.h"
#include "lib/record.h"
#include "spank/conf.h"
#include "spank/conf_file.h"
#include "spank/ending.h"
#include "spank/fail.h"
#include "spank/facts.h"
#include "spank/keeper.h"
#include "spank/launch.h"
#include "spank/leftovers.h"
#include "spank/network.h"
#include "spank/options.h"
#include "spank/place.h"
#include "spank/settings.h"
#include "spank/slurm_compat.h"
#include "spank/slurmd.h"
#include "spank/start.h"
#include "spank/watch.h"
#include "spank/witness.h"

SPANK_PLUGIN(sft_bench, 1)

/* The plugin's arguments, for the option's callback, which Slurm does not give them. */
static int plugin_ac;
static char **plugin_av;

/* Does this step's daemon have the option? For slurm_spank_init_post_opt, where options_given knows
 * nothing yet. */
static bool plugin_given;

/* Runs twice on the remote side before Slurm 24.05, and again for the environment: the last text
 * counts. */
static int plugin_option(int value, const char *argument, int remote)
{
    (void)value;
    plugin_given = plugin_given || remote;
    if (remote)
        witness_option(argument);
    else if (spank_context() == S_CTX_LOCAL)
        launch_late(true, plugin_ac, plugin_av);
    return 0;
}

/* Slurm refuses a plugin of another release, but 21.08 loads any; its structures differ from ours.
 * The version is read where a loader reads it. */
static bool plugin_fits(spank_t spank)
{
    const volatile unsigned int *version = &plugin_version;
    unsigned int built = *version;
    const char *running = "", *major = "", *minor = "";
    if (spank_get_item(spank, S_SLURM_VERSION, &running) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_SLURM_VERSION_MAJOR, &major) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_SLURM_VERSION_MINOR, &minor) != ESPANK_SUCCESS ||
        SLURM_VERSION_NUM(strtoul(major, NULL, 10), strtoul(minor, NULL, 10), 0) ==
            (built & ~0xffU))
        return true;
    slurm_error("sft-bench: the plugin in plugstack.conf is built for Slurm %u.%02u, and this is "
                "Slurm %s: install the plugin of this release",
                SLURM_VERSION_MAJOR(built), SLURM_VERSION_MINOR(built), running);
    return false;
}

int slurm_spank_init(spank_t spank, int ac, char **av)
{
    /* Without the option nothing else in here does anything. */
    if (!plugin_fits(spank))
        return SFT_SPANK_FAILED;
    plugin_ac = ac;
    plugin_av = av;
    conf_file_trust(facts_slurm_user());
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
    return spank_remote(spank) &&
           spank_get_item(spank, S_JOB_ID, &step->job_id) == ESPANK_SUCCESS &&
           spank_get_item(spank, S_JOB_STEPID, &step->step_id) == ESPANK_SUCCESS &&
           step->step_id < SLURM_MAX_NORMAL_STEP_ID;
}

/* In slurmstepd: our step, and whether a task of it was ever forked. */
static struct keeper_step plugin_own;
static bool plugin_served, plugin_forked;

/* The site's file, read before a container's plugin takes the tasks away from where it lies. */
static struct conf plugin_site;

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

/* What stands in the way of Slurm's PMIx plugin, which runs next. False: it will not run, or where
 * it has its folders is not known. */
static bool plugin_leftovers(spank_t spank, struct leftovers *left)
{
    static struct slurmd_folders folders;
    char mpi[64] = "";
    struct sft_error err = {""};
    if (spank_getenv(spank, "SLURM_MPI_TYPE", mpi, sizeof mpi) == ESPANK_SUCCESS &&
        strncmp(mpi, "pmix", 4) != 0)
        return false;
    if (slurmd_folders_find(spank, &folders, &err) < 0) {
        plugin_note(-1, &err);
        return false;
    }
    *left = (struct leftovers){.spool = folders.spool,
                               .tmp = folders.tmp,
                               .proc = "/proc",
                               .tmp_is_users = folders.tmp_is_users,
                               .job_id = plugin_own.job_id,
                               .step_id = plugin_own.step_id};
    return spank_get_item(spank, S_JOB_UID, &left->uid) == ESPANK_SUCCESS &&
           spank_get_item(spank, S_JOB_GID, &left->gid) == ESPANK_SUCCESS;
}

/* Where it cannot have its folder, that plugin fails the step and tells the user nothing: the
 * record does. It has to fail here by all means, so it is given no folder: from 23.11 on, where
 * Slurm is built for several slurmd a machine (as Debian's is), it enters a folder that stands
 * there already and removes it at the end, under whoever lives in it. */
static void plugin_refuse(spank_t spank, const char *why)
{
    spank_setenv(spank, SLURMD_PMIX_TMPDIR, "/dev/null", 1);
    witness_unstarted(why);
}

static void plugin_clear(spank_t spank)
{
    struct sft_error err = {""};
    struct leftovers left;
    int moved = plugin_leftovers(spank, &left) ? leftovers_put_aside(&left, &err) : 0;
    plugin_note(moved, &err);
    if (moved > 0)
        slurm_info("sft-bench: step %u.%u: put aside what an earlier run of it left in %s and %s",
                   plugin_own.job_id, plugin_own.step_id, left.spool, left.tmp);
    if (moved < 0)
        plugin_refuse(spank, err.text);
}

static void plugin_learn_node(spank_t spank)
{
    char node[256];
    if (compat_node_name(spank, node, sizeof node) == 0)
        settings_node_learn(node);
}

/* As root, before Slurm's PMIx plugin and before the tasks: the earlier the keeper stands, the
 * fewer deaths of slurmstepd leave srun waiting. No failure in here may fail the user's step:
 * complain into slurmd's log and go on. */
int slurm_spank_init_post_opt(spank_t spank, int ac, char **av)
{
    struct sft_error err = {""};
    struct keeper_step *own = &plugin_own;
    struct conf *conf = &plugin_site;
    int rc;
    if (!plugin_given || !plugin_step(spank, own))
        return 0;
    plugin_served = true;
    plugin_learn_node(spank);
    fail_init(spank);
    if ((rc = conf_load(conf, ac, av, &err)) < 0) {
        conf_init(conf);
        conf->job[0] = '\0'; /* srun has read it: what the site's program is, only that file says */
    }
    plugin_note(rc, &err);
    own->comment = conf->comment;
    if (plugin_has_rank0(spank))
        witness_begin(spank, conf);
    plugin_clear(spank); /* before the keeper, which would pass for another step's daemon */
    if (plugin_has_rank0(spank))
        plugin_note(
            watch_create(own->job_id, own->step_id, conf->comment, conf->update_seconds, &err),
            &err);
    own->record_fd = watch_fd();
    plugin_note(keeper_start(own, &err), &err);
    return 0;
}

/* Slurm's PMIx plugin has made its folders; the tasks are not there yet, and in no container. */
int slurm_spank_user_init(spank_t spank, int ac, char **av)
{
    struct leftovers left;
    struct sft_error err = {""};
    (void)ac;
    (void)av;
    if (plugin_served && plugin_leftovers(spank, &left))
        leftovers_hold(&left);
    start_prepare();
    if (plugin_served)
        plugin_note(place_prepare(spank, &err), &err);
    return 0;
}

/* In srun, once the step is there. */
int slurm_spank_local_user_init(spank_t spank, int ac, char **av)
{
    (void)ac;
    (void)av;
    ending_watch(spank);
    return 0;
}

/* In the task, as the user, just before its exec. Should slurmstepd be killed, nobody is left to
 * end the tasks: the kernel does it. */
int slurm_spank_task_init(spank_t spank, int ac, char **av)
{
    char number[16];
    struct sft_error err = {""};
    struct keeper_step step;
    if (!spank_remote(spank) || !options_given(spank))
        return 0;
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        raise(SIGKILL);
    if (plugin_step(spank, &step)) {
        spank_setenv(spank, SAID_NODE_ENV, PACKAGE_VERSION, 1);
        if (!plugin_served && conf_load(&plugin_site, ac, av, &err) < 0)
            conf_init(&plugin_site);
        network_task(spank, &plugin_site, place_task(spank, &plugin_site));
        if (plugin_site.tuned[0] != '\0') /* what the user has set is left */
            spank_setenv(spank, "SFT_BENCH_TUNED", plugin_site.tuned, 0);
    }
    snprintf(number, sizeof number, "%d", watch_fd());
    if (watch_fd() >= 0)
        spank_setenv(spank, SFT_RECORD_ENV, number, 1);
    start_check(spank);
    return 0;
}

/* Called for each task after the last fork. */
int slurm_spank_task_post_fork(spank_t spank, int ac, char **av)
{
    struct sft_error err = {""};
    (void)ac;
    (void)av;
    plugin_forked = true;
    witness_task(spank);
    plugin_note(watch_start(&err), &err);
    return 0;
}

static void plugin_rank0_ended(spank_t spank, int ac, char **av)
{
    struct sft_error err = {""};
    struct conf conf;
    int status;
    if (conf_load(&conf, ac, av, &err) < 0)
        conf_init(&conf);
    if (spank_get_item(spank, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS)
        status = WATCH_NO_STATUS;
    watch_stop(status, conf.hold_seconds);
}

/* Rank 0 has ended, so its record is final. It is published before srun hears of the end: after
 * that the job may be over and takes no update. With the last task the keeper's work is done, and
 * it goes before Slurm takes the step's containers down. */
int slurm_spank_task_exit(spank_t spank, int ac, char **av)
{
    static uint32_t ended;
    uint32_t rank, tasks;
    witness_exit(spank);
    if (watch_fd() >= 0 && spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) == ESPANK_SUCCESS &&
        rank == 0)
        plugin_rank0_ended(spank, ac, av);
    if (spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &tasks) == ESPANK_SUCCESS && ++ended >= tasks)
        keeper_stop();
    return 0;
}

/* Before 23.11 srun takes a step whose launch failed for a success. */
int slurm_spank_exit(spank_t spank, int ac, char **av)
{
    (void)spank;
    (void)ac;
    (void)av;
    if (spank_context() != S_CTX_REMOTE)
        return 0;
    witness_over();
    watch_stop(WATCH_NO_STATUS, 0);
    if (plugin_served && !plugin_forked)
        fail_step(plugin_own.job_id, plugin_own.step_id);
    keeper_stop();
    return 0;
}
