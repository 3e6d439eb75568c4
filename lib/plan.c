/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/plan.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int said_or(int said, int otherwise)
{
    return said >= 0 ? said : otherwise;
}

static double real_or(double said, double otherwise)
{
    return said >= 0 ? said : otherwise;
}

/* "partition 'gpu' (with -w)", or what stands in its place */
static const char *plan_where(const struct sft_cluster *cluster, char *text, size_t size)
{
    if (cluster->allocated || cluster->partition[0] == '\0')
        return cluster->allocated ? "this allocation" : "this cluster";
    snprintf(text, size, "partition '%s'%s", cluster->partition, cluster->narrowed);
    return text;
}

static int plan_nodes(struct sft_plan *plan, const struct sft_request *request,
                      const struct sft_cluster *cluster, struct sft_error *err)
{
    plan->nodes = request->nodes > 0
                      ? request->nodes
                      : (cluster->allocated && cluster->nodes > 0 ? cluster->nodes : 1);
    if (cluster->nodes == 0 || plan->nodes <= cluster->nodes)
        return 0;
    const char *subject = sft_request_subject(request->task, request->preset);
    if (cluster->allocated)
        return sft_error_set(err, "%s:%d: this allocation has %d node%s; ask for %d or fewer",
                             subject, plan->nodes, cluster->nodes, cluster->nodes == 1 ? "" : "s",
                             cluster->nodes);
    char with[32] = "", of[sizeof cluster->partition + sizeof cluster->narrowed + 16];
    if (cluster->gpus_least != cluster->gpus_most)
        snprintf(with, sizeof with, " with %d GPUs", cluster->gpus_per_node);
    return sft_error_set(err,
                         "%s:%d: %s has %d node%s%s; ask for %d or fewer, or for another "
                         "partition with -p",
                         subject, plan->nodes, plan_where(cluster, of, sizeof of), cluster->nodes,
                         cluster->nodes == 1 ? "" : "s", with, cluster->nodes);
}

static int plan_tasks(struct sft_plan *plan, const struct sft_request *request,
                      const struct sft_cluster *cluster, struct sft_error *err)
{
    char of[sizeof cluster->partition + sizeof cluster->narrowed + 16];
    if (request->gpus > cluster->gpus_per_node)
        return sft_error_set(err, "gpus=%d: the nodes of %s have %d; ask for %d or fewer",
                             request->gpus, plan_where(cluster, of, sizeof of),
                             cluster->gpus_per_node, cluster->gpus_per_node);
    plan->gpus_per_node = said_or(request->gpus, cluster->gpus_per_node);
    plan->tasks_per_node = plan->gpus_per_node > 0 ? plan->gpus_per_node : 1;
    if (plan->gpus_per_node == 0 && cluster->tasks_per_node > 0)
        plan->tasks_per_node = cluster->tasks_per_node;
    plan->cpus_per_task = cluster->cpus_per_task > 0
                              ? cluster->cpus_per_task
                              : cluster->cpus_per_node / plan->tasks_per_node;
    plan->ranks = plan->nodes * plan->tasks_per_node;
    if (plan->gpus_per_node == 0 && cluster->ranks > 0)
        plan->ranks = cluster->ranks;
    return 0;
}

void sft_plan_micro_batch(struct sft_plan *plan, int size)
{
    int share = plan->micro_batch * plan->accumulation;
    plan->micro_batch = size;
    plan->accumulation = share / size;
    plan->chooses = false;
}

/* The global batch was not said: so many sequences a rank whatever the micro-batch, so that runs
 * with other sizes of it do the same work. */
static int plan_batch_default(struct sft_plan *plan, int sequences, struct sft_error *err)
{
    plan->accumulation = (sequences + plan->micro_batch - 1) / plan->micro_batch;
    long long all = (long long)plan->ranks * plan->micro_batch * plan->accumulation;
    if (all > INT_MAX)
        return sft_error_set(err, "micro_batch=%d on %d ranks is more than %d sequences a step",
                             plan->micro_batch, plan->ranks, INT_MAX);
    plan->global_batch = (int)all;
    return 0;
}

static int plan_batch_said(struct sft_plan *plan, struct sft_error *err)
{
    long long unit = (long long)plan->ranks * plan->micro_batch;
    long long below = plan->global_batch / unit * unit;
    if (below == 0)
        return sft_error_set(err,
                             "global_batch=%d is too small for %d ranks x micro_batch=%d: use %lld",
                             plan->global_batch, plan->ranks, plan->micro_batch, unit);
    if (below != plan->global_batch)
        return sft_error_set(
            err, "global_batch=%d does not divide by %d ranks x micro_batch=%d: use %lld or %lld",
            plan->global_batch, plan->ranks, plan->micro_batch, below, below + unit);
    plan->accumulation = (int)(plan->global_batch / unit);
    return 0;
}

static int plan_batch(struct sft_plan *plan, const struct sft_request *request,
                      const struct sft_request *defaults, struct sft_error *err)
{
    plan->seq = said_or(request->seq, defaults->seq);
    int positions = sft_preset_positions(plan->preset);
    if (positions > 0 && plan->seq > positions)
        return sft_error_set(err, "seq=%d: %s knows %d positions; ask for %d or fewer", plan->seq,
                             plan->preset->name, positions, positions);
    plan->chooses = said_or(request->micro_batch, defaults->micro_batch) == 0;
    plan->micro_batch = plan->chooses ? 1 : request->micro_batch;
    if (request->global_batch < 0)
        return plan_batch_default(plan, defaults->global_batch, err);
    plan->global_batch = request->global_batch;
    return plan_batch_said(plan, err);
}

/* How long is trained. Where seconds say it nobody knows the number of steps before. */
static int plan_length(struct sft_plan *plan, const struct sft_request *request,
                       const struct sft_request *defaults, struct sft_error *err)
{
    if (request->steps > 0 && request->seconds > 0)
        return sft_error_set(err, "steps=%d and seconds=%g exclude each other: leave one out",
                             request->steps, request->seconds);
    plan->warmup = said_or(request->warmup, defaults->warmup);
    if (request->seconds > 0 || (request->steps < 0 && defaults->steps < 0)) {
        plan->seconds = real_or(request->seconds, defaults->seconds);
        plan->lr_warmup = said_or(request->lr_warmup, plan->warmup);
        return 0;
    }
    plan->steps = said_or(request->steps, defaults->steps);
    int total = plan->steps + plan->warmup;
    plan->lr_warmup = said_or(request->lr_warmup, (total * defaults->lr_warmup + 99) / 100);
    if (plan->lr_warmup > total)
        return sft_error_set(err, "lr_warmup=%d is more than all %d steps (warmup + steps)",
                             plan->lr_warmup, total);
    return 0;
}

static int plan_training(struct sft_plan *plan, const struct sft_request *request,
                         struct sft_error *err)
{
    if (plan->task != SFT_TASK_TRAIN)
        return 0;
    struct sft_request defaults;
    sft_request_defaults(&defaults, plan->preset);
    if (plan_batch(plan, request, &defaults, err) < 0)
        return -1;
    if (plan_length(plan, request, &defaults, err) < 0)
        return -1;
    plan->lr = real_or(request->lr, defaults.lr);
    plan->weight_decay = real_or(request->weight_decay, defaults.weight_decay);
    plan->clip = real_or(request->clip, defaults.clip);
    plan->seed = (uint64_t)(request->seed >= 0 ? request->seed : defaults.seed);
    return 0;
}

int sft_plan_make(struct sft_plan *plan, const struct sft_request *request,
                  const struct sft_cluster *cluster, struct sft_error *err)
{
    memset(plan, 0, sizeof *plan);
    plan->task = request->task;
    plan->preset = request->preset;
    if (plan_nodes(plan, request, cluster, err) < 0 || plan_tasks(plan, request, cluster, err) < 0)
        return -1;
    return plan_training(plan, request, err);
}

int sft_plan_make_running(struct sft_plan *plan, const struct sft_request *request, int nodes,
                          int ranks, struct sft_error *err)
{
    memset(plan, 0, sizeof *plan);
    plan->task = request->task;
    plan->preset = request->preset;
    plan->nodes = nodes;
    plan->ranks = ranks;
    plan->tasks_per_node = (ranks + nodes - 1) / nodes;
    plan->gpus_per_node = request->gpus > 0 ? request->gpus : 0;
    return plan_training(plan, request, err);
}
