/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of adapters: what is there freezes, and each linear layer with targets gets two.
 */
#include "lib/params_internal.h"

#include <math.h>

/* As PEFT begins: A by Kaiming with a = sqrt(5), which is uniform to 1/sqrt(in); B zero, so that
 * the first step sees the model as it was. */
static struct sft_param adapter_of(const struct sft_param *weight, enum sft_adapter adapter,
                                   int rank)
{
    bool a = adapter == SFT_ADAPTER_A;
    return (struct sft_param){.name = weight->name,
                              .unit = weight->unit,
                              .columns = a ? weight->columns : rank,
                              .role = weight->role,
                              .adapter = adapter,
                              .init = a ? SFT_INIT_UNIFORM : SFT_INIT_ZEROS,
                              .spread = a ? 1 / sqrtf((float)weight->columns) : 0,
                              .trains = true,
                              .decays = true,
                              .overwritten = true};
}

/* Projections that have none are left out of both; `first` is the number of the layer's first. */
static void adapters_add(struct params_list *list, const struct sft_param *weight, int rank,
                         unsigned targets, int first)
{
    struct sft_param a = adapter_of(weight, SFT_ADAPTER_A, rank);
    struct sft_param b = adapter_of(weight, SFT_ADAPTER_B, rank);
    int count = 0;
    for (int i = 0; i < SFT_PARAM_SOURCES && weight->source[i].name != NULL; i++) {
        const struct sft_source *of = &weight->source[i];
        if ((targets & 1u << (first + i)) == 0)
            continue;
        a.source[count] = (struct sft_source){of->name, a.rows, rank, false};
        b.source[count] = (struct sft_source){of->name, b.rows, of->rows, false};
        a.rows += rank;
        b.rows += of->rows;
        count++;
    }
    if (count == 0)
        return;
    list->params[list->count++] = a;
    list->params[list->count++] = b;
}

void params_adapt(const struct sft_preset *shape, struct params_list *list)
{
    int count = list->count, projection = 0;
    for (int i = 0; i < count; i++) {
        list->params[i].trains = false;
        if (sft_param_is_linear(&list->params[i]))
            list->params[i].stored = shape->adapters.base;
    }
    for (int i = 0; i < count; i++) {
        const struct sft_param *weight = &list->params[i];
        if (!sft_param_is_linear(weight))
            continue;
        adapters_add(list, weight, shape->adapters.rank, shape->adapters.targets, projection);
        for (int s = 0; s < SFT_PARAM_SOURCES && weight->source[s].name != NULL; s++)
            projection++;
    }
}
