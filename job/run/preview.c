/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/preview.h"

#include <math.h>
#include <stdio.h>

#include "job/run/forecast.h"
#include "job/run/scaling.h"
#include "lib/number.h"

void preview_check(const struct input *input)
{
    char text[1024];
    struct data_facts facts = data_facts(input->data);
    printf("data       %s: %ld records, %ld tokens, %ld cut, %ld skipped, %ld mended\n",
           facts.source, facts.records, facts.tokens, facts.cut, facts.skipped, facts.mended);
    data_skipped(input->data, text, sizeof text);
    if (text[0] != '\0')
        printf("skipped    %s\n", text);
}

static void preview_device(const struct input *input, const struct sft_request *request)
{
    const struct sft_plan *plan = &input->plan;
    static const char device[] = PLAN_DEVICE;
    struct fit fit;
    struct sft_error err = {""};
    struct sft_prediction p;
    char tok_s[SFT_NUMBER];
    if (fit_make(&fit, request, plan, &input->shape, ldexp(PLAN_GIB, 30), DEVICE_CUDA_FORMAT,
                 DEVICE_CUDA_LOGITS, &err) < 0) {
        printf("%s %s\n", device, err.text);
        return;
    }
    printf("%s %.4g GiB a rank: arena %.4g, slices %.4g, optimizer %.4g, the libraries' %.4g; "
           "states %s, "
           "recompute %s\n           zero %s: %s\n",
           device, ldexp(fit.total, -30), ldexp(fit.model, -30), ldexp(fit.shard, -30),
           ldexp(fit.optim, -30), ldexp(fit.reserve, -30), fit_states_name(fit.states),
           fit_recompute_name(fit.recompute), sft_zero_name(fit.zero),
           fit_why(&fit, request, plan));
    if (!forecast_make(&p, device, input, &fit))
        return;
    printf("           predicted %s tokens/s a GPU without communication, %.4g s a step: products "
           "%.3g, attention %.3g, elementwise %.3g, recomputing %.3g, optimizer %.3g\n",
           sft_number(tok_s, p.tok_s, 5), p.step, p.matmul, p.attention, p.elementwise, p.recompute,
           p.optimizer);
    int steps = forecast_steps(plan, p.step);
    printf("           about %.3g min for all %d steps\n", p.step * steps / 60, steps);
}

void preview_plan(const struct input *input, const struct sft_request *request)
{
    const struct sft_plan *plan = &input->plan;
    const struct sft_preset *shape = &input->shape;
    struct data_facts facts = data_facts(input->data);
    double parameters = (double)sft_params_count(shape);
    printf("model      %s, %.0f parameters (%s)\n", shape->title, parameters, shape->source);
    printf("ranks      %d on %d node%s\n", plan->ranks, plan->nodes, plan->nodes == 1 ? "" : "s");
    printf("batch      %d sequences of %d tokens a step: %d ranks x %d x %d accumulations\n",
           plan->global_batch, plan->seq, plan->ranks, plan->micro_batch, plan->accumulation);
    if (plan->steps > 0)
        printf("steps      %d measured after %d of warm-up, seed %llu\n", plan->steps, plan->warmup,
               (unsigned long long)plan->seed);
    else
        printf("steps      %g s of them measured after %d of warm-up, seed %llu\n", plan->seconds,
               plan->warmup, (unsigned long long)plan->seed);
    printf("rate       lr %g after %d steps of warm-up, weight decay %g, clip %g\n", plan->lr,
           plan->lr_warmup, plan->weight_decay, plan->clip);
    printf("data       %s: %ld records, %.1f tokens a record, %ld cut, packs %.1f%% full\n",
           facts.source, facts.records, facts.mean_length, facts.cut, 100 * facts.fill);
    preview_device(input, request);
    if (request->nodes > 0)
        scaling_print(input, request);
}
