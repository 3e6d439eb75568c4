/* SPDX-License-Identifier: Apache-2.0 */
/* The merges of one word. Words of a text are short: an array that is searched and closed up beats
 * a heap there. A run of 10,000 letters or equals signs is a word, too, and would take a second. */
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe_internal.h"

struct made {
    uint32_t rank; /* UINT32_MAX: no merge */
    int32_t id;
};

static struct made made_of(const struct bpe_pairs *pairs, int32_t left, int32_t right)
{
    const struct bpe_pair *pair = bpe_pairs_find(pairs, left, right);
    return pair == NULL ? (struct made){UINT32_MAX, -1} : (struct made){pair->rank, pair->made};
}

long bpe_merge_short(const struct bpe_pairs *pairs, int32_t *ids, size_t length)
{
    struct made made[BPE_SHORT]; /* [i]: of ids i and i + 1 */
    for (size_t i = 0; i + 1 < length; i++)
        made[i] = made_of(pairs, ids[i], ids[i + 1]);
    while (length > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < length; i++)
            if (made[i].rank < made[best].rank)
                best = i;
        if (made[best].rank == UINT32_MAX)
            break;
        ids[best] = made[best].id;
        length--;
        memmove(ids + best + 1, ids + best + 2, (length - best - 1) * sizeof *ids);
        memmove(made + best, made + best + 1, (length - best - 1) * sizeof *made);
        if (best + 1 < length)
            made[best] = made_of(pairs, ids[best], ids[best + 1]);
        if (best > 0)
            made[best - 1] = made_of(pairs, ids[best - 1], ids[best]);
    }
    return (long)length;
}

struct entry {
    uint32_t rank, at; /* of the pair's left part */
};

/* Parts are linked; one that was merged into its left neighbour has id -1. */
struct long_word {
    const struct bpe_pairs *pairs;
    int32_t *ids;
    uint32_t *next, *before; /* length: none */
    struct entry *heap;
    size_t length, heap_count;
};

static bool entry_is_less(struct entry a, struct entry b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(struct long_word *word, struct entry entry)
{
    size_t i = word->heap_count++;
    for (; i > 0 && entry_is_less(entry, word->heap[(i - 1) / 2]); i = (i - 1) / 2)
        word->heap[i] = word->heap[(i - 1) / 2];
    word->heap[i] = entry;
}

static struct entry heap_pop(struct long_word *word)
{
    struct entry *heap = word->heap, top = heap[0], last = heap[--word->heap_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < word->heap_count) {
        child += child + 1 < word->heap_count && entry_is_less(heap[child + 1], heap[child]);
        if (!entry_is_less(heap[child], last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static struct made made_at(const struct long_word *word, uint32_t at)
{
    if (at >= word->length || word->ids[at] < 0 || word->next[at] >= word->length)
        return (struct made){UINT32_MAX, -1};
    return made_of(word->pairs, word->ids[at], word->ids[word->next[at]]);
}

static void pair_push(struct long_word *word, uint32_t at)
{
    struct made made = made_at(word, at);
    if (made.rank != UINT32_MAX)
        heap_push(word, (struct entry){made.rank, at});
}

static void merge_at(struct long_word *word, uint32_t at, int32_t id)
{
    uint32_t gone = word->next[at];
    word->ids[at] = id;
    word->ids[gone] = -1;
    word->next[at] = word->next[gone];
    if (word->next[at] < word->length)
        word->before[word->next[at]] = at;
    pair_push(word, at);
    pair_push(word, word->before[at]);
}

long bpe_merge_long(const struct bpe_pairs *pairs, int32_t *ids, size_t length)
{
    struct long_word word = {.pairs = pairs, .ids = ids, .length = length};
    long count = 0;
    if (length >= UINT32_MAX / 4)
        return -1;
    word.next = malloc((length + 1) * sizeof *word.next);
    word.before = malloc((length + 1) * sizeof *word.before);
    word.heap = malloc((3 * length + 1) * sizeof *word.heap); /* a merge pushes two */
    bool room = word.next != NULL && word.before != NULL && word.heap != NULL;
    for (uint32_t i = 0; i < length && room; i++) {
        word.next[i] = i + 1;
        word.before[i] = i > 0 ? i - 1 : (uint32_t)length;
    }
    for (uint32_t i = 0; i < length && room; i++)
        pair_push(&word, i);
    while (room && word.heap_count > 0) {
        struct entry entry = heap_pop(&word);
        struct made made = made_at(&word, entry.at);
        if (made.rank == entry.rank) /* else its parts have changed since */
            merge_at(&word, entry.at, made.id);
    }
    for (size_t i = 0; i < length && room; i++)
        if (ids[i] >= 0)
            ids[count++] = ids[i];
    free(word.next);
    free(word.before);
    free(word.heap);
    return room ? count : -1;
}
