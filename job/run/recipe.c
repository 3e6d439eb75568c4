/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/recipe.h"

#include <string.h>

static void recipe_model(const struct run *run, struct checkpoint_recipe *r)
{
    const struct sft_preset *shape = &run->input.shape;
    recipe_add(r, "model", "%s", shape->name);
    recipe_add(r, "parameters", "%llu", (unsigned long long)sft_params_count(shape));
    if (run->base.weights == NULL)
        recipe_add(r, "weights", "drawn");
    else
        recipe_add(r, "weights", "%016llx", (unsigned long long)run->base.sum);
}

static void recipe_adapters(const struct run *run, struct checkpoint_recipe *r)
{
    const struct sft_preset *shape = &run->input.shape;
    const struct sft_adapters *a = &shape->adapters;
    char targets[SFT_ADAPTERS_TEXT];
    recipe_add(r, "method", "%s", sft_method_words[run->input.plan.method]);
    if (a->rank == 0)
        return;
    recipe_add(r, "lora_rank", "%d", a->rank);
    recipe_add(r, "lora_alpha", "%.9g", a->alpha);
    recipe_add(r, "lora_dropout", "%.9g", a->dropout);
    recipe_add(r, "lora_targets", "%s", sft_adapters_write(shape, a->targets, targets));
    recipe_add(r, "rslora", "%s", sft_answer_words[a->rank_stabilized]);
    recipe_add(r, "base", "%s", sft_base_words[a->base]);
}

static void recipe_numbers(const struct run *run, struct checkpoint_recipe *r)
{
    bool fp8 = run->request.precision == SFT_PRECISION_FP8;
    recipe_add(r, "precision", "%s", format_traits[run->machine.device->format].name);
    recipe_add(r, "linear layers", "%s",
               !fp8                                      ? "as all"
               : run->request.scaling == SFT_SCALING_ROW ? "fp8 by row"
                                                         : "fp8 by tensor");
    recipe_add(r, "states", "%s", fit_states_name(run->training.fit.states));
}

static void recipe_data(const struct run *run, struct checkpoint_recipe *r)
{
    struct data_facts facts = data_facts(run->input.data);
    recipe_add(r, "data", "%.100s %016llx", facts.source, (unsigned long long)facts.checksum);
    recipe_add(r, "records", "%ld", facts.records);
    recipe_add(r, "tokens", "%ld", facts.tokens);
    recipe_add(r, "tokenizer", "%s", facts.drawn ? "none" : tokenizer_name(run->input.tokenizer));
    recipe_add(r, "vocab", "%d", run->input.shape.vocab);
}

void recipe_make(const struct run *run, struct checkpoint_recipe *r)
{
    const struct sft_plan *plan = &run->input.plan;
    r->count = 0;
    recipe_model(run, r);
    recipe_adapters(run, r);
    recipe_numbers(run, r);
    recipe_data(run, r);
    recipe_add(r, "seq", "%d", plan->seq);
    recipe_add(r, "global_batch", "%d", plan->global_batch);
    recipe_add(r, "lr", "%.9g", plan->lr);
    recipe_add(r, "lr_warmup", "%d", plan->lr_warmup);
    recipe_add(r, "weight_decay", "%.9g", plan->weight_decay);
    recipe_add(r, "clip", "%.9g", plan->clip);
    recipe_add(r, "seed", "%llu", (unsigned long long)plan->seed);
    if (plan->steps > 0)
        recipe_add(r, "steps", "%d and %d of warm-up", plan->steps, plan->warmup);
    else
        recipe_add(r, "steps", "by time");
}
