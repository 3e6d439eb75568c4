/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/scaling.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int row_add(struct scaling *s, const struct input *input, const struct sft_request *request,
                   int nodes, struct sft_error *err)
{
    int asked = input->plan.nodes, gpus = input->plan.ranks / asked;
    if (s->count == SCALING_ROWS)
        return 0;
    if (nodes == asked)
        s->asked = s->count;
    struct forecast *row = &s->rows[s->count++];
    if (forecast_make(row, input, request, nodes, gpus, err) < 0)
        return -1;
    if (row->fits && s->base < 0)
        s->base = s->count - 1;
    return 0;
}

int scaling_make(struct scaling *s, const struct input *input, const struct sft_request *request,
                 int least, struct sft_error *err)
{
    int asked = input->plan.nodes, most = asked > least ? asked : least;
    *s = (struct scaling){.base = -1};
    for (int nodes = 1; nodes <= most; nodes *= 2) {
        if (nodes / 2 < asked && asked < nodes && row_add(s, input, request, asked, err) < 0)
            return -1;
        if (row_add(s, input, request, nodes, err) < 0)
            return -1;
        if (2 * nodes > most && nodes < asked && row_add(s, input, request, asked, err) < 0)
            return -1;
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

/* "low-high", one number where the ends print as the same. */
static const char *range(char text[40], double low, double high, int digits)
{
    char end[20];
    snprintf(text, 40, "%.*f", digits, low);
    snprintf(end, sizeof end, "%.*f", digits, high);
    if (strcmp(text, end) != 0)
        snprintf(text + strlen(text), 40 - strlen(text), "-%s", end);
    return text;
}

static void row_print(const struct scaling *s, int row)
{
    const struct forecast *f = &s->rows[row];
    const struct fit *fit = &f->fit;
    char gpu[40], all[40], percent[40], cause[SCALING_CAUSE];
    printf("%5d  ", f->plan.nodes);
    if (!f->fits && fit->total > 0) {
        printf("does not fit: %.1f GiB a GPU\n", ldexp(fit->total, -30));
        return;
    }
    if (!f->fits) {
        printf("does not run: %s\n", f->why.text);
        return;
    }
    printf("%15s  %11s  %17s  %9.1f  %8.1f  %5.1f  %-8s %5d %-6s %-6s %s\n",
           range(gpu, forecast_gpu(f, true), forecast_gpu(f, false), 0),
           range(percent, scaling_percent(s, row, true), scaling_percent(s, row, false), 1),
           range(all, f->tok_s_low, f->tok_s, 0), f->samples_s, fit->time.exposed * 1e3,
           ldexp(fit->total, -30), fit->time.bound, fit->micro_batch, sft_zero_name(fit->zero),
           fit_states_name(fit->states), fit_recompute_name(fit->recompute));
    if (scaling_cause(s, row, cause)[0] != '\0')
        printf("       above 100%%: %s\n", cause);
}

/* Without its maker. */
static const char *short_name(const struct sft_gpu *gpu)
{
    return strncmp(gpu->name, "NVIDIA ", 7) == 0 ? gpu->name + 7 : gpu->name;
}

void scaling_print(const struct scaling *s, const struct input *input,
                   const struct sft_request *request)
{
    const struct sft_plan *plan = &input->plan;
    const struct sft_gpu *gpu = &s->rows[s->asked].gpu;
    struct fit_question q = fit_question(request, plan, &input->shape);
    fit_question_measured(&q, &gpu->ceiling);
    struct sft_fabric fabric = q.fabric;
    printf("scaling    estimated for nodes of %d x %s, 3%% of %.4g GiB kept free; against the "
           "fewest nodes that it fits on,\n           as it would run there\n",
           plan->ranks / plan->nodes, short_name(gpu), gpu->gib);
    printf("           fabric %s: %g GB/s a GPU, %g GB/s a node", fabric.source, fabric.nvlink_gbs,
           fabric.nic_gbs);
    if (fabric.nvlink_assumed || fabric.nic_assumed)
        printf("; the lower end is at half\n           of what is assumed (nvlink_gbs= and "
               "nic_gbs= say what was measured)");
    printf("\nnodes        tok/s/GPU   scaling, %%              tok/s  samples/s  wait, ms    GiB  "
           "bound    micro zero   states recompute\n");
    for (int row = 0; row < s->count; row++)
        row_print(s, row);
}

static void json_rates(json_t *root, const struct scaling *s)
{
    const struct forecast *f = &s->rows[s->asked];
    char cause[SCALING_CAUSE];
    json_t *rates = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:s, s:i, s:i, s:s, s:s, s:s}", "step_s",
        f->step_s, "seconds", f->seconds, "tok_s", f->tok_s, "tok_s_low", f->tok_s_low, "tok_s_gpu",
        forecast_gpu(f, false), "samples_s", f->samples_s, "scaling",
        scaling_percent(s, s->asked, false), "scaling_low", scaling_percent(s, s->asked, true),
        "scaling_nodes", s->rows[s->base].plan.nodes, "scaling_cause",
        scaling_cause(s, s->asked, cause), "micro_batch", f->plan.micro_batch, "accumulation",
        f->plan.accumulation, "zero", sft_zero_name(f->fit.zero), "states",
        fit_states_name(f->fit.states), "recompute", fit_recompute_name(f->fit.recompute));
    json_object_update(root, rates);
    json_decref(rates);
}

void scaling_print_json(const struct scaling *s, const struct input *input,
                        const struct sft_request *request)
{
    const struct forecast *f = &s->rows[s->asked];
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:f}", "model", input->shape.name, "device",
                  f->gpu.name, "ceilings", f->gpu.ceiling.estimated ? "estimated" : "measured",
                  "nodes", f->plan.nodes, "ranks", f->plan.ranks, "steps",
                  f->fits ? forecast_steps(&f->plan, f->step_s) : f->plan.steps + f->plan.warmup,
                  "fits", f->fits, "gib", ldexp(f->fit.total, -30));
    if (f->fits) {
        json_rates(root, s);
    } else {
        int needs = forecast_needs(f, input, request, f->plan.ranks / f->plan.nodes);
        json_object_set_new(root, "why", json_string(f->why.text));
        if (needs > 0)
            json_object_set_new(root, "gpus_needed", json_integer(needs));
    }
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}
