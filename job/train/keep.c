/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/keep.h"

#include <stdlib.h>

#include "job/model/store.h"

struct keep {
    const struct training *t;
    char *values; /* all spans of all units, one behind the other */
};

/* Calls visit with each span of this rank, in order, and where it is kept. */
static size_t each_span(const struct training *t, char *values,
                        void (*visit)(struct device *, const struct store_span *, char *), int unit)
{
    struct store_span spans[STORE_SPANS];
    size_t count = store_spans(t->model, t->shard, unit, spans), bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (visit != NULL)
            visit(t->device, &spans[i], values + bytes);
        bytes += format_bytes(spans[i].values.format, spans[i].count);
    }
    return bytes;
}

struct keep *keep_create(const struct training *t, struct sft_error *err)
{
    struct keep *keep = calloc(1, sizeof *keep);
    size_t bytes = 0;
    for (int unit = 0; unit < model_units(t->model); unit++)
        bytes += each_span(t, NULL, NULL, unit);
    if (keep != NULL) {
        keep->t = t;
        keep->values = malloc(bytes > 0 ? bytes : 1);
        if (keep->values != NULL)
            return keep;
    }
    free(keep);
    sft_error_set(err,
                  "eval=: no memory of the host, %zu bytes, for the best weights that save= "
                  "will save",
                  bytes);
    return NULL;
}

void keep_destroy(struct keep *keep)
{
    if (keep == NULL)
        return;
    free(keep->values);
    free(keep);
}

static void span_take(struct device *device, const struct store_span *span, char *values)
{
    store_read(device, span, 0, span->count, values);
}

static void span_give(struct device *device, const struct store_span *span, char *values)
{
    store_write(device, span, 0, span->count, values);
}

int keep_take(struct keep *keep, struct sft_error *err)
{
    char *at = keep->values;
    shard_settle(keep->t->shard);
    for (int unit = 0; unit < model_units(keep->t->model); unit++)
        at += each_span(keep->t, at, span_take, unit);
    return keep->t->device->sync(keep->t->device, err);
}

int keep_give(struct keep *keep, struct sft_error *err)
{
    const struct training *t = keep->t;
    char *at = keep->values;
    shard_settle(t->shard);
    for (int unit = 0; unit < model_units(t->model); unit++) {
        at += each_span(t, at, span_give, unit);
        int failed = t->device->sync(t->device, err);
        if (control_agree(t->control, failed, err) < 0 || shard_share(t->shard, unit, err) < 0)
            return -1;
    }
    shard_settle(t->shard);
    return 0;
}
