/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/plan.h"
#include "spank/check.h"
#include "spank/cmdline.h"
#include "spank/conf.h"
#include "spank/facts.h"
#include "spank/line.h"
#include "spank/options.h"
#include "spank/slurm_compat.h"
#include "spank/words.h"

/* Set for the second start: this process's id, which exec keeps and no other process has. So a
 * variable that leaked somewhere never stops another srun. */
#define LAUNCH_GUARD "SFT_BENCH_LAUNCHED"
/* Read by the job (job/progress.h). */
#define LIVE_ENV "SFT_BENCH_LIVE"

struct launch {
    bool step;   /* srun; otherwise sbatch or salloc */
    bool script; /* sbatch or salloc with its own script or command: only shape the allocation */
    struct conf conf;
    struct cmdline user;
    struct sft_request request;
    struct sft_cluster cluster;
    struct sft_plan plan;
    char text[SFT_REQUEST_MAX]; /* the request as the job gets it */
};

static bool launched; /* we are the second start */

static char **launch_words(const struct launch *launch, int *count)
{
    *count = launch->user.dashes ? launch->user.count - launch->user.rest : 0;
    return launch->user.words + launch->user.rest;
}

/* Words that are not ours to understand: a command, or a second component. */
static int launch_rest(struct launch *launch, struct sft_error *err)
{
    const struct cmdline *user = &launch->user;
    bool any = user->rest < user->count;
    launch->script = !launch->step && ((any && !user->dashes) || cmdline_has(user, "wrap"));
    for (int i = user->rest; i < user->count; i++)
        if (strcmp(user->words[i], ":") == 0)
            return sft_error_set(err, "a heterogeneous job (':') is not supported");
    if (launch->step && any && !user->dashes)
        return sft_error_set(err, "'%s' would be a command, and --sft-bench brings its own: take it "
                                  "away, or put words for sft-bench-job behind --",
                             user->words[user->rest]);
    return 0;
}

static int launch_request(struct launch *launch, struct sft_error *err)
{
    const char *value = cmdline_value(&launch->user, CMDLINE_OPTION);
    if (sft_request_parse(&launch->request, value, err) < 0)
        return -1;
    if (launch->request.preset == NULL)
        return sft_error_set(err, "'%s' names no model to train", value);
    conf_fill_texts(&launch->conf, &launch->request);
    if (cmdline_has(&launch->user, "cpu-bind") || getenv("SLURM_CPU_BIND") != NULL)
        launch->request.bind = SFT_BIND_NONE;
    int nodes = line_user_nodes(&launch->user);
    if (nodes != 0)
        launch->request.nodes = nodes; /* the user's -N wins; -1: as many as there will be */
    return 0;
}

/* The allocation that srun will make its step in; 0: none yet. */
static uint32_t launch_allocation(const struct launch *launch)
{
    const char *id = launch->step ? cmdline_value(&launch->user, "jobid") : NULL;
    if (id == NULL && launch->step)
        id = getenv("SLURM_JOB_ID");
    return id != NULL ? (uint32_t)strtoul(id, NULL, 10) : 0;
}

/* -p, else what the program takes from its environment, else the site's. */
static const char *launch_partition(const struct launch *launch)
{
    const char *name = cmdline_value(&launch->user, "partition");
    if (name == NULL)
        name = getenv(launch->step                   ? "SLURM_PARTITION"
                          : options_known("wrap") ? "SBATCH_PARTITION"
                                                  : "SALLOC_PARTITION");
    return name != NULL ? name : launch->conf.partition;
}

static bool launch_elsewhere(const struct launch *launch)
{
    return cmdline_has(&launch->user, "clusters")
        || getenv(launch->step                   ? "SLURM_CLUSTERS"
                      : options_known("wrap") ? "SBATCH_CLUSTERS"
                                              : "SALLOC_CLUSTERS")
        != NULL;
}

/* Hosts that the site leaves out, unless the user says which hosts to take. */
static const char *launch_excluded(const struct launch *launch)
{
    const struct cmdline *user = &launch->user;
    return cmdline_has(user, "exclude") || cmdline_has(user, "nodelist") || cmdline_has(user, "nodefile")
        ? ""
        : launch->conf.fabric.exclude_hosts;
}

static int launch_facts(struct launch *launch, struct sft_error *err)
{
    struct sft_cluster *cluster = &launch->cluster;
    uint32_t job_id = launch_allocation(launch);
    int rc = 0;
    if (job_id != 0)
        rc = facts_allocation(cluster, job_id, err);
    else if (!launch_elsewhere(launch))
        rc = facts_partition(cluster, launch_partition(launch), launch->request.gpus != 0,
                             launch_excluded(launch), err);
    else if (launch->request.gpus > 0)
        cluster->gpus_per_node = launch->request.gpus; /* another cluster: believe the user */
    if (launch->conf.gpus_per_node >= 0 && job_id == 0)
        cluster->gpus_per_node = launch->conf.gpus_per_node;
    return rc;
}

static int launch_plan(struct launch *launch, struct sft_error *err)
{
    if (launch_facts(launch, err) < 0)
        return -1;
    if (sft_plan_make(&launch->plan, &launch->request, &launch->cluster, err) < 0) {
        size_t length = strlen(err->text);
        if (launch_excluded(launch)[0] != '\0' && !launch->cluster.allocated)
            snprintf(err->text + length, sizeof err->text - length, " (without exclude_hosts = %s)",
                     launch_excluded(launch));
        return -1;
    }
    if (launch->conf.cpus_per_task > 0)
        launch->plan.cpus_per_task = launch->conf.cpus_per_task;
    if (launch->plan.gpus_per_node > 0 && !launch->plan.explain)
        conf_fill_figures(&launch->conf, &launch->request);
    return sft_request_format(&launch->request, launch->text, sizeof launch->text, err);
}

/* The job says itself what is wrong: then there is nothing more to say. */
static void launch_check(const struct launch *launch)
{
    int count;
    char **words = launch_words(launch, &count);
    const char *folder = cmdline_value(&launch->user, "chdir");
    int rc = check_run(launch->conf.job, launch->text, words, count, folder);
    if (rc == 1)
        exit(1);
    if (rc == 2)
        fprintf(stderr, "sft-bench: note: %s does not run on this host: data and tokenizer are only "
                        "checked when the job starts\n", launch->conf.job);
}

/* `srun --sft-bench=REQUEST -- words`, to be run inside of the new allocation. */
static void launch_inner(const struct launch *launch, struct words *inner)
{
    int count;
    char **words = launch_words(launch, &count);
    words_add(inner, "srun");
    words_add(inner, "--" CMDLINE_OPTION "=%s", launch->text);
    if (count > 0)
        words_add(inner, "--");
    words_add_all(inner, words, count);
}

/* On a terminal the job rewrites one progress line, which buffering by lines would hold back. */
static void launch_live(const struct launch *launch, struct words *line)
{
    if (!launch->step || !isatty(STDERR_FILENO) || cmdline_has(&launch->user, "label"))
        return;
    words_add(line, "--unbuffered");
    setenv(LIVE_ENV, isatty(STDOUT_FILENO) ? "stdout" : "stderr", 1);
}

static void launch_tail(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    struct words inner = { 0 };
    if (launch->script) {
        words_add_all(line, user->words + user->options, user->count - user->options);
    } else if (launch->step) {
        int count;
        char **words = launch_words(launch, &count);
        words_add(line, "%s", launch->conf.job);
        words_add(line, "%s", launch->text);
        words_add_all(line, words, count);
    } else {
        launch_inner(launch, &inner);
        char *wrap = options_known("wrap") ? words_quote(&inner) : NULL;
        if (wrap != NULL)
            words_add(line, "--wrap=%s", wrap);
        else
            words_add_all(line, inner.list, inner.count);
        free(wrap);
    }
    line->failed = line->failed || inner.failed;
    words_clear(&inner);
}

static void launch_line(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    words_add(line, "%s", user->words[0]);
    line_options(line, user, &launch->plan, &launch->cluster, &launch->conf, launch->step,
                 COMPAT_GPU_BIND_NONE);
    if (!launch->cluster.allocated && launch->conf.partition[0] != '\0'
        && launch_partition(launch) == launch->conf.partition)
        words_add(line, "--partition=%s", launch->conf.partition);
    launch_live(launch, line);
    words_add_all(line, user->words + 1, user->options - 1);
    if (launch->step) /* as it was understood, for the nodes: the last one counts */
        words_add(line, "--" CMDLINE_OPTION "=%s", launch->text);
    launch_tail(launch, line);
}

/* By its path, so that ps shows srun and not exe; by the link when the file was replaced. */
static void launch_self(const struct words *line)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        execv(path, line->list);
    }
    execv("/proc/self/exe", line->list);
}

static int launch_exec(struct words *line, struct sft_error *err)
{
    char self[16];
    if (line->failed)
        return sft_error_set(err, "out of memory");
    snprintf(self, sizeof self, "%ld", (long)getpid());
    /* srun blocks signals before plugins run, and would find them blocked in its second start. */
    sigset_t none, was;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &was);
    setenv(LAUNCH_GUARD, self, 1);
    launch_self(line);
    unsetenv(LAUNCH_GUARD);
    sigprocmask(SIG_SETMASK, &was, NULL);
    return sft_error_set(err, "cannot start %s again: %s", line->list[0], strerror(errno));
}

static int launch_prepare(struct launch *launch, int ac, char **av, struct sft_error *err)
{
    if (launch_rest(launch, err) < 0 || conf_load(&launch->conf, ac, av, err) < 0
        || launch_request(launch, err) < 0)
        return -1;
    return launch_plan(launch, err);
}

static void launch_go(struct launch *launch, int ac, char **av)
{
    struct sft_error err = { "" };
    struct words line = { 0 };
    if (launch_prepare(launch, ac, av, &err) == 0) {
        /* In a job the run itself tells what is wrong: so it stands in its record, too. */
        if (!launch->script && !launch->cluster.allocated)
            launch_check(launch);
        launch_line(launch, &line);
        launch_exec(&line, &err);
    }
    fprintf(stderr, "sft-bench: %s\n", err.text);
    exit(1);
}

static bool launch_wanted(struct launch *launch)
{
    struct sft_error err;
    if (!cmdline_hints(&launch->user) || options_scan(&launch->user, &err) < 0)
        return false;
    return cmdline_value(&launch->user, CMDLINE_OPTION) != NULL
        && !cmdline_has(&launch->user, "help") && !cmdline_has(&launch->user, "usage")
        && !cmdline_has(&launch->user, "version");
}

static void launch_try(bool step, int ac, char **av)
{
    struct launch *launch = calloc(1, sizeof *launch);
    if (launch == NULL)
        return;
    launch->step = step;
    if (cmdline_read(&launch->user, NULL) == 0 && launch_wanted(launch))
        launch_go(launch, ac, av);
    cmdline_clear(&launch->user);
    free(launch);
}

void launch_init(bool step, int ac, char **av)
{
    const char *guard = getenv(LAUNCH_GUARD);
    launched = guard != NULL && strtol(guard, NULL, 10) == (long)getpid();
    unsetenv(LAUNCH_GUARD);
    if (!launched)
        launch_try(step, ac, av);
}

void launch_late(bool step, int ac, char **av)
{
    if (!launched)
        launch_try(step, ac, av);
}
