/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/goals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/roofline.h"

enum { NODES_LEAST = 8 }; /* where a scaling is to be held "everywhere" */

static bool goal_is_everywhere(const struct sft_goal *goal)
{
    return goal->kind == SFT_GOAL_SCALING && goal->nodes < 0 && goal->gpus < 0;
}

/* Whole nodes like the request's, or some of the GPUs of one. */
static int place_find(struct goal_outlook *o, const struct forecast_question *question)
{
    const struct sft_goal *goal = o->goal;
    const struct sft_request *request = question->request;
    int each = request->gpus > 0 ? request->gpus : FORECAST_GPUS, asked = request->nodes;
    int nodes = goal->nodes > 0                                   ? goal->nodes
                : goal->gpus > each                               ? goal->gpus / each
                : goal_is_everywhere(goal) && asked > NODES_LEAST ? asked
                : goal_is_everywhere(goal)                        ? NODES_LEAST
                                                                  : 1;
    o->gpus = goal->gpus > 0 ? goal->gpus / nodes : each;
    if (goal->gpus > 0 && o->gpus * nodes != goal->gpus)
        return sft_error_set(&o->why, "%d GPUs are not as many on each of %d nodes", goal->gpus,
                             nodes);
    if (goal->kind == SFT_GOAL_SCALING && nodes == 1)
        return sft_error_set(&o->why, "scaling is against one node, and that is one");
    o->nodes = nodes;
    return 0;
}

/* Of the data sheet, or as the site's file says. */
static void peak_find(struct goal_outlook *o, const struct sft_gpu *gpu)
{
    double peak = sft_roofline_peak(gpu->name, 0, o->fp8);
    double flops = sft_goal_tflops(o->goal, o->gpus);
    if (peak <= 0 && !o->fp8)
        peak = gpu->ceiling.peak_tflops;
    if (peak <= 0)
        return;
    o->needs = 100 * flops / peak;
    double rate = o->fp8 ? sft_ceiling_fp8(&gpu->ceiling) : gpu->ceiling.matmul_tflops;
    if (rate > 0)
        o->sustains = 100 * rate / peak;
}

/* Is it work as the plan's? */
static int work_check(struct goal_outlook *o, const struct forecast_question *q)
{
    const struct sft_goal *goal = o->goal;
    struct data_facts facts = data_facts(q->input->data);
    const char *ours = facts.workload[0] != '\0' ? facts.workload : facts.source;
    double length = q->workload.real / q->workload.documents;
    if (!sft_goal_is_work(goal, facts.workload, facts.source))
        return sft_error_set(&o->why, "the plan's workload is %.64s, not %.64s", ours,
                             goal->workload);
    if (!sft_goal_is_length(goal, length))
        return sft_error_set(&o->why, "a sample of %.64s has %.4g tokens, not %.4g", ours, length,
                             goal->sample_tokens);
    return 0;
}

static void rate_look(struct goal_outlook *o, const struct forecast_question *q)
{
    static struct forecast f;
    forecast_make(&f, q, o->nodes, o->gpus);
    if (!f.fits) {
        o->why = f.why;
        return;
    }
    bool samples = o->goal->samples_s > 0;
    o->low = samples ? f.tok_s_low / o->goal->sample_tokens : forecast_gpu(&f, true);
    o->high = samples ? f.tok_s_high / o->goal->sample_tokens : forecast_gpu(&f, false);
}

/* The least of the rows that the goal is about: its own, or all above one node. */
static void scaling_look(struct goal_outlook *o, const struct forecast_question *q)
{
    static struct scaling s;
    if (scaling_make(&s, q->input, q->request, 1, &o->why) < 0)
        return;
    if (s.base < 0 || s.rows[s.base].plan.nodes != 1) {
        sft_error_set(&o->why, "it is against one node, on which %s does not fit", o->model->name);
        return;
    }
    for (int row = goal_is_everywhere(o->goal) ? 1 : s.asked; row < s.count; row++) {
        double a = scaling_percent(&s, row, true), b = scaling_percent(&s, row, false);
        if (isnan(a) || isnan(b))
            continue;                 /* does not run */
        if (!(fmax(a, b) >= o->high)) /* the one that decides; NaN: the first */
            scaling_cause(&s, row, o->cause);
        o->low = fmin(o->low, fmin(a, b)); /* of NaN and a number fmin is the number */
        o->high = fmin(o->high, fmax(a, b));
    }
    if (isnan(o->low))
        o->why = s.rows[s.asked].why;
}

static void work_look(struct goal_outlook *o, const struct forecast_question *question)
{
    if (work_check(o, question) < 0)
        return;
    if (o->goal->kind == SFT_GOAL_RATE)
        rate_look(o, question);
    else
        scaling_look(o, question);
}

/* Weights out of files have a shape of their own, which is a preset's when it is alike. */
static bool is_planned(const struct sft_preset *model, const struct sft_preset *planned)
{
    return model == planned ||
           (strcmp(model->name, planned->name) == 0 && sft_preset_alike(model, planned));
}

/* The same model takes the plan's own data, which need not be read again. */
static void size_look(struct goal_outlook *o, const struct forecast_question *asked)
{
    struct sft_request request = *asked->request;
    struct forecast_question question = *asked;
    bool same = is_planned(o->model, request.preset);
    struct input input = *asked->input;
    request.preset = o->model;
    request.nodes = o->nodes;
    request.gpus = o->gpus;
    question.input = &input;
    question.request = &request;
    int ranks = o->nodes * o->gpus;
    if (same) {
        if (sft_plan_make_running(&input.plan, &request, o->nodes, ranks, &o->why) == 0)
            work_look(o, &question);
        return;
    }
    if (input_open(&input, &request, o->nodes, ranks, &o->why) == 0 &&
        forecast_ask(&question, &input, &request, &o->why) == 0)
        work_look(o, &question);
    input_close(&input);
}

void goal_look(struct goal_outlook *o, const struct sft_goal *goal,
               const struct forecast_question *question)
{
    const char *method = goal->method, *precision = goal->precision;
    bool fp8 = question->request->precision == SFT_PRECISION_FP8;
    const char *ours = fp8 ? "fp8" : "bf16";
    const char *trains = sft_method_words[question->input->plan.method];
    const struct sft_preset *named = sft_preset_find(goal->model);
    *o =
        (struct goal_outlook){.goal = goal, .low = NAN, .high = NAN, .needs = NAN, .sustains = NAN};
    o->model = named != NULL ? named : question->request->preset;
    o->fp8 = precision[0] != '\0' ? strcmp(precision, "fp8") == 0 : fp8;
    int placed = place_find(o, question);
    peak_find(o, &question->gpu);
    if (placed < 0)
        return;
    if (goal->kind == SFT_GOAL_USE)
        sft_error_set(&o->why, "NVML tells it while a run goes");
    else if (method[0] != '\0' && strcmp(method, trains) != 0)
        sft_error_set(&o->why, "the plan trains with method=%s, not %s", trains, method);
    else if (precision[0] != '\0' && strcmp(precision, ours) != 0)
        sft_error_set(&o->why, "the plan trains in %s, not %s", ours, precision);
    else
        size_look(o, question);
}

/* What is printed as 95.0 meets 95. */
static double shown(const struct goal_outlook *o, double value)
{
    return sft_goal_rounded(value, sft_goal_digits(o->goal));
}

const char *goal_verdict(const struct goal_outlook *o)
{
    double wanted = sft_goal_value(o->goal);
    if (sft_goal_is_beyond(o->needs))
        return "cannot be met";
    if (isnan(o->low))
        return "not predicted";
    return shown(o, o->low) >= wanted   ? "would be met"
           : shown(o, o->high) < wanted ? "would not be met"
                                        : "open";
}

static const char *unit_of(const struct sft_goal *goal)
{
    static const char *const units[] = {
        [SFT_GOAL_SCALING] = "% scaling", [SFT_GOAL_USE] = "% GPU utilization"};
    if (goal->kind == SFT_GOAL_RATE)
        return goal->samples_s > 0 ? "samples/s" : "tokens/s a GPU";
    return units[goal->kind];
}

static void place_print(const struct goal_outlook *o)
{
    if (o->nodes == 0 || o->goal->kind == SFT_GOAL_USE)
        return;
    printf(", %s on ", o->model->name);
    if (goal_is_everywhere(o->goal))
        printf("2 to %d nodes of %d", o->nodes, o->gpus);
    else if (o->nodes > 1)
        printf("%d nodes of %d", o->nodes, o->gpus);
    else
        printf("%d", o->gpus);
    printf(" GPU%s", o->gpus == 1 ? "" : "s");
}

static void outlook_print(const struct goal_outlook *o)
{
    const struct sft_goal *goal = o->goal;
    char range[SCALING_RANGE];
    const char *unit = unit_of(goal);
    printf("           %s: %.9g%s%s", goal->name, sft_goal_value(goal), unit[0] == '%' ? "" : " ",
           unit);
    if (goal->samples_s > 0)
        printf(" of %.9g tokens", goal->sample_tokens);
    place_print(o);
    printf(": %s", goal_verdict(o));
    if (!isnan(o->low))
        printf(", derived %s", scaling_range(range, o->low, o->high, sft_goal_digits(goal)));
    else if (o->why.text[0] != '\0')
        printf(": %s", o->why.text);
    if (o->cause[0] != '\0')
        printf("; above 100%%: %s", o->cause);
    if (!isnan(o->needs))
        printf("; it needs %.*f%% of the %s peak", o->needs < 1 ? 2 : 0, o->needs,
               o->fp8 ? "FP8" : "bf16");
    if (o->needs > o->sustains && !sft_goal_is_beyond(o->needs))
        printf(", of which matrix products sustain %.0f%%", o->sustains);
    printf("\n");
}

void goals_print(const struct sft_goals *goals, const char *path,
                 const struct forecast_question *question)
{
    struct goal_outlook outlook;
    printf("goals      of %s%s%s%s, each at its own size; derived for %s\n", goals->by,
           goals->by[0] != '\0' ? " (" : "", path, goals->by[0] != '\0' ? ")" : "",
           question->gpu.name);
    for (size_t i = 0; i < goals->count; i++) {
        goal_look(&outlook, &goals->goal[i], question);
        outlook_print(&outlook);
    }
}

/* A file's bytes may be no UTF-8. */
static json_t *json_text(const char *text)
{
    json_t *string = json_string(text);
    return string != NULL ? string : json_null();
}

static void json_add(json_t *object, const char *key, double value)
{
    if (!isnan(value))
        json_object_set_new(object, key, json_real(value));
}

json_t *goals_json(const struct sft_goals *goals, const struct forecast_question *question)
{
    json_t *list = json_array();
    struct goal_outlook o;
    for (size_t i = 0; i < goals->count; i++) {
        goal_look(&o, &goals->goal[i], question);
        json_t *object = json_pack("{s:o, s:s, s:f, s:s, s:i, s:i, s:s, s:o, s:s}", "name",
                                   json_text(o.goal->name), "model", o.model->name, "goal",
                                   sft_goal_value(o.goal), "unit", unit_of(o.goal), "nodes",
                                   o.nodes, "gpus_a_node", o.gpus, "verdict", goal_verdict(&o),
                                   "why", json_text(o.why.text), "cause", o.cause);
        json_add(object, "low", o.low);
        json_add(object, "high", o.high);
        json_add(object, "needs_percent_of_peak", o.needs);
        json_array_append_new(list, object);
    }
    return list;
}
