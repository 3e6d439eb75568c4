/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/scaling.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void row_add(struct scaling *s, int nodes)
{
    const struct sft_plan *plan = &s->question.input->plan;
    if (s->count == SCALING_ROWS)
        return;
    if (nodes == plan->nodes)
        s->asked = s->count;
    struct forecast *row = &s->rows[s->count++];
    forecast_make(row, &s->question, nodes, plan->ranks / plan->nodes);
    if (row->fits && s->base < 0)
        s->base = s->count - 1;
}

int scaling_make(struct scaling *s, const struct input *input, const struct sft_request *request,
                 int least, struct sft_error *err)
{
    int asked = input->plan.nodes;
    *s = (struct scaling){.base = -1};
    if (forecast_ask(&s->question, input, request, err) < 0)
        return -1;
    for (int nodes = 1; nodes <= asked || nodes <= least; nodes *= 2) {
        row_add(s, nodes);
        if (nodes < asked && asked < 2 * nodes)
            row_add(s, asked);
    }
    return 0;
}

double scaling_percent(const struct scaling *s, int row, bool low)
{
    if (s->base < 0 || !s->rows[row].fits)
        return NAN;
    return 100 * forecast_gpu(&s->rows[row], low) / forecast_gpu(&s->rows[s->base], low);
}

/* Behind what stands in the text. */
static void cause_add(char text[SCALING_CAUSE], const char *format, const char *here,
                      const char *there)
{
    size_t used = strlen(text);
    if (used > 0)
        used += (size_t)snprintf(text + used, SCALING_CAUSE - used, "; ");
    if (used < SCALING_CAUSE)
        snprintf(text + used, SCALING_CAUSE - used, format, here, there);
}

static void cause_add_numbers(char text[SCALING_CAUSE], const char *format, int here, int there)
{
    char a[16], b[16];
    snprintf(a, sizeof a, "%d", here);
    snprintf(b, sizeof b, "%d", there);
    cause_add(text, format, a, b);
}

char *scaling_cause(const struct scaling *s, int row, char text[SCALING_CAUSE])
{
    const double above = 100.05; /* what is printed as more than 100.0 */
    text[0] = '\0';
    if (!(scaling_percent(s, row, false) >= above || scaling_percent(s, row, true) >= above))
        return text;
    const struct forecast *here = &s->rows[row], *base = &s->rows[s->base];
    const struct fit *a = &here->fit, *b = &base->fit;
    if (a->recompute < b->recompute)
        cause_add(text, "less is computed again (%s, not %s)", fit_recompute_name(a->recompute),
                  fit_recompute_name(b->recompute));
    if (a->micro_batch > b->micro_batch)
        cause_add_numbers(text, "a larger micro-batch fits (%s, not %s)", a->micro_batch,
                          b->micro_batch);
    if (a->states == SFT_STATES_BF16 && b->states == SFT_STATES_FP32)
        cause_add(text, "smaller states (%s, not %s)", fit_states_name(a->states),
                  fit_states_name(b->states));
    if (text[0] != '\0')
        return text;
    if (a->zero != b->zero)
        cause_add(text, "shared otherwise (zero=%s, not %s)", sft_zero_name(a->zero),
                  sft_zero_name(b->zero));
    if (a->zero != SFT_ZERO_0)
        cause_add_numbers(text, "AdamW is shared by %s GPUs, not %s", here->plan.ranks,
                          base->plan.ranks);
    return text;
}

const char *scaling_range(char text[SCALING_RANGE], double low, double high, int digits)
{
    char end[SCALING_RANGE / 2];
    snprintf(text, SCALING_RANGE / 2, "%.*f", digits, fmin(low, high));
    snprintf(end, sizeof end, "%.*f", digits, fmax(low, high));
    if (strcmp(text, end) != 0)
        snprintf(text + strlen(text), SCALING_RANGE - strlen(text), "-%s", end);
    return text;
}

static void row_print(const struct scaling *s, int row)
{
    const struct forecast *f = &s->rows[row];
    const struct fit *fit = &f->fit;
    char gpu[SCALING_RANGE], all[SCALING_RANGE], samples[SCALING_RANGE], percent[SCALING_RANGE],
        cause[SCALING_CAUSE];
    printf("%5d  ", f->plan.nodes);
    if (!f->fits && fit->total > 0) {
        printf("does not fit: %.1f GiB a GPU\n", ldexp(fit->total, -30));
        return;
    }
    if (!f->fits) {
        printf("does not run: %s\n", f->why.text);
        return;
    }
    printf("%15s  %11s  %17s  %15s  %8.1f  %5.1f  %-8s %5d %-6s %-6s %s\n",
           scaling_range(gpu, forecast_gpu(f, true), forecast_gpu(f, false), 0),
           scaling_range(percent, scaling_percent(s, row, true), scaling_percent(s, row, false), 1),
           scaling_range(all, f->tok_s_low, f->tok_s_high, 0),
           scaling_range(samples, forecast_samples(f, true), forecast_samples(f, false), 1),
           fit->time.exposed * 1e3, ldexp(fit->total, -30), fit->time.bound, fit->micro_batch,
           sft_zero_name(fit->zero), fit_states_name(fit->states),
           fit_recompute_name(fit->recompute));
    if (scaling_cause(s, row, cause)[0] != '\0')
        printf("       above 100%%: %s\n", cause);
}

/* Without its maker. */
static const char *short_name(const struct sft_gpu *gpu)
{
    return strncmp(gpu->name, "NVIDIA ", 7) == 0 ? gpu->name + 7 : gpu->name;
}

void scaling_print(const struct scaling *s)
{
    const struct forecast_question *question = &s->question;
    const struct sft_plan *plan = &question->input->plan;
    struct fit_question q = fit_question(question->request, plan, &question->input->shape);
    fit_question_measured(&q, &question->gpu.ceiling);
    struct sft_fabric fabric = q.fabric;
    printf(
        "scaling    derived for nodes of %d x %s, 3%% of %.4g GiB kept free; against the "
        "fewest nodes that it fits on,\n           as it would run there; both ends of the range "
        "by themselves\n",
        plan->ranks / plan->nodes, short_name(&question->gpu), question->gpu.gib);
    printf("           fabric %s: %.4g GB/s a GPU, %.4g GB/s a node", fabric.source,
           fabric.nvlink_gbs, fabric.nic_gbs);
    if (fabric.nvlink_assumed || fabric.nic_assumed)
        printf("; the lower end is at half\n           of what is assumed, too (nvlink_gbs= and "
               "nic_gbs= say what was measured)");
    printf(
        "\nnodes        tok/s/GPU   scaling, %%              tok/s        samples/s  wait, ms    "
        "GiB  bound    micro zero   states recompute\n");
    for (int row = 0; row < s->count; row++)
        row_print(s, row);
}

static void json_rates(json_t *root, const struct scaling *s)
{
    const struct forecast *f = &s->rows[s->asked];
    char cause[SCALING_CAUSE];
    json_t *rates = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:s, s:i, s:i, s:s, s:s, s:s}",
        "step_s", f->step_s, "seconds", f->seconds, "tok_s", f->tok_s, "tok_s_low", f->tok_s_low,
        "tok_s_high", f->tok_s_high, "tok_s_gpu", f->tok_s / f->plan.ranks, "samples_s",
        f->samples_s, "scaling", scaling_percent(s, s->asked, false), "scaling_low",
        scaling_percent(s, s->asked, true), "scaling_nodes", s->rows[s->base].plan.nodes,
        "scaling_cause", scaling_cause(s, s->asked, cause), "micro_batch", f->plan.micro_batch,
        "accumulation", f->plan.accumulation, "zero", sft_zero_name(f->fit.zero), "states",
        fit_states_name(f->fit.states), "recompute", fit_recompute_name(f->fit.recompute));
    json_object_update(root, rates);
    json_decref(rates);
}

json_t *scaling_json(const struct scaling *s)
{
    const struct forecast *f = &s->rows[s->asked];
    const struct forecast_question *question = &s->question;
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:f}", "model", question->input->shape.name, "device",
        question->gpu.name, "ceilings", question->gpu.ceiling.estimated ? "estimated" : "measured",
        "nodes", f->plan.nodes, "ranks", f->plan.ranks, "steps",
        f->fits ? forecast_steps(&f->plan, f->step_s) : f->plan.steps + f->plan.warmup, "fits",
        f->fits, "gib", ldexp(f->fit.total, -30));
    if (f->fits) {
        json_rates(root, s);
    } else {
        int needs = forecast_needs(f, question, f->plan.ranks / f->plan.nodes);
        json_object_set_new(root, "why", json_string(f->why.text));
        if (needs > 0)
            json_object_set_new(root, "gpus_needed", json_integer(needs));
    }
    return root;
}
