/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/load.h"

#include <stdlib.h>

#include "job/model/store.h"
#include "job/train/load_internal.h"

static int span_load(const struct load *load, const struct weights *from,
                     const struct store_span *span, char *piece, struct sft_error *err)
{
    enum format format = span->values.format;
    size_t most = LOAD_PIECE / format_bytes(format, 1), count;
    for (size_t at = 0; at < span->count; at += count) {
        count = span->count - at < most ? span->count - at : most;
        if (weights_read_wide(from, &span->tensor->param, span->from + at, count, format, piece,
                              err) < 0)
            return -1;
        store_write(load->device, span, at, count, piece);
    }
    return 0;
}

/* What trains of it. */
static int unit_load(const struct load *load, const struct weights *from, int unit, char *piece,
                     struct sft_error *err)
{
    struct store_span spans[STORE_SPANS];
    size_t count = store_spans(load->model, load->shard, unit, spans);
    for (size_t i = 0; i < count; i++)
        if (span_load(load, from, &spans[i], piece, err) < 0)
            return -1;
    return 0;
}

/* `trained`: where that comes from; NULL: it stays, and all ranks have it. */
static int load_units(const struct load *load, const struct weights *trained, char *piece,
                      struct sft_error *err)
{
    bool frozen = model_shape(load->model)->adapters.rank > 0;
    int failed = 0;
    for (int unit = 0; unit < model_units(load->model) && failed == 0; unit++) {
        if (frozen)
            failed = load_base_unit(load, unit, piece, err);
        if (trained != NULL && failed == 0)
            failed = unit_load(load, trained, unit, piece, err);
        if (failed == 0)
            failed = load->device->sync(load->device, err);
        failed = control_agree(load->control, failed, err);
        if (trained != NULL && failed == 0)
            failed = shard_share(load->shard, unit, err);
    }
    return failed;
}

int load_weights(const struct load *load, struct sft_error *err)
{
    bool frozen = model_shape(load->model)->adapters.rank > 0;
    char *piece = malloc(LOAD_PIECE);
    int failed = piece == NULL ? sft_error_set(err, "no memory to read weights") : 0;
    failed = control_agree(load->control, failed, err);
    if (failed == 0)
        failed = load_units(load, frozen ? load->adapters : load->weights, piece, err);
    if (failed == 0)
        shard_settle(load->shard);
    free(piece);
    return failed;
}
