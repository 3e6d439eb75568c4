/* SPDX-License-Identifier: Apache-2.0 */
/* Documents into sequences: shuffled, then each into the open sequence that it fills best. Of many
 * open ones the fullest is closed, so that packing is linear in the documents. */
#include <stdlib.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

enum { OPEN = 256 };

struct packer {
    struct data *data;
    uint32_t *pack_of;   /* [documents] */
    uint32_t open[OPEN]; /* packs that still take documents */
    int open_count;
};

static void shuffle(uint32_t *items, uint32_t count, uint64_t seed)
{
    struct random random = {seed};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = random_below(&random, i + 1);
        items[i] = items[j];
        items[j] = i;
    }
}

static void packer_close_fullest(struct packer *packer)
{
    const struct pack *packs = packer->data->packs;
    int fullest = 0;
    for (int i = 1; i < packer->open_count; i++)
        if (packs[packer->open[i]].used > packs[packer->open[fullest]].used)
            fullest = i;
    packer->open[fullest] = packer->open[--packer->open_count];
}

static void packer_put(struct packer *packer, uint32_t number)
{
    struct data *data = packer->data;
    int length = data->documents[number].length, best = -1;
    for (int i = 0; i < packer->open_count; i++) {
        int used = data->packs[packer->open[i]].used;
        if (used + length <= data->seq && (best < 0 || used > data->packs[packer->open[best]].used))
            best = i;
    }
    if (best < 0) {
        if (packer->open_count == OPEN)
            packer_close_fullest(packer);
        best = packer->open_count++;
        packer->open[best] = (uint32_t)data->pack_count++;
    }
    struct pack *pack = &data->packs[packer->open[best]];
    pack->used += length;
    pack->count++;
    packer->pack_of[number] = packer->open[best];
}

/* members: the documents of pack 0, then of pack 1, ..., in the shuffled order. */
static void packer_members(const struct packer *packer, const uint32_t *shuffled)
{
    struct data *data = packer->data;
    size_t first = 0;
    for (size_t p = 0; p < data->pack_count; p++) {
        data->packs[p].first = first;
        first += (size_t)data->packs[p].count;
        data->packs[p].count = 0;
    }
    for (size_t i = 0; i < data->count; i++) {
        struct pack *pack = &data->packs[packer->pack_of[shuffled[i]]];
        data->members[pack->first + (size_t)pack->count++] = shuffled[i];
    }
}

int data_pack(struct data *data, struct sft_error *err)
{
    if (data->count == 0)
        return sft_error_set(
            err, "%s: no record has a prompt shorter than seq=%d tokens: raise seq=", data->source,
            data->seq);
    struct packer packer = {.data = data};
    uint32_t *shuffled = calloc(data->count, sizeof *shuffled);
    packer.pack_of = calloc(data->count, sizeof *packer.pack_of);
    data->members = calloc(data->count, sizeof *data->members);
    data->packs = calloc(data->count, sizeof *data->packs);
    data->order->packs = calloc(data->count, sizeof *data->order->packs);
    int result = 0;
    if (shuffled == NULL || packer.pack_of == NULL || data->members == NULL ||
        data->packs == NULL || data->order->packs == NULL) {
        result = sft_error_set(err, "no memory to pack %zu documents", data->count);
    } else {
        shuffle(shuffled, (uint32_t)data->count, random_mix(data->seed, UINT64_MAX));
        for (size_t i = 0; i < data->count; i++)
            packer_put(&packer, shuffled[i]);
        packer_members(&packer, shuffled);
    }
    free(shuffled);
    free(packer.pack_of);
    return result;
}
