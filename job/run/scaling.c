/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/scaling.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "job/run/forecast.h"

/* The plan of one rank's part, on so many nodes. */
static struct sft_plan plan_on(const struct sft_plan *plan, int nodes, int gpus)
{
    struct sft_plan p = *plan;
    p.nodes = nodes;
    p.ranks = nodes * gpus;
    return p;
}

static void line_print(const struct sft_plan *plan, const struct sft_preset *shape,
                       const struct sft_request *request, struct sft_work work)
{
    struct fit fit;
    struct sft_fabric fabric = forecast_fabric(request);
    if (fit_make(&fit, request, plan, shape, ldexp(PLAN_GIB, 30), DEVICE_CUDA_FORMAT,
                 DEVICE_CUDA_LOGITS, NULL) < 0) {
        printf("%5d  does not fit: %.0f GiB\n", plan->nodes, ldexp(fit.total, -30));
        return;
    }
    work.states = fit.states;
    work.recompute = fit.recompute;
    struct sft_layout layout = {plan->nodes, plan->ranks / plan->nodes, fit.zero};
    struct sft_timeline t =
        sft_timeline_make(shape, &work, sft_ceiling_find(PLAN_DEVICE), &fabric, &layout);
    printf("%5d  %9.0f  %9.0f  %8.1f  %9.1f  %6.1f  %-8s %-6s %-4s %-5s\n", plan->nodes, t.tok_s,
           t.tok_s / plan->ranks, t.exposed * 1e3, 100 * t.efficiency, ldexp(fit.total, -30),
           t.bound, sft_zero_name(fit.zero), fit_states_name(fit.states),
           fit_recompute_name(fit.recompute));
}

void scaling_print(const struct input *input, const struct sft_request *request)
{
    const struct sft_plan *plan = &input->plan;
    struct sft_fabric fabric = forecast_fabric(request);
    int gpus = request->gpus > 0 ? request->gpus : PLAN_GPUS;
    struct sft_work work;
    if (!forecast_work(&work, input))
        return;
    printf("scaling    estimated for nodes of %d x H200, %d sequences of %d tokens x %d a GPU and "
           "step\n",
           gpus, plan->micro_batch, plan->seq, plan->accumulation);
    printf("           fabric %s: %g GB/s a GPU, %g GB/s a node\n", fabric.source,
           fabric.nvlink_gbs, fabric.nic_gbs);
    printf("nodes      tok/s  tok/s/GPU  wait, ms  scaling, %%     GiB  bound    zero   states "
           "recompute\n");
    for (int n = 1; n <= (request->nodes > 8 ? request->nodes : 8); n *= 2) {
        struct sft_plan p = plan_on(plan, n, gpus);
        line_print(&p, &input->shape, request, work);
    }
}

static void json_estimate(json_t *root, const struct sft_plan *plan, const struct sft_preset *shape,
                          const struct sft_request *request, const struct fit *fit,
                          struct sft_work work)
{
    struct sft_fabric fabric = forecast_fabric(request);
    struct sft_layout layout = {plan->nodes, plan->ranks / plan->nodes, fit->zero};
    work.states = fit->states;
    work.recompute = fit->recompute;
    struct sft_timeline t =
        sft_timeline_make(shape, &work, sft_ceiling_find(PLAN_DEVICE), &fabric, &layout);
    json_object_set_new(root, "step_s", json_real(t.step));
    json_object_set_new(root, "tok_s", json_real(t.tok_s));
    json_object_set_new(root, "steps", json_integer(forecast_steps(plan, t.step)));
    json_object_set_new(root, "seconds", json_real(t.step * forecast_steps(plan, t.step)));
    json_object_set_new(root, "zero", json_string(sft_zero_name(fit->zero)));
    json_object_set_new(root, "states", json_string(fit_states_name(fit->states)));
}

void scaling_print_json(const struct input *input, const struct sft_request *request)
{
    const struct sft_plan *plan = &input->plan;
    const struct sft_preset *shape = &input->shape;
    struct fit fit;
    struct sft_error err = {""};
    struct sft_work work;
    json_t *root = json_pack("{s:s, s:s, s:i, s:i}", "model", shape->name, "device", PLAN_DEVICE,
                             "nodes", plan->nodes, "ranks", plan->ranks);
    if (plan->steps > 0)
        json_object_set_new(root, "steps", json_integer(plan->steps + plan->warmup));
    bool fits = fit_make(&fit, request, plan, shape, ldexp(PLAN_GIB, 30), DEVICE_CUDA_FORMAT,
                         DEVICE_CUDA_LOGITS, &err) == 0;
    json_object_set_new(root, "fits", json_boolean(fits));
    json_object_set_new(root, "gib", json_real(ldexp(fit.total, -30)));
    if (!fits)
        json_object_set_new(root, "why", json_string(err.text));
    else if (forecast_work(&work, input))
        json_estimate(root, plan, shape, request, &fit, work);
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}
