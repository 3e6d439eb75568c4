/* SPDX-License-Identifier: Apache-2.0 */
/* Where tensors stand in the flat arrays, and everything in the arena. */
#include "job/model/block.h"

#include <stdlib.h>

static void tensor_add(struct model *model, const struct sft_param *param, size_t offset)
{
    struct model_tensor *t = &model->tensors[model->tensor_count++];
    t->param = *param;
    sft_param_name(param, param->name, t->name);
    t->offset = offset;
    if (model->tensor_count > 1)
        t->number = t[-1].number + sft_param_elements(&t[-1].param);
}

size_t model_unit_room(const struct sft_preset *shape, int unit, size_t multiple)
{
    size_t elements = sft_params_unit(shape, unit);
    return multiple > 1 ? (elements + multiple - 1) / multiple * multiple : elements;
}

static void unit_add(struct model *model, int unit)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(&model->shape, unit, params);
    size_t room = model_unit_room(&model->shape, unit, model->storage.multiple);
    size_t offset = model->parameters;
    for (int i = 0; i < count; i++) {
        tensor_add(model, &params[i], offset);
        offset += sft_param_elements(&params[i]);
    }
    model->units[unit] = (struct model_unit){model->parameters, room};
    model->parameters += room;
}

static void (*const architectures[])(struct model *, int) = {
    [SFT_LLAMA] = llama_blocks,
    [SFT_GPT2] = gpt2_blocks,
};

int model_lay_tensors(struct model *model, struct sft_error *err)
{
    if (sft_params_check(&model->shape, err) < 0)
        return -1;
    size_t units = (size_t)model_units(model);
    model->tensors = calloc(units * SFT_UNIT_PARAMS, sizeof *model->tensors);
    model->units = calloc(units, sizeof *model->units);
    model->blocks = calloc(units * BLOCK_UNIT, sizeof *model->blocks);
    model->unit_weights = calloc(units, sizeof *model->unit_weights);
    model->unit_gradients = calloc(units, sizeof *model->unit_gradients);
    if (model->tensors == NULL || model->units == NULL || model->blocks == NULL ||
        model->unit_weights == NULL || model->unit_gradients == NULL)
        return sft_error_set(err, "no memory for the list of tensors");
    for (int unit = 0; unit < model_units(model); unit++)
        unit_add(model, unit);
    for (int unit = 0; unit < model_units(model); unit++)
        architectures[model->shape.architecture](model, unit);
    return 0;
}

void model_free_tensors(struct model *model)
{
    free(model->unit_weights);
    free(model->unit_gradients);
    free(model->blocks);
    free(model->units);
    free(model->tensors);
}

static void blocks_lay(struct model *model, struct need *need)
{
    static const enum keep least[] = {[RECOMPUTE_NONE] = KEEP_CHEAP,
                                      [RECOMPUTE_NORMS] = KEEP_DEAR,
                                      [RECOMPUTE_BLOCK] = KEEP_ALWAYS};
    int unit = -1;
    need->least = least[model->recompute];
    for (struct block *b = model->blocks; b < model->blocks + model->block_count; b++) {
        if (b->unit != unit)
            need_unit(need, b->unit > 0 && b->unit < model_units(model) - 1);
        unit = b->unit;
        b->kind->need(b, model, need);
    }
}

static void batch_lay(struct model *model, struct need *need)
{
    size_t ids = (size_t)model->rows * sizeof(int32_t);
    model->loss = need_take(need, (size_t)model->rows * sizeof(float));
    model->loss_sums = need_take(need, LOSS_SUMS * sizeof(double));
    model->tokens = need_take(need, ids);
    model->targets = need_take(need, ids);
    model->positions = need_take(need, ids);
}

size_t model_lay_arena(struct model *model, char *base)
{
    struct need need = {.base = base};
    size_t flat = format_bytes(model->format, model->parameters);
    int n = model->rows, h = model->shape.hidden;
    model->weights = model->storage.weights ? need_take(&need, flat) : NULL;
    model->gradients = model->storage.gradients ? need_take(&need, flat) : NULL;
    blocks_lay(model, &need);
    need_unit(&need, false);
    batch_lay(model, &need);
    model->dstream = need_tensor(&need, KEEP_ALWAYS, model->format, n, h);
    model->delta = need_tensor(&need, KEEP_ALWAYS, model->format, n, h);
    for (int i = 0; i < BORROWS; i++)
        model->borrowed[i] = need_take(&need, need.borrowed[i]);
    return need.used;
}

size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  enum format format, size_t logits)
{
    const struct model_storage all = {true, true, 1};
    return model_plan_stored(shape, rows, recompute, all, format, logits);
}

size_t model_plan_stored(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                         struct model_storage storage, enum format format, size_t logits)
{
    struct sft_error err = {""};
    struct model model = {
        .shape = *shape,
        .rows = rows,
        .recompute = recompute,
        .format = format,
        .logits_most = logits,
        .storage = storage,
    };
    size_t bytes = model_lay_tensors(&model, &err) < 0 ? 0 : model_lay_arena(&model, NULL);
    model_free_tensors(&model);
    return bytes;
}
