/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are held out of training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

#define STREAM 0x68656c64u /* of the drawing: another than packing's and the epochs' */

static void packs_drop(struct data *data)
{
    free(data->members);
    free(data->packs);
    free(data->order->packs);
    data->members = NULL;
    data->packs = NULL;
    data->pack_count = 0;
    *data->order = (struct order){0};
}

/* The document's tokens follow those that stay before it. */
static void document_stay(struct data *data, size_t number)
{
    struct document *from = &data->documents[number], *to = &data->documents[data->count++];
    memmove(data->pool + data->pool_count, data->pool + from->first,
            (size_t)from->length * sizeof *data->pool);
    memmove(data->marks + data->pool_count, data->marks + from->first, (size_t)from->length);
    *to = (struct document){data->pool_count, from->length, from->response};
    data->pool_count += (size_t)to->length;
}

static int document_leave(const struct data *data, size_t number, struct data *held,
                          struct sft_error *err)
{
    const struct document *document = &data->documents[number];
    return data_add_marked(held, data->pool + document->first, data->marks + document->first,
                           document->length, err);
}

/* Each document is drawn with the same chance, so many in all, in their order (Knuth, vol. 2,
 * 3.4.2, algorithm S). */
static int documents_draw(struct data *data, size_t wanted, struct data *held,
                          struct sft_error *err)
{
    struct random random = {random_mix(data->seed, STREAM)};
    size_t all = data->count;
    data->count = data->pool_count = 0;
    for (size_t i = 0; i < all; i++) {
        if (random_below(&random, (uint32_t)(all - i)) >= wanted) {
            document_stay(data, i);
        } else if (document_leave(data, i, held, err) == 0) {
            wanted--;
        } else {
            return -1;
        }
    }
    return 0;
}

struct data *data_hold_out(struct data *data, double fraction, struct sft_error *err)
{
    double wanted = fmax(1, round(fraction * (double)data->count));
    if (wanted >= (double)data->count) {
        sft_error_set(err, "eval=%g: of %zu records none would be left for training", fraction,
                      data->count);
        return NULL;
    }
    struct data *held = data_create(data->source, data->seq, data->end, data->seed, err);
    if (held == NULL)
        return NULL;
    held->drawn = data->drawn;
    held->template = data->template;
    packs_drop(data);
    if (documents_draw(data, (size_t)wanted, held, err) == 0 && data_pack(held, err) == 0 &&
        data_pack(data, err) == 0)
        return held;
    data_close(held);
    return NULL;
}
