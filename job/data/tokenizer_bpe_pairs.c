/* SPDX-License-Identifier: Apache-2.0 */
/* 16 bytes a pair, at most half full: Llama 3's 280,147 merges are 16 MiB, and one look-up is one
 * line of the cache as a rule. */
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe_internal.h"

static size_t hash_of(int32_t left, int32_t right)
{
    uint64_t both = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    both *= 0x9e3779b97f4a7c15u; /* Fibonacci hashing: the high bits have seen all */
    return (size_t)(both >> 32);
}

static struct bpe_pair *slot_find(struct bpe_pair *slots, size_t room, int32_t left, int32_t right)
{
    size_t at = hash_of(left, right) & (room - 1);
    while (slots[at].left >= 0 && (slots[at].left != left || slots[at].right != right))
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static int grow(struct bpe_pairs *pairs)
{
    size_t room = pairs->room == 0 ? 1024 : 2 * pairs->room;
    struct bpe_pair *slots = malloc(room * sizeof *slots);
    if (slots == NULL)
        return -1;
    memset(slots, 0xff, room * sizeof *slots);
    for (size_t i = 0; i < pairs->room; i++) {
        const struct bpe_pair *old = &pairs->slots[i];
        if (old->left >= 0)
            *slot_find(slots, room, old->left, old->right) = *old;
    }
    free(pairs->slots);
    pairs->slots = slots;
    pairs->room = room;
    return 0;
}

int bpe_pairs_put(struct bpe_pairs *pairs, struct bpe_pair pair)
{
    if (2 * pairs->count >= pairs->room && grow(pairs) < 0)
        return -1;
    struct bpe_pair *slot = slot_find(pairs->slots, pairs->room, pair.left, pair.right);
    pairs->count += slot->left < 0;
    *slot = pair;
    return 0;
}

const struct bpe_pair *bpe_pairs_find(const struct bpe_pairs *pairs, int32_t left, int32_t right)
{
    if (pairs->room == 0)
        return NULL;
    const struct bpe_pair *slot = slot_find(pairs->slots, pairs->room, left, right);
    return slot->left < 0 ? NULL : slot;
}
