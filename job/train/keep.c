/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/keep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/model/store.h"
#include "lib/checksum.h"

struct kept {
    struct store_span span;
    char *values;
};

/* Calls visit with each span of this rank, in order, and returns the bytes of all. */
static size_t each_span(struct keep *keep, void (*visit)(struct keep *, const struct store_span *))
{
    struct store_span spans[STORE_SPANS];
    size_t bytes = 0;
    for (int unit = 0; unit < model_units(keep->t->model); unit++) {
        size_t count = store_spans(keep->t->model, keep->t->shard, unit, spans);
        for (size_t i = 0; i < count; i++) {
            bytes += format_bytes(spans[i].values.format, spans[i].count);
            visit(keep, &spans[i]);
        }
    }
    return bytes;
}

static void span_count(struct keep *keep, const struct store_span *span)
{
    (void)span;
    keep->count++;
}

static void span_place(struct keep *keep, const struct store_span *span)
{
    char *values = keep->values;
    if (keep->count > 0) {
        const struct kept *last = &keep->spans[keep->count - 1];
        values = last->values + format_bytes(last->span.values.format, last->span.count);
    }
    keep->spans[keep->count++] = (struct kept){*span, values};
}

static int values_create(struct keep *keep, struct sft_error *err)
{
    size_t bytes = each_span(keep, span_count);
    keep->spans = calloc(keep->count + 1, sizeof *keep->spans);
    keep->values = malloc(bytes > 0 ? bytes : 1);
    if (keep->spans == NULL || keep->values == NULL)
        return sft_error_set(err,
                             "eval=: no memory of the host, %zu bytes, for the best weights that "
                             "save= will save",
                             bytes);
    keep->count = 0;
    each_span(keep, span_place);
    return 0;
}

/* Other records, or the same ones read in another way, have other losses. */
static uint64_t held_sum(const struct data *held)
{
    struct data_facts facts = data_facts(held);
    const uint64_t what[] = {facts.checksum, (uint64_t)facts.records, (uint64_t)facts.tokens};
    return sft_checksum(SFT_CHECKSUM_BEGIN, what, sizeof what);
}

struct keep *keep_create(const struct training *t, struct sft_error *err)
{
    struct keep *keep = calloc(1, sizeof *keep);
    if (keep == NULL) {
        sft_error_set(err, "no memory to evaluate");
        return NULL;
    }
    keep->t = t;
    keep->eval.sum = held_sum(t->input->held);
    if (t->request.save[0] == '\0' || values_create(keep, err) == 0)
        return keep;
    keep_destroy(keep);
    return NULL;
}

void keep_destroy(struct keep *keep)
{
    if (keep == NULL)
        return;
    free(keep->spans);
    free(keep->values);
    free(keep);
}

int keep_take(struct keep *keep, struct sft_error *err)
{
    struct device *device = keep->t->device;
    if (keep->values == NULL)
        return 0;
    shard_settle(keep->t->shard);
    for (size_t i = 0; i < keep->count; i++)
        store_read(device, &keep->spans[i].span, 0, keep->spans[i].span.count,
                   keep->spans[i].values);
    return device->sync(device, err);
}

int keep_give(struct keep *keep, struct sft_error *err)
{
    const struct training *t = keep->t;
    if (keep->values == NULL)
        return 0;
    shard_settle(t->shard);
    for (int unit = 0; unit < model_units(t->model); unit++) {
        for (size_t i = 0; i < keep->count; i++) {
            const struct kept *k = &keep->spans[i];
            if (k->span.tensor->param.unit == unit)
                store_write(t->device, &k->span, 0, k->span.count, k->values);
        }
        int failed = t->device->sync(t->device, err);
        if (control_agree(t->control, failed, err) < 0 || shard_share(t->shard, unit, err) < 0)
            return -1;
    }
    shard_settle(t->shard);
    return 0;
}

char *keep_find(const struct keep *keep, const char *tensor, uint64_t from)
{
    for (size_t i = 0; i < keep->count; i++) {
        const struct kept *k = &keep->spans[i];
        if (from >= k->span.from && from < k->span.from + k->span.count &&
            strcmp(k->span.tensor->name, tensor) == 0)
            return k->values + format_bytes(k->span.values.format, from - k->span.from);
    }
    return NULL;
}

bool keep_is_older(const struct keep *keep, long long step)
{
    return keep != NULL && keep->values != NULL && keep->eval.any && keep->eval.best_step != step;
}

static int kept_load(struct keep *keep, struct checkpoint *c, struct sft_error *err)
{
    enum format format = keep->t->device->format;
    if (c->formats[CHECKPOINT_BEST] != format)
        return sft_error_set(err, "%.300s: has weights of another type", c->folder);
    for (size_t i = 0; i < keep->count; i++) {
        const struct store_span *span = &keep->spans[i].span;
        const struct sft_param *param = &span->tensor->param;
        const struct checkpoint_tensor *tensor =
            checkpoint_find(c, span->tensor->name, param->rows, param->columns, err);
        if (tensor == NULL || checkpoint_read(c, tensor, CHECKPOINT_BEST, span->from, span->count,
                                              keep->spans[i].values, err) < 0)
            return -1;
    }
    return 0;
}

int keep_load(struct keep *keep, struct checkpoint *c, bool *same, struct sft_error *err)
{
    bool older = c->eval.best_step != c->step;
    bool there = (int)c->formats[CHECKPOINT_BEST] != CHECKPOINT_NONE;
    bool alike = c->eval.any && c->eval.sum == keep->eval.sum;
    *same = alike && (keep->values == NULL || !older || there);
    keep->eval = alike ? c->eval : (struct checkpoint_eval){.sum = keep->eval.sum};
    if (alike && !*same) {
        keep->eval.best = INFINITY;
        keep->eval.best_step = -1;
    }
    return *same && keep->values != NULL && older ? kept_load(keep, c, err) : 0;
}
