/* SPDX-License-Identifier: Apache-2.0 */
/* Where tensors stand in the flat arrays, and everything in the arena. */
#include "job/model/base.h"
#include "job/model/block.h"

#include <stdlib.h>

static size_t rounded(size_t size, size_t multiple)
{
    return multiple > 1 ? (size + multiple - 1) / multiple * multiple : size;
}

size_t model_unit_room(const struct sft_preset *shape, int unit, size_t multiple)
{
    return rounded(sft_params_unit(shape, unit), multiple);
}

size_t model_unit_base(const struct sft_preset *shape, int unit, enum format format,
                       size_t multiple)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(shape, unit, params);
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        if (!params[i].trains)
            bytes += base_size(&params[i], format);
    return rounded(bytes, multiple);
}

/* Adapters are drawn after all that a model without has: from numbers that it does not use. */
enum { DRAW_ADAPTERS = 1 << 20 };

/* A weight that comes in FP8: its scales, each tensor's aligned to 16 bytes, all sizes being
 * multiples of 16. */
static void scales_add(struct model *model, struct model_tensor *t)
{
    enum { ALONE = 4 };
    t->fp8 = true;
    t->scales = model->scale_count;
    model->scale_count += model->recipe.scaling == SCALING_ROW
                              ? (size_t)t->param.rows + (size_t)t->param.columns
                              : ALONE;
}

size_t model_unit_rest(const struct sft_preset *shape, int unit)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(shape, unit, params);
    size_t rest = 0;
    for (int i = 0; i < count; i++)
        rest += sft_param_is_linear(&params[i]) ? 0 : sft_param_elements(&params[i]);
    return rest;
}

/* Where its weights stand. `rest`: elements of the unit so far that do not come in FP8. */
static void tensor_place(struct model *model, struct model_tensor *t, size_t *rest)
{
    const struct sft_param *param = &t->param;
    bool linear = sft_param_is_linear(param);
    t->place = t->offset - model->parameters;
    if (model->recipe.gathered && linear)
        scales_add(model, t);
    else if (model->recipe.gathered && model_is_layer(model, param->unit))
        t->place = *rest;
    *rest += linear ? 0 : sft_param_elements(param);
}

static void tensor_add(struct model *model, const struct sft_param *param, size_t offset)
{
    struct model_tensor *t = &model->tensors[model->tensor_count++];
    t->param = *param;
    sft_param_name(param, param->name, t->name);
    t->offset = offset;
    t->number = model->numbered;
    if (param->trains)
        model->numbered += sft_param_elements(param);
    if (param->adapter != SFT_ADAPTER_NONE)
        t->draw = DRAW_ADAPTERS + model->drawn_adapters++;
    else
        t->draw = model->tensor_count - 1 - model->drawn_adapters;
}

static void unit_add(struct model *model, int unit)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(&model->shape, unit, params);
    size_t room = model_unit_room(&model->shape, unit, model->storage.multiple);
    size_t bytes =
        model_unit_base(&model->shape, unit, model->format, model->storage.base_multiple);
    size_t offset = model->parameters, base = model->base_bytes, rest = 0;
    for (int i = 0; i < count; i++) {
        tensor_add(model, &params[i], params[i].trains ? offset : base);
        tensor_place(model, &model->tensors[model->tensor_count - 1], &rest);
        if (params[i].trains)
            offset += sft_param_elements(&params[i]);
        else
            base += base_size(&params[i], model->format);
    }
    model->units[unit] = (struct model_unit){model->parameters, room, model->base_bytes, bytes};
    model->parameters += room;
    model->base_bytes += bytes;
}

static void (*const architectures[])(struct model *, int) = {
    [SFT_LLAMA] = llama_blocks,
    [SFT_GPT2] = gpt2_blocks,
    [SFT_LSTM] = lstm_blocks,
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
    model->unit_fp8 = calloc(units, sizeof *model->unit_fp8);
    model->unit_base = calloc(units, sizeof *model->unit_base);
    if (model->tensors == NULL || model->units == NULL || model->blocks == NULL ||
        model->unit_weights == NULL || model->unit_gradients == NULL || model->unit_base == NULL ||
        model->unit_fp8 == NULL)
        return sft_error_set(err, "no memory for the list of tensors");
    for (int unit = 0; unit < model_units(model); unit++)
        unit_add(model, unit);
    for (int unit = 0; unit < model_units(model); unit++)
        architectures[model->shape.architecture](model, unit);
    return 0;
}

static int lstm_check(const struct model *model, struct sft_error *err)
{
    const struct sft_preset *s = &model->shape;
    if (model->rows % s->context != 0)
        return sft_error_set(err, "%s: a micro-batch of %d rows is not of whole sequences of %d",
                             s->name, model->rows, s->context);
    return 0;
}

int model_check_recipe(const struct model *model, struct sft_error *err)
{
    enum { MULTIPLE = 16 };
    if (model->shape.architecture == SFT_LSTM)
        return lstm_check(model, err);
    bool products = model->recipe.scaling != SCALING_NONE;
    if (!products && model->shape.adapters.base != SFT_BASE_FP8)
        return 0;
    if (products && model->rows % MULTIPLE != 0)
        return sft_error_set(err,
                             "%s in FP8: a micro-batch of %d tokens; it must be a multiple of %d",
                             model->shape.name, model->rows, MULTIPLE);
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct sft_param *p = &model->tensors[i].param;
        if (sft_param_is_linear(p) && (p->rows % MULTIPLE != 0 || p->columns % MULTIPLE != 0))
            return sft_error_set(err, "%s in FP8: %s is [%d,%d]; both must be multiples of %d",
                                 model->shape.name, model->tensors[i].name, p->rows, p->columns,
                                 MULTIPLE);
    }
    return 0;
}

void model_free_tensors(struct model *model)
{
    free(model->unit_fp8);
    free(model->unit_weights);
    free(model->unit_gradients);
    free(model->unit_base);
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
    need->least = least[model->recipe.recompute];
    for (struct block *b = model->blocks; b < model->blocks + model->block_count; b++) {
        if (b->unit != unit)
            need_unit(need, model_is_layer(model, b->unit));
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

static void amax_lay(struct model *model, struct need *need)
{
    size_t count = (size_t)model->fp8_count;
    model->amax = need_take(need, 2 * count * sizeof(float));
    model->amax_weights = need_take(need, count * sizeof(float));
}

size_t model_lay_arena(struct model *model, char *base)
{
    struct need need = {.base = base};
    size_t flat = format_bytes(model->format, model->parameters);
    int n = model->rows, h = model->shape.hidden;
    model->weights = model->storage.weights ? need_take(&need, flat) : NULL;
    model->gradients = model->storage.gradients ? need_take(&need, flat) : NULL;
    model->base = model->storage.base_elsewhere ? NULL : need_take(&need, model->base_bytes);
    model->scales = need_take(&need, model->scale_count * sizeof *model->scales);
    blocks_lay(model, &need);
    need_unit(&need, false);
    batch_lay(model, &need);
    model->dstream = need_tensor(&need, KEEP_ALWAYS, model->format, n, h);
    model->delta = need_tensor(&need, KEEP_ALWAYS, model->format, n, h);
    amax_lay(model, &need);
    base_need(model, &need);
    for (int i = 0; i < BORROWS; i++)
        model->borrowed[i] = need_take(&need, need.borrowed[i]);
    return need.used;
}

size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  enum format format, size_t logits)
{
    const struct model_recipe recipe = {.recompute = recompute};
    const struct model_storage all = {.weights = true, .gradients = true};
    return model_plan_stored(shape, rows, &recipe, all, format, logits);
}

size_t model_plan_stored(const struct sft_preset *shape, int rows,
                         const struct model_recipe *recipe, struct model_storage storage,
                         enum format format, size_t logits)
{
    struct sft_error err = {""};
    struct model model = {
        .shape = *shape,
        .rows = rows,
        .recipe = *recipe,
        .format = format,
        .logits_most = logits,
        .storage = storage,
    };
    size_t bytes = model_lay_tensors(&model, &err) < 0 ? 0 : model_lay_arena(&model, NULL);
    model_free_tensors(&model);
    return bytes;
}
