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
#include "spank/ask.h"
#include "spank/check.h"
#include "spank/cmdline.h"
#include "spank/conf.h"
#include "spank/facts.h"
#include "spank/hosts.h"
#include "spank/line.h"
#include "spank/options.h"
#include "spank/probe.h"
#include "spank/slurm_compat.h"
#include "spank/where.h"
#include "spank/words.h"

/* Set for the second start: this process's id, which exec keeps and no other process has. So a
 * variable that leaked somewhere never stops another srun. */
#define LAUNCH_GUARD "SFT_BENCH_LAUNCHED"
/* Read by the job (job/progress.h). */
#define LIVE_ENV "SFT_BENCH_LIVE"

struct launch {
    bool step;   /* srun; otherwise sbatch or salloc */
    enum ask_program program;
    bool script; /* sbatch or salloc with its own script or command: only shape the allocation */
    struct conf conf;
    struct cmdline user;
    struct ask ask;
    struct sft_request request;
    struct where where;
    struct sft_cluster cluster;
    struct sft_plan plan;
    bool slices; /* the GPUs are slices */
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
    if (launch->step && (cmdline_has(user, "multi-prog") || getenv("SLURM_SRUN_MULTI") != NULL))
        return sft_error_set(err, "--multi-prog starts programs of its own, and --sft-bench brings one: take "
                                  "one of the two away");
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

static int launch_ask(struct launch *launch, struct sft_error *err)
{
    launch->program = launch->step ? ASK_SRUN : options_known("wrap") ? ASK_SBATCH : ASK_SALLOC;
    if (ask_read(&launch->ask, &launch->user, launch->program, launch_allocation(launch) != 0, err) < 0)
        return -1;
    launch->slices = gres_is_slice(launch->ask.type);
    return ask_nodes(&launch->ask, &launch->request, err);
}

/* Only srun asks for what its step has; the others take no step. */
static void launch_options(const struct launch *launch, struct words *line)
{
    const struct line options = {
        .user = &launch->user,
        .ask = &launch->ask,
        .plan = &launch->plan,
        .cluster = &launch->cluster,
        .conf = &launch->conf,
        .without = &launch->where.without,
        .type = launch->where.type,
        .step = launch->step,
        .slices = launch->slices,
        .bind_none = COMPAT_GPU_BIND_NONE,
    };
    if (!launch->cluster.allocated && launch->ask.partition == NULL && launch->where.partition[0] != '\0')
        words_add(line, "--partition=%s", launch->where.partition);
    line_options(line, &options);
}

/* The user's options without those that would keep Slurm's answer back. */
static void launch_loud(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    for (int i = 1; i < user->options; i++)
        if (strcmp(user->words[i], "-Q") != 0 && strcmp(user->words[i], "--quiet") != 0)
            words_add(line, "%s", user->words[i]);
}

/* A command for --test-only: it is not started. */
static void launch_nothing(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    if (launch->script)
        words_add_all(line, user->words + user->options, user->count - user->options);
    else
        words_add(line, "%s", launch->step ? launch->conf.job : "--wrap=true");
}

/* Before anything is planned: where does a job of the user's words go? With one GPU, if it is to have
 * any, because sites send jobs by that. */
static bool launch_probe_rough(const struct launch *launch, bool gpus, struct probe *probe)
{
    struct words line = { 0 };
    words_add(&line, "%s", launch->user.words[0]);
    words_add(&line, "--test-only");
    if (launch->ask.partition == NULL && launch->where.partition[0] != '\0')
        words_add(&line, "--partition=%s", launch->where.partition);
    if (launch->ask.nodes == 0 && launch->request.nodes > 0)
        words_add(&line, "--nodes=%d", launch->request.nodes);
    if (gpus)
        words_add(&line, "--gpus-per-node=%d", launch->request.gpus > 0 ? launch->request.gpus : 1);
    launch_loud(launch, &line);
    launch_nothing(launch, &line);
    bool told = probe_run(probe, &line, LAUNCH_GUARD);
    words_clear(&line);
    return told;
}

static bool launch_probe_plan(const struct launch *launch, struct probe *probe)
{
    struct words line = { 0 };
    words_add(&line, "%s", launch->user.words[0]);
    words_add(&line, "--test-only");
    launch_options(launch, &line);
    launch_loud(launch, &line);
    launch_nothing(launch, &line);
    bool told = probe_run(probe, &line, LAUNCH_GUARD);
    words_clear(&line);
    return told;
}

static int launch_plan_in(struct launch *launch, const char *partitions, struct sft_error *err)
{
    return where_plan(&launch->where, partitions, &launch->request, &launch->cluster, &launch->plan, err);
}

/* -p, else what the program takes from its environment, else the site's. */
static const char *launch_partition(const struct launch *launch)
{
    return launch->ask.partition != NULL ? launch->ask.partition : launch->where.partition;
}

/* Where a filter or the controller's script may send the job elsewhere, Slurm itself is asked, by
 * --test-only with the very words: first with the user's, for the partition to plan for, then with the
 * plan's, which may change the answer. It costs some milliseconds and two job ids. */
static int launch_plan_steered(struct launch *launch, struct sft_error *err)
{
    struct probe probe, again;
    bool own = launch->ask.said[0] != '\0' || launch->request.gpus == 0;
    bool told = (!own && launch_probe_rough(launch, true, &probe)) || launch_probe_rough(launch, false, &probe);
    if (launch_plan_in(launch, told ? probe.partition : launch_partition(launch), err) < 0)
        return -1;
    bool holds = told && launch_probe_plan(launch, &again);
    if (holds && strcmp(again.partition, launch->cluster.partition) != 0)
        return launch_plan_in(launch, again.partition, err);
    if (told && !holds) { /* it goes to nodes that the partition alone does not tell */
        struct words bad = { 0 };
        hosts_expand(probe.nodes, &launch->where.named, &bad);
        words_clear(&bad);
        return launch_plan_in(launch, probe.partition, err);
    }
    if (!told)
        fprintf(stderr, "sft-bench: note: planned for %s%s, %d GPUs a node: this site changes jobs when they are "
                        "submitted, and Slurm does not tell beforehand to what\n",
                launch->cluster.partition[0] != '\0' ? "partition " : "any partition", launch->cluster.partition,
                launch->plan.gpus_per_node);
    return 0;
}

static int launch_plan_here(struct launch *launch, struct sft_error *err)
{
    if (where_open(&launch->where, &launch->conf, &launch->ask, err) < 0)
        return -1;
    int rc = launch->where.facts.steered && options_known("test-only")
        ? launch_plan_steered(launch, err) : launch_plan_in(launch, launch_partition(launch), err);
    if (rc == 0)
        where_note(&launch->where, &launch->cluster, &launch->request);
    return rc;
}

static bool launch_elsewhere(const struct launch *launch)
{
    return ask_value(&launch->user, launch->program, "clusters", "CLUSTERS") != NULL;
}

/* The shape is there already, or only the user knows it. */
static int launch_plan_given(struct launch *launch, uint32_t job_id, struct sft_error *err)
{
    struct sft_request wanted = launch->request;
    struct sft_cluster *cluster = &launch->cluster;
    int tasks;
    if (job_id != 0 && facts_allocation(cluster, job_id, &launch->slices, err) < 0)
        return -1;
    if (job_id == 0 && launch->conf.gpus_per_node >= 0)
        cluster->gpus_per_node = launch->conf.gpus_per_node;
    int most = job_id != 0 ? cluster->gpus_per_node : 1024;
    if (wanted.nodes < 0 && cluster->nodes > 0 && launch->ask.nodes == 0 && launch->ask.ntasks == 0)
        wanted.nodes = cluster->nodes;
    if (ask_settle(&launch->ask, &wanted, wanted.gpus == 0 ? 0 : most, &tasks, err) < 0)
        return -1;
    if (job_id == 0 && wanted.gpus > 0)
        cluster->gpus_per_node = wanted.gpus; /* another cluster: believe the user */
    cluster->tasks_per_node = tasks;
    cluster->ranks = launch->ask.ntasks;
    return sft_plan_make(&launch->plan, &wanted, cluster, err);
}

static int launch_plan(struct launch *launch, struct sft_error *err)
{
    uint32_t job_id = launch_allocation(launch);
    int rc = job_id != 0 || launch_elsewhere(launch) ? launch_plan_given(launch, job_id, err)
                                                     : launch_plan_here(launch, err);
    if (rc < 0 && launch->where.without.count > 0)
        return sft_error_suffix(err, " (without exclude_hosts = %.200s)", launch->conf.fabric.exclude_hosts);
    if (rc < 0)
        return -1;
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
    if (rc == CHECK_NO_FOLDER)
        fprintf(stderr, "sft-bench: note: --chdir=%s: no such folder on this host: data and tokenizer are only "
                        "checked when the job starts\n", folder);
    if (rc == CHECK_NOT_HERE)
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
    launch_options(launch, line);
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
        || launch_request(launch, err) < 0 || launch_ask(launch, err) < 0)
        return -1;
    return launch_plan(launch, err);
}

static void launch_go(struct launch *launch, int ac, char **av)
{
    struct sft_error err = { "" };
    struct words line = { 0 };
    if (launch_prepare(launch, ac, av, &err) == 0) {
        if (!launch->script)
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
