/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/save_weights.h"

#include <stdlib.h>

#include "job/model/store.h"

#define PIECE ((size_t)16 << 20) /* bytes on the host at once */

static int span_save(const struct training *t, const struct save *save,
                     const struct store_span *span, char *piece, struct sft_error *err)
{
    size_t most = PIECE / format_bytes(span->values.format, 1), count;
    for (size_t at = 0; at < span->count; at += count) {
        count = span->count - at < most ? span->count - at : most;
        store_read(t->device, span, at, count, piece);
        if (t->device->sync(t->device, err) < 0 ||
            save_write(save, &span->tensor->param, span->from + at, count, piece, err) < 0)
            return -1;
    }
    return 0;
}

static int unit_save(const struct training *t, const struct save *save, int unit, char *piece,
                     struct sft_error *err)
{
    struct store_span spans[STORE_SPANS];
    size_t count = store_spans(t->model, t->shard, unit, spans);
    for (size_t i = 0; i < count; i++)
        if (span_save(t, save, &spans[i], piece, err) < 0)
            return -1;
    return 0;
}

int save_weights(const struct training *t, struct save *save, struct sft_error *err)
{
    char *piece = malloc(PIECE);
    int failed = piece == NULL ? sft_error_set(err, "no memory to save weights") : 0;
    for (int unit = 0; unit < model_units(t->model); unit++) {
        if (failed == 0)
            failed = unit_save(t, save, unit, piece, err);
        failed = control_agree(t->control, failed, err);
        if (failed < 0)
            break;
    }
    free(piece);
    return failed < 0 ? -1 : control_agree(t->control, save_sync(save, err), err);
}
