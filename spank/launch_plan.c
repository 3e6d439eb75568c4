/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/launch_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spank/facts.h"
#include "node/hosts.h"
#include "spank/line.h"
#include "spank/options.h"
#include "spank/probe.h"
#include "spank/slurm_compat.h"

uint32_t launch_allocation(const struct launch *launch)
{
    const char *id = launch->step ? cmdline_value(&launch->user, "jobid") : NULL;
    if (id == NULL && launch->step)
        id = getenv("SLURM_JOB_ID");
    return id != NULL ? (uint32_t)strtoul(id, NULL, 10) : 0;
}

/* Only srun asks for what its step has; the others take no step. */
void launch_options(const struct launch *launch, struct words *line)
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
    if (!launch->cluster.allocated && launch->ask.partition == NULL &&
        launch->where.partition[0] != '\0')
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

/* Before anything is planned: where does a job of the user's words go? With one GPU, if it is to
 * have any, because sites send jobs by that. */
static bool launch_probe_rough(const struct launch *launch, bool gpus, struct probe *probe)
{
    struct words line = {0};
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
    struct words line = {0};
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
    return where_plan(&launch->where, partitions, &launch->request, &launch->cluster, &launch->plan,
                      err);
}

/* -p, else what the program takes from its environment, else the site's. */
static const char *launch_partition(const struct launch *launch)
{
    return launch->ask.partition != NULL ? launch->ask.partition : launch->where.partition;
}

/* Plan for the very nodes that Slurm named. */
static int launch_plan_named(struct launch *launch, const struct probe *probe,
                             struct sft_error *err)
{
    struct words bad = {0};
    hosts_expand(probe->nodes, &launch->where.named, &bad);
    words_clear(&bad);
    return launch_plan_in(launch, probe->partition, err);
}

/* A filter may add a constraint, too: then the nodes that Slurm names have other GPUs than most of
 * the partition, and are to be planned for. */
static void launch_plan_nodes(struct launch *launch, const struct probe *probe)
{
    struct launch kept = *launch;
    struct sft_error err;
    if (launch->cluster.gpus_least == launch->cluster.gpus_most)
        return;
    bool other = launch_plan_named(launch, probe, &err) == 0 &&
                 launch->plan.gpus_per_node != kept.plan.gpus_per_node;
    kept.where.named = launch->where.named;
    if (other) {
        fprintf(stderr,
                "sft-bench: note: planned for %d GPUs a node, as %s has, where Slurm would start "
                "the job; "
                "gpus=N asks for another number\n",
                launch->plan.gpus_per_node, probe->nodes);
        return;
    }
    *launch = kept;
    words_clear(&launch->where.named);
}

/* Where a filter or the controller's script may send the job elsewhere, Slurm itself is asked, by
 * --test-only with the very words: first with the user's, for the partition to plan for, then with
 * the plan's, which may change the answer. It costs some milliseconds and two job ids. */
static int launch_plan_steered(struct launch *launch, struct sft_error *err)
{
    struct probe probe, again;
    bool own = launch->ask.said[0] != '\0' || launch->request.gpus == 0;
    bool told = (!own && launch_probe_rough(launch, true, &probe)) ||
                launch_probe_rough(launch, false, &probe);
    launch->assumed = !told;
    if (!told) {
        int rc = launch_plan_in(launch, launch_partition(launch), err);
        return rc < 0 && launch->ask.partition == NULL ? launch_plan_in(launch, WHERE_ANY, err)
                                                       : rc;
    }
    if (launch_plan_in(launch, probe.partition, err) < 0)
        return -1;
    if (!own && launch->request.gpus < 0)
        launch_plan_nodes(launch, &probe);
    if (!launch_probe_plan(launch, &again))
        return launch_plan_named(launch, &probe, err);
    return strcmp(again.partition, launch->cluster.partition) != 0
               ? launch_plan_in(launch, again.partition, err)
               : 0;
}

/* One line on what the plan assumes, where it does. */
static void launch_note(const struct launch *launch)
{
    const struct sft_cluster *cluster = &launch->cluster;
    if (!launch->assumed) {
        where_note(&launch->where, cluster, &launch->request);
        return;
    }
    fprintf(stderr,
            "sft-bench: note: planned for %s%s, %d GPUs a node: this site's filters may send the "
            "job elsewhere, "
            "and Slurm does not say beforehand where; -p names a partition\n",
            cluster->partition[0] != '\0' ? "partition " : "any partition", cluster->partition,
            launch->plan.gpus_per_node);
}

static int launch_plan_here(struct launch *launch, struct sft_error *err)
{
    if (where_open(&launch->where, &launch->conf, &launch->ask, err) < 0)
        return -1;
    bool ask = options_known("test-only");
    launch->assumed = launch->where.facts.steered && !ask; /* salloc has no such option */
    int rc = launch->where.facts.steered && ask
                 ? launch_plan_steered(launch, err)
                 : launch_plan_in(launch, launch_partition(launch), err);
    if (rc == 0)
        launch_note(launch);
    return rc;
}

static bool launch_elsewhere(const struct launch *launch)
{
    return ask_value(&launch->user, launch->program, "clusters", "CLUSTERS") != NULL;
}

/* How the allocation shares GPUs out to tasks of its own is not how a step of one rank a GPU does.
 */
static void launch_forget(const struct launch *launch)
{
    static const char *const names[][2] = {
        {"gpus-per-task", "SLURM_GPUS_PER_TASK"},     {"tres-per-task", "SLURM_TRES_PER_TASK"},
        {"ntasks-per-gpu", "SLURM_NTASKS_PER_GPU"},   {"ntasks-per-tres", "SLURM_NTASKS_PER_TRES"},
        {"gpus-per-socket", "SLURM_GPUS_PER_SOCKET"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!cmdline_has(&launch->user, names[i][0]))
            unsetenv(names[i][1]);
}

static void launch_note_given(const struct launch *launch)
{
    int cpus = launch->cluster.cpus_per_node;
    if (launch->step && line_shares_cpus(&launch->cluster, &launch->plan))
        fprintf(stderr,
                "sft-bench: note: this allocation has %d CPU%s on a node for %d tasks, which share "
                "them: allocate more with -c\n",
                cpus, cpus == 1 ? "" : "s", launch->plan.tasks_per_node);
}

/* The shape is there already, or only the user knows it. */
static int launch_plan_given(struct launch *launch, uint32_t job_id, struct sft_error *err)
{
    struct sft_request wanted = launch->request;
    struct sft_cluster *cluster = &launch->cluster;
    char words[128];
    int tasks;
    /* What the variables say of threads, the allocation has in its count of CPUs already. */
    const struct cmdline *user = &launch->user;
    bool own = cmdline_has(user, "hint") || cmdline_has(user, "threads-per-core") ||
               cmdline_has(user, "extra-node-info");
    if (job_id != 0 &&
        facts_allocation(cluster, job_id, own ? launch->ask.threads : 0, &launch->slices, err) < 0)
        return -1;
    if (job_id != 0)
        launch_forget(launch);
    if (job_id == 0 && launch->conf.gpus_per_node >= 0)
        cluster->gpus_per_node = launch->conf.gpus_per_node;
    int most = cluster->gpus_per_node; /* 0 elsewhere, where -n says nothing of GPUs */
    if (wanted.nodes < 0 && cluster->nodes > 0 && launch->ask.nodes == 0 &&
        (launch->ask.ntasks == 0 || cluster->nodes == 1))
        wanted.nodes = cluster->nodes;
    if (ask_settle(&launch->ask, &wanted, wanted.gpus == 0 ? 0 : most, &tasks, err) < 0)
        return -1;
    if (job_id == 0 && wanted.gpus > 0)
        cluster->gpus_per_node = wanted.gpus; /* another cluster: believe the user */
    cluster->tasks_per_node = tasks;
    cluster->ranks = launch->ask.ntasks;
    if (sft_plan_make(&launch->plan, &wanted, cluster, err) == 0) {
        launch_note_given(launch);
        return 0;
    }
    return launch->request.gpus < 0 && wanted.gpus > cluster->gpus_per_node
               ? sft_error_prefix(err, "%s", ask_words(&launch->ask, words, sizeof words))
               : -1;
}

int launch_plan(struct launch *launch, struct sft_error *err)
{
    uint32_t job_id = launch_allocation(launch);
    int rc = job_id != 0 || launch_elsewhere(launch) ? launch_plan_given(launch, job_id, err)
                                                     : launch_plan_here(launch, err);
    if (rc < 0 && launch->where.without.count > 0)
        return sft_error_suffix(err, " (without exclude_hosts = %.200s)",
                                launch->conf.fabric.exclude_hosts);
    if (rc < 0)
        return -1;
    if (launch->conf.cpus_per_task > 0)
        launch->plan.cpus_per_task = launch->conf.cpus_per_task;
    if (launch->plan.gpus_per_node > 0 && launch->plan.task == SFT_TASK_TRAIN)
        conf_fill_figures(&launch->conf, &launch->request);
    return sft_request_format(&launch->request, launch->text, sizeof launch->text, err);
}
