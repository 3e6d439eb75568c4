/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/plan.h"

#include <limits.h>
#include <math.h>
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

/* Moments of 16 bits are AdamW's, beside weights of 16 bits. */
static int plan_states(const struct sft_plan *plan, const struct sft_request *request,
                       struct sft_error *err)
{
    bool wide = sft_precision_is_wide(request->precision);
    if (plan->sgd && request->checkpoint[0] != '\0')
        return sft_error_set(err, "checkpoint= with optimizer=sgd: not in this version: leave one "
                                  "out, or say optimizer=adamw");
    if (request->states != SFT_STATES_BF16 || !(plan->sgd || wide))
        return 0;
    return sft_error_set(err, "states=bf16 with %s: keeps its states in fp32: leave states= out",
                         wide ? "precision=fp32 or tf32" : "optimizer=sgd");
}

/* FP8's products take operands of multiples of 16. */
static int plan_precision(const struct sft_plan *plan, const struct sft_request *request,
                          struct sft_error *err)
{
    if (request->precision != SFT_PRECISION_FP8 && request->scaling >= 0)
        return sft_error_set(err, "scaling=%s: is of FP8: say precision=fp8, too",
                             sft_scaling_words[request->scaling]);
    if (request->precision == SFT_PRECISION_FP8 && plan->seq % 16 != 0)
        return sft_error_set(err, "seq=%d: precision=fp8 takes multiples of 16: use %d or %d",
                             plan->seq, plan->seq / 16 * 16, plan->seq / 16 * 16 + 16);
    return 0;
}

/* What is of checkpoints alone, where there are none. */
static int plan_checkpoints(const struct sft_request *request, struct sft_error *err)
{
    const char *key = request->checkpoint_every[0] != '\0' ? "checkpoint_every"
                      : request->checkpoint_keep >= 0      ? "checkpoint_keep"
                      : request->resume >= 0               ? "resume"
                      : request->requeue >= 0              ? "requeue"
                                                           : NULL;
    if (request->checkpoint[0] != '\0' || key == NULL)
        return 0;
    return sft_error_set(err, "%s=: is of checkpoints: say checkpoint=FOLDER, too", key);
}

static int plan_batch(struct sft_plan *plan, const struct sft_request *request,
                      const struct sft_request *defaults, struct sft_error *err)
{
    plan->seq = said_or(request->seq, defaults->seq);
    int positions = sft_preset_positions(plan->preset);
    if (positions > 0 && plan->seq > positions)
        return sft_error_set(err, "seq=%d: %s knows %d positions; ask for %d or fewer", plan->seq,
                             plan->preset->name, positions, positions);
    int size = said_or(request->micro_batch, defaults->micro_batch);
    if (request->micro_batch < 0 && request->global_batch >= 0) /* a preset's goes with its own */
        size = 0;
    plan->chooses = size == 0;
    plan->micro_batch = plan->chooses ? 1 : size;
    if (request->global_batch < 0)
        return plan_batch_default(plan, defaults->global_batch, err);
    plan->global_batch = request->global_batch;
    return plan_batch_said(plan, err);
}

/* The learning rate's warm-up of so many steps in all. */
static int plan_rise(struct sft_plan *plan, const struct sft_request *request,
                     const struct sft_request *defaults, struct sft_error *err)
{
    int total = plan->steps + plan->warmup;
    plan->lr_warmup =
        said_or(request->lr_warmup, (int)(((long long)total * defaults->lr_warmup + 99) / 100));
    if (plan->lr_warmup > total)
        return sft_error_set(err, "lr_warmup=%d is more than all %d steps (warmup + steps)",
                             plan->lr_warmup, total);
    return 0;
}

int sft_plan_epochs(struct sft_plan *plan, const struct sft_request *request, long sequences,
                    struct sft_error *err)
{
    struct sft_request defaults;
    double total = ceil(plan->epochs * (double)sequences / plan->global_batch - 1e-9);
    if (plan->epochs <= 0)
        return 0;
    sft_request_defaults(&defaults, plan->preset);
    if (total > SFT_PLAN_STEPS_MOST)
        return sft_error_set(err, "epochs=%g: are %.0f steps of %d sequences; at most %d go",
                             plan->epochs, total, plan->global_batch, SFT_PLAN_STEPS_MOST);
    total = fmax(total, 1);
    if (request->warmup >= total)
        return sft_error_set(err,
                             "epochs=%g: are %.0f steps of %d sequences, of which warmup=%d leaves "
                             "none to be measured: use a smaller warmup=",
                             plan->epochs, total, plan->global_batch, request->warmup);
    if (plan->warmup >= total)
        plan->warmup = (int)total - 1;
    plan->steps = (int)total - plan->warmup;
    return plan_rise(plan, request, &defaults, err);
}

/* Of steps=, seconds= and epochs= one. */
static int plan_one_length(const struct sft_request *request, struct sft_error *err)
{
    if (request->steps > 0 && request->seconds > 0)
        return sft_error_set(err, "steps=%d and seconds=%g exclude each other: leave one out",
                             request->steps, request->seconds);
    if (request->epochs > 0 && request->steps > 0)
        return sft_error_set(err, "epochs=%g and steps=%d exclude each other: leave one out",
                             request->epochs, request->steps);
    if (request->epochs > 0 && request->seconds > 0)
        return sft_error_set(err, "epochs=%g and seconds=%g exclude each other: leave one out",
                             request->epochs, request->seconds);
    if (request->eval_every > 0 && request->eval[0] == '\0')
        return sft_error_set(err, "eval_every=%d: nothing is evaluated: say eval=, too",
                             request->eval_every);
    return 0;
}

/* How long is trained. Where seconds say it nobody knows the number of steps before. */
static int plan_length(struct sft_plan *plan, const struct sft_request *request,
                       const struct sft_request *defaults, struct sft_error *err)
{
    if (plan_one_length(request, err) < 0)
        return -1;
    plan->warmup = said_or(request->warmup, defaults->warmup);
    if (request->epochs > 0) {
        plan->epochs = request->epochs;
        return 0;
    }
    if (request->seconds > 0 || (request->steps < 0 && defaults->steps < 0)) {
        plan->seconds = real_or(request->seconds, defaults->seconds);
        plan->lr_warmup = said_or(request->lr_warmup, plan->warmup);
        return 0;
    }
    plan->steps = said_or(request->steps, defaults->steps);
    return plan_rise(plan, request, defaults, err);
}

/* What of a request is of adapters alone, where there are none. */
static int plan_full(const struct sft_request *request, struct sft_error *err)
{
    char value[32] = "";
    const char *key = NULL;
    if (request->adapter[0] != '\0') {
        key = "adapter";
        snprintf(value, sizeof value, "%.31s", request->adapter);
    } else if (request->lora_rank >= 0) {
        key = "lora_rank";
        snprintf(value, sizeof value, "%d", request->lora_rank);
    } else if (request->lora_alpha >= 0) {
        key = "lora_alpha";
        snprintf(value, sizeof value, "%g", request->lora_alpha);
    } else if (request->lora_dropout >= 0) {
        key = "lora_dropout";
        snprintf(value, sizeof value, "%g", request->lora_dropout);
    } else if (request->lora_targets[0] != '\0') {
        key = "lora_targets";
        snprintf(value, sizeof value, "%.31s", request->lora_targets);
    } else if (request->rslora >= 0) {
        key = "rslora";
        snprintf(value, sizeof value, "%s", sft_answer_words[request->rslora]);
    } else if (request->merge == SFT_ANSWER_YES) {
        key = "merge";
        snprintf(value, sizeof value, "yes");
    } else if (request->base > SFT_BASE_DEVICE) {
        return sft_error_set(err,
                             "base=%s: method=full trains all weights and has no base: say "
                             "method=lora, too",
                             sft_base_words[request->base]);
    }
    if (key == NULL)
        return 0;
    return sft_error_set(err, "%s=%s: method=full has no adapters: say method=lora, too", key,
                         value);
}

static int plan_base(struct sft_plan *plan, const struct sft_request *request,
                     struct sft_error *err)
{
    bool four_bits = plan->method == SFT_METHOD_QLORA;
    plan->adapters.base =
        (enum sft_base)said_or(request->base, four_bits ? SFT_BASE_NF4 : SFT_BASE_DEVICE);
    if (four_bits && plan->adapters.base != SFT_BASE_NF4)
        return sft_error_set(err, "method=qlora,base=%s: qlora's base is nf4: say method=lora",
                             sft_base_words[plan->adapters.base]);
    return 0;
}

static int plan_adapters(struct sft_plan *plan, const struct sft_request *request,
                         const struct sft_request *defaults, struct sft_error *err)
{
    struct sft_adapters *a = &plan->adapters;
    plan->method = (enum sft_method)said_or(request->method, defaults->method);
    if (plan->method == SFT_METHOD_FULL)
        return plan_full(request, err);
    if (plan_base(plan, request, err) < 0)
        return -1;
    if (request->adapter[0] != '\0' && request->weights[0] == '\0')
        return sft_error_set(err, "adapter=%.200s: is beside weights: say weights=, too",
                             request->adapter);
    if (request->merge == SFT_ANSWER_YES && request->save[0] == '\0')
        return sft_error_set(err, "merge=yes: nothing is saved: say save=FOLDER, too");
    if (sft_precision_is_wide(request->precision) && request->device != SFT_DEVICE_CPU)
        return sft_error_set(err,
                             "method=%s with precision=%s: adapters compute in bf16: leave "
                             "precision= out",
                             sft_method_words[plan->method],
                             sft_precision_words[request->precision]);
    a->rank = said_or(request->lora_rank, defaults->lora_rank);
    a->alpha = real_or(request->lora_alpha, defaults->lora_alpha * a->rank);
    a->dropout = real_or(request->lora_dropout, defaults->lora_dropout);
    a->rank_stabilized = said_or(request->rslora, defaults->rslora) == SFT_ANSWER_YES;
    const char *targets = request->lora_targets;
    if (plan->preset == sft_preset_auto()) /* nobody knows its projections before it is read */
        return 0;
    return sft_adapters_read(plan->preset, targets[0] != '\0' ? targets : defaults->lora_targets,
                             &a->targets, err);
}

/* Adapters are trained at ten times the rate of all parameters, as in Dettmers et al., QLoRA, 2023
 * (2e-4 up to 13B). */
static double plan_rate(const struct sft_plan *plan, const struct sft_request *defaults)
{
    const double adapters = 2e-4;
    return plan->method != SFT_METHOD_FULL && defaults->lr < adapters ? adapters : defaults->lr;
}

/* What says how to train says nothing to verify, and the other way round; what a site may give is
 * no word of the user's. */
static int plan_verify(const struct sft_request *request, struct sft_error *err)
{
    static const char *const taken[] = {"gpus", "device", "timeout", "out", "checks", NULL};
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        bool known = key->scope == SFT_SCOPE_SITE_TOO || !sft_field_said(key, request);
        for (int i = 0; taken[i] != NULL; i++)
            known = known || strcmp(key->name, taken[i]) == 0;
        if (!known)
            return sft_error_set(err,
                                 "%s=: verify measures the nodes and trains nothing: leave it "
                                 "out",
                                 key->name);
    }
    return 0;
}

/* What only models have whose texts are read and whose parameters Hugging Face names. */
static int plan_classifier(const struct sft_request *request, const struct sft_preset *preset,
                           struct sft_error *err)
{
    const char *key = request->weights[0] != '\0' ? "weights"
                      : request->save[0] != '\0'  ? "save"
                                                  : "";
    if (preset->classes == 0)
        return 0;
    if (key[0] != '\0')
        return sft_error_set(err,
                             "%s=: %s begins with drawn weights and is not saved: leave it out",
                             key, preset->name);
    if (request->method > SFT_METHOD_FULL)
        return sft_error_set(err, "method=%s: %s trains all its parameters: leave it out",
                             sft_method_words[request->method], preset->name);
    if (request->precision == SFT_PRECISION_FP8 && preset->architecture == SFT_LSTM)
        return sft_error_set(err, "precision=fp8: %s has no linear layers for it: use bf16",
                             preset->name);
    return 0;
}

static int plan_training(struct sft_plan *plan, const struct sft_request *request,
                         struct sft_error *err)
{
    if (plan->task == SFT_TASK_VERIFY)
        return plan_verify(request, err);
    if (plan->task != SFT_TASK_TRAIN)
        return 0;
    if (request->checks[0] != '\0')
        return sft_error_set(err,
                             "checks=%.64s: a key of verify, as verify:8,checks=%.64s: leave "
                             "it out",
                             request->checks, request->checks);
    struct sft_request defaults;
    if (plan->preset == sft_preset_auto() && request->weights[0] == '\0')
        return sft_error_set(err, "auto takes the model of weights=: name a folder, or a model of "
                                  "Hugging Face's, with it");
    sft_request_defaults(&defaults, plan->preset);
    if (plan_classifier(request, plan->preset, err) < 0)
        return -1;
    if (plan_batch(plan, request, &defaults, err) < 0 || plan_checkpoints(request, err) < 0)
        return -1;
    if (plan_precision(plan, request, err) < 0 || plan_length(plan, request, &defaults, err) < 0)
        return -1;
    if (plan_adapters(plan, request, &defaults, err) < 0)
        return -1;
    plan->lr = real_or(request->lr, plan_rate(plan, &defaults));
    plan->weight_decay = real_or(request->weight_decay, defaults.weight_decay);
    plan->clip = real_or(request->clip, defaults.clip);
    plan->sgd = said_or(request->optimizer, defaults.optimizer) == SFT_OPTIMIZER_SGD;
    if (plan_states(plan, request, err) < 0)
        return -1;
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
