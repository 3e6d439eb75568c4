/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, at most half full: a word that is no token ends at the first free slot. */
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe_internal.h"
#include "lib/checksum.h"

static uint32_t hash_of(const char *bytes, size_t length)
{
    uint64_t sum = sft_checksum(SFT_CHECKSUM_BEGIN, bytes, length);
    return (uint32_t)(sum ^ sum >> 32);
}

void bpe_vocab_clear(struct bpe_vocab *vocab)
{
    free(vocab->slots);
    free(vocab->bytes);
    memset(vocab, 0, sizeof *vocab);
}

/* The slot of these bytes, or the free one where they would stand. */
static struct bpe_slot *slot_find(const struct bpe_vocab *vocab, const char *bytes, size_t length,
                                  uint32_t hash)
{
    size_t mask = vocab->room - 1, at = hash & mask;
    for (;; at = (at + 1) & mask) {
        struct bpe_slot *slot = &vocab->slots[at];
        if (slot->id < 0 || (slot->hash == hash && slot->length == length &&
                             memcmp(vocab->bytes + slot->offset, bytes, length) == 0))
            return slot;
    }
}

static int slots_grow(struct bpe_vocab *vocab)
{
    size_t room = vocab->room == 0 ? 1024 : 2 * vocab->room;
    struct bpe_slot *old = vocab->slots, *slots = malloc(room * sizeof *slots);
    if (slots == NULL)
        return -1;
    memset(slots, 0xff, room * sizeof *slots);
    for (size_t i = 0; i < vocab->room; i++) {
        size_t at = old[i].hash & (room - 1);
        if (old[i].id < 0)
            continue;
        while (slots[at].id >= 0)
            at = (at + 1) & (room - 1);
        slots[at] = old[i];
    }
    free(old);
    vocab->slots = slots;
    vocab->room = room;
    return 0;
}

static int bytes_grow(struct bpe_vocab *vocab, size_t more)
{
    if (vocab->used + more <= vocab->bytes_room)
        return 0;
    size_t room = 2 * (vocab->used + more) + 4096;
    char *bytes = room > UINT32_MAX ? NULL : realloc(vocab->bytes, room);
    if (bytes == NULL)
        return -1;
    vocab->bytes = bytes;
    vocab->bytes_room = room;
    return 0;
}

int bpe_vocab_put(struct bpe_vocab *vocab, const char *bytes, size_t length, int32_t id)
{
    if ((2 * vocab->count >= vocab->room && slots_grow(vocab) < 0) || bytes_grow(vocab, length) < 0)
        return -1;
    uint32_t hash = hash_of(bytes, length);
    struct bpe_slot *slot = slot_find(vocab, bytes, length, hash);
    if (slot->id < 0) {
        memcpy(vocab->bytes + vocab->used, bytes, length);
        *slot = (struct bpe_slot){(uint32_t)vocab->used, (uint32_t)length, id, hash};
        vocab->used += length;
        vocab->count++;
    }
    slot->id = id;
    return 0;
}

int32_t bpe_vocab_find(const struct bpe_vocab *vocab, const char *bytes, size_t length)
{
    if (vocab->room == 0)
        return -1;
    return slot_find(vocab, bytes, length, hash_of(bytes, length))->id;
}
