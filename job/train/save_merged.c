/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/save_weights.h"

#include <stdlib.h>

#include "job/weights/merge.h"

/* A model on its way into files: host memory for a piece as the device has it, and in fp32. */
struct merged {
    const struct training *t;
    const struct save *save;
    struct model_sink sink;
    const struct model_tensor *tensor; /* whose pieces come */
    struct merge merge;                /* a_values NULL: it has no adapter */
    char *piece;
    float *values, *row;
    int failed;
    struct sft_error *err;
};

static const struct model_tensor *
adapter_find(const struct training *t, const struct sft_param *weight, enum sft_adapter adapter)
{
    size_t count;
    const struct model_tensor *all = model_tensors(t->model, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i].param.unit == weight->unit && all[i].param.role == weight->role &&
            all[i].param.adapter == adapter)
            return &all[i];
    return NULL;
}

/* Adapters are whole on every rank. Malloc'ed. */
static float *adapter_read(const struct training *t, const struct model_tensor *adapter,
                           struct sft_error *err)
{
    size_t count = sft_param_elements(&adapter->param);
    float *values = malloc(count * sizeof *values);
    if (values == NULL)
        sft_error_set(err, "no memory for %s", adapter->name);
    else
        device_read_floats(t->device, values,
                           array_part(model_weights(t->model), adapter->offset, count));
    return values;
}

static void merge_close(struct merged *m)
{
    free((void *)(uintptr_t)m->merge.a_values);
    free((void *)(uintptr_t)m->merge.b_values);
    free(m->row);
    m->merge = (struct merge){0};
    m->row = NULL;
}

static int merge_open(struct merged *m)
{
    const struct sft_param *weight = &m->tensor->param;
    const struct model_tensor *a = NULL, *b = NULL;
    if (sft_param_is_linear(weight)) {
        a = adapter_find(m->t, weight, SFT_ADAPTER_A);
        b = adapter_find(m->t, weight, SFT_ADAPTER_B);
    }
    if (a == NULL || b == NULL)
        return 0;
    const struct sft_adapters *adapters = &model_shape(m->t->model)->adapters;
    m->merge = (struct merge){.weight = weight,
                              .a = &a->param,
                              .b = &b->param,
                              .a_values = adapter_read(m->t, a, m->err),
                              .b_values = adapter_read(m->t, b, m->err),
                              .scale = (float)sft_adapters_scale(adapters)};
    m->row = malloc((size_t)weight->columns * sizeof *m->row);
    if (m->row == NULL)
        sft_error_set(m->err, "no memory for a row of %s", m->tensor->name);
    return m->merge.a_values == NULL || m->merge.b_values == NULL || m->row == NULL ? -1 : 0;
}

static void piece_give(void *user, struct array piece, size_t first)
{
    struct merged *m = user;
    struct device *d = m->t->device;
    if (m->failed < 0)
        return;
    d->read(d, m->piece, piece.data, format_bytes(piece.format, piece.count));
    if (m->merge.a_values != NULL) {
        format_decode(piece.format, m->values, m->piece, piece.count);
        merge_add(&m->merge, m->values, first, piece.count, m->row);
        format_encode(piece.format, m->piece, m->values, piece.count);
    }
    if (d->sync(d, m->err) < 0 ||
        save_write(m->save, &m->tensor->param, first, piece.count, m->piece, m->err) < 0)
        m->failed = -1;
}

static int unit_merge(struct merged *m, int unit)
{
    size_t count;
    const struct model_tensor *all = model_tensors(m->t->model, &count);
    for (size_t i = 0; i < count && m->failed == 0; i++) {
        if (all[i].param.unit != unit || all[i].param.trains)
            continue;
        m->tensor = &all[i];
        m->failed = merge_open(m);
        model_show(m->t->model, m->tensor, &m->sink);
        merge_close(m);
    }
    return m->failed;
}

int save_merged(const struct training *t, struct save *save, struct sft_error *err)
{
    struct merged m = {
        .t = t,
        .save = save,
        .sink = {&m, (size_t)t->control->rank, (size_t)t->control->size, 0, piece_give},
        .piece = malloc(format_bytes(t->device->format, MODEL_PIECE)),
        .values = malloc(MODEL_PIECE * sizeof *m.values),
        .err = err};
    if (m.piece == NULL || m.values == NULL)
        m.failed = sft_error_set(err, "no memory to save weights");
    shard_settle(t->shard); /* adapters that were just updated are whole */
    int failed = control_agree(t->control, m.failed, err);
    for (int unit = 0; unit < model_units(t->model) && failed == 0; unit++) {
        failed = shard_whole_base(t->shard, unit, err) < 0 ? -1 : unit_merge(&m, unit);
        failed = control_agree(t->control, failed, err);
    }
    free(m.piece);
    free(m.values);
    return failed < 0 ? -1 : control_agree(t->control, save_sync(save, err), err);
}
