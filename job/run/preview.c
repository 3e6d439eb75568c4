/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/preview.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "job/run/endurance.h"
#include "job/run/goals.h"
#include "job/run/scaling.h"
#include "job/run/task.h"
#include "lib/number.h"

static void preview_held(const struct input *input, const struct sft_request *request)
{
    if (input->held == NULL)
        return;
    struct data_facts facts = data_facts(input->held);
    printf("eval       %s: %ld records, %ld tokens in %ld sequences\n", request->eval,
           facts.records, facts.tokens, facts.packs);
}

void preview_check(const struct input *input, const struct weights *weights)
{
    char text[1024];
    struct data_facts facts = data_facts(input->data);
    if (weights != NULL)
        printf("weights    %s: %s, %.4g GB in %s\n", weights_name(weights), input->shape.title,
               (double)weights_bytes(weights) / 1e9, weights_folder(weights));
    printf("data       %s: %ld records, %ld tokens, %ld cut, %ld skipped, %ld mended\n",
           facts.source, facts.records, facts.tokens, facts.cut, facts.skipped, facts.mended);
    data_skipped(input->data, text, sizeof text);
    if (text[0] != '\0')
        printf("skipped    %s\n", text);
}

static void preview_duration(const struct forecast *f)
{
    static const struct {
        double least, unit; /* seconds */
        const char *name;
    } units[] = {{0, 1, "s"}, {60, 60, "min"}, {2 * 3600, 3600, "h"}};
    int i = 2;
    while (i > 0 && f->seconds < units[i].least)
        i--;
    printf("           about %.3g %s for all %d steps\n", f->seconds / units[i].unit, units[i].name,
           forecast_steps(&f->plan, f->step_s));
}

/* Where the one rate goes: of a GPU, its waiting told apart. */
static void preview_rate(const struct forecast *f, const struct sft_preset *shape, int precision)
{
    char tok_s[SCALING_RANGE], samples_s[SCALING_RANGE], middle[SFT_NUMBER];
    const struct fit *fit = &f->fit;
    printf("           predicted %s tokens/s a GPU, %s samples/s of all, %.4g s a step: %.3g to "
           "compute, %.3g waiting for collectives\n",
           scaling_range(tok_s, forecast_gpu(f, true), forecast_gpu(f, false), 0),
           scaling_range(samples_s, forecast_samples(f, true), forecast_samples(f, false), 1),
           f->step_s, fit->time.compute, fit->time.exposed);
    printf("           derived: %s by the ceilings; measured runs lay from %.0f%% below to %.0f%% "
           "above what was derived of them\n",
           sft_number(middle, f->tok_s / f->plan.ranks, 5), 100 * FORECAST_BELOW,
           100 * FORECAST_ABOVE);
    preview_duration(f);
    if (shape->architecture == SFT_LSTM)
        printf(
            "           the products of an LSTM's steps are estimated: no ceiling was measured of "
            "such\n");
    if (sft_precision_is_wide(precision))
        printf("           products in %s are estimated by the data sheet: none were measured\n",
               sft_precision_words[precision]);
    else if (shape->architecture == SFT_GPT2)
        printf(
            "           norms, biases and attention of GPT-2 are estimated from one measured run "
            "of its 124M\n");
}

static void preview_device(const struct forecast *f, const struct forecast_question *question)
{
    const struct sft_request *request = question->request;
    const struct fit *fit = &f->fit;
    char chosen[FIT_CHOSEN];
    printf("%s %.4g GiB a rank: arena %.4g, slices %.4g, optimizer %.4g, the libraries' %.4g; "
           "states %s, "
           "recompute %s\n           zero %s: %s\n",
           question->gpu.name, ldexp(fit->total, -30), ldexp(fit->model, -30),
           ldexp(fit->shard, -30), ldexp(fit->optim, -30), ldexp(fit->reserve, -30),
           fit_states_name(fit->states), fit_recompute_name(fit->recompute),
           sft_zero_name(fit->zero), fit_why(fit, request, &f->plan));
    if (fit_chosen(request, &f->plan, chosen)[0] != '\0')
        printf("           chosen: %s\n", chosen);
    preview_rate(f, &question->input->shape, request->precision);
}

/* On stderr, where the exit status comes from. */
static int preview_refuse(const struct forecast *f, const struct forecast_question *question)
{
    const struct sft_request *request = question->request;
    int gpus = f->plan.ranks / f->plan.nodes, needs = forecast_needs(f, question, gpus);
    int each =
        needs < FORECAST_GPUS || request->gpus > 0 || request->nodes > 0 ? gpus : FORECAST_GPUS;
    struct sft_error err = f->why;
    if (needs > 0 && needs <= FORECAST_GPUS && request->nodes <= 0)
        sft_error_suffix(&err, "; %d GPUs of one node would do", needs);
    else if (needs > 0)
        sft_error_suffix(&err, "; %d GPUs would do (%d nodes of %d)", needs, needs / each, each);
    sft_error_prefix(&err, "%s", question->gpu.name);
    return task_complain(&err);
}

/* The plan is of GPUs alone. */
static void preview_cpu(const struct sft_request *request, const struct sft_gpu *gpu)
{
    if (request->device == SFT_DEVICE_CPU || request->gpus == 0)
        printf("note       training on the CPU is not predicted: what follows is of %s\n",
               gpu->name);
}

/* Where the plan's speed comes from, when it is no measurement on such a GPU. */
static void preview_ceilings(const struct sft_gpu *gpu)
{
    if (gpu->ceiling.estimated)
        printf(
            "ceilings   estimated for %s: none were measured; %.4g TFLOP/s of products, %.4g GB/s "
            "of memory are the shares of the data sheet that an H200 reaches; "
            "how near that is to its own no range tells; tests/bench/ceilings measures, ceilings= "
            "names its file\n",
            gpu->name, gpu->ceiling.matmul_tflops, gpu->ceiling.memory_gbs);
}

static void preview_adapters(const struct sft_preset *shape)
{
    const struct sft_adapters *a = &shape->adapters;
    char targets[SFT_ADAPTERS_TEXT];
    if (a->rank == 0)
        return;
    double trained = (double)sft_params_trained(shape), all = (double)sft_params_count(shape);
    printf("adapters   rank %d, output x %g, dropout %g, at %s: %.0f parameters are trained "
           "(%.3g%%)\n",
           a->rank, sft_adapters_scale(a), a->dropout,
           sft_adapters_write(shape, a->targets, targets), trained, 100 * trained / all);
}

static void preview_text(const struct scaling *s)
{
    const struct forecast *f = &s->rows[s->asked];
    const struct input *input = s->question.input;
    const struct sft_plan *plan = &f->plan;
    const struct sft_preset *shape = &input->shape;
    struct data_facts facts = data_facts(input->data);
    double parameters = (double)sft_params_count(shape);
    printf("model      %s, %.0f parameters (%s)\n", shape->title, parameters, shape->source);
    preview_adapters(shape);
    printf("ranks      %d on %d node%s\n", plan->ranks, plan->nodes, plan->nodes == 1 ? "" : "s");
    printf("batch      %d sequences of %d %s a step: %d ranks x %d x %d accumulations\n",
           plan->global_batch, plan->seq, shape->architecture == SFT_LSTM ? "steps" : "tokens",
           plan->ranks, plan->micro_batch, plan->accumulation);
    if (plan->epochs > 0)
        printf("epochs     %g of %ld sequences: %d steps\n", plan->epochs, facts.packs,
               plan->warmup + plan->steps);
    if (plan->steps > 0)
        printf("steps      %d measured", plan->steps);
    else
        printf("steps      %g s of them measured", plan->seconds);
    printf(" after %d of warm-up, seed %llu\n", plan->warmup, (unsigned long long)plan->seed);
    printf("rate       lr %g after %d steps of warm-up, weight decay %g, clip %g, %s\n", plan->lr,
           plan->lr_warmup, plan->weight_decay, plan->clip, sft_optimizer_words[plan->sgd]);
    printf("data       %s: %ld records, %.1f tokens a record, %ld cut, packs %.1f%% full\n",
           facts.source, facts.records, facts.mean_length, facts.cut, 100 * facts.fill);
    preview_held(input, s->question.request);
    preview_cpu(s->question.request, &s->question.gpu);
    preview_ceilings(&s->question.gpu);
    if (f->fits)
        preview_device(f, &s->question);
    if (s->question.request->nodes <= 0)
        return;
    scaling_print(s);
    if (f->fits) {
        struct endurance endurance = endurance_make(f, &s->question);
        endurance_print(&endurance, f);
    }
}

static void preview_json(const struct scaling *s, const struct sft_goals *goals)
{
    const struct forecast *f = &s->rows[s->asked];
    json_t *root = scaling_json(s);
    if (f->fits) {
        struct endurance endurance = endurance_make(f, &s->question);
        endurance_json(&endurance, root);
    }
    if (goals->count > 0)
        json_object_set_new(root, "goals", goals_json(goals, &s->question));
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

int preview_plan(const struct input *input, const struct options *options)
{
    static struct scaling scaling;
    static struct sft_goals goals;
    const struct sft_request *request = &options->request;
    struct sft_error err = {""};
    int least = request->nodes > 0 && !options->json ? 8 : 1;
    goals.count = 0;
    if ((options->goals != NULL && sft_goals_load(&goals, options->goals, &err) < 0) ||
        scaling_make(&scaling, input, request, least, &err) < 0)
        return task_complain(&err);
    if (options->json)
        preview_json(&scaling, &goals);
    else
        preview_text(&scaling);
    if (goals.count > 0 && !options->json)
        goals_print(&goals, options->goals, &scaling.question);
    const struct forecast *f = &scaling.rows[scaling.asked];
    if (f->fits)
        return SFT_EXIT_DONE;
    return options->json ? SFT_EXIT_FAILED : preview_refuse(f, &scaling.question);
}
