/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/cuda/matmul_key.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, a number at a time instead of a byte. Products of one model differ in few small numbers,
 * so the upper half, which all of them have stirred, decides. */
static size_t key_hash(const struct matmul_key *key)
{
    int32_t numbers[MATMUL_KEY_NUMBERS];
    uint64_t hash = 0xcbf29ce484222325u;
    memcpy(numbers, key, sizeof numbers);
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++)
        hash = (hash ^ (uint32_t)numbers[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

static bool near(int32_t a, int32_t b)
{
    enum { FACTOR = 4 };
    return a > 0 && b > 0 && a <= (int64_t)FACTOR * b && b <= (int64_t)FACTOR * a;
}

bool matmul_key_akin(const struct matmul_key *a, const struct matmul_key *b)
{
    struct matmul_key by_m = *a, by_k = *a;
    by_m.m = b->m;
    if (a->transpose_a && a->stride_a == a->m)
        by_m.stride_a = b->m;
    by_k.k = b->k;
    if (!a->transpose_a && a->stride_a == a->k)
        by_k.stride_a = b->k;
    if (a->transpose_b && a->stride_b == a->k)
        by_k.stride_b = b->k;
    return (memcmp(&by_m, b, sizeof by_m) == 0 && near(a->m, b->m)) ||
           (memcmp(&by_k, b, sizeof by_k) == 0 && near(a->k, b->k));
}

/* Where the key is, or would be. The table has room. */
static struct matmul_entry *table_at(const struct matmul_table *table, const struct matmul_key *key)
{
    size_t i = key_hash(key);
    for (;; i++) {
        struct matmul_entry *entry = &table->entries[i & (table->room - 1)];
        if (entry->value == NULL || memcmp(&entry->key, key, sizeof *key) == 0)
            return entry;
    }
}

void *matmul_table_find(const struct matmul_table *table, const struct matmul_key *key)
{
    return table->room > 0 ? table_at(table, key)->value : NULL;
}

static int table_grow(struct matmul_table *table)
{
    struct matmul_table grown = {.count = table->count,
                                 .room = table->room > 0 ? table->room * 2 : 64};
    grown.entries = calloc(grown.room, sizeof *grown.entries);
    if (grown.entries == NULL)
        return -1;
    for (size_t i = 0; i < table->room; i++)
        if (table->entries[i].value != NULL)
            *table_at(&grown, &table->entries[i].key) = table->entries[i];
    free(table->entries);
    *table = grown;
    return 0;
}

int matmul_table_add(struct matmul_table *table, const struct matmul_key *key, void *value)
{
    if (2 * (table->count + 1) > table->room && table_grow(table) < 0)
        return -1;
    *table_at(table, key) = (struct matmul_entry){*key, value};
    table->count++;
    return 0;
}

void matmul_table_clear(struct matmul_table *table, void (*destroy)(void *value))
{
    for (size_t i = 0; i < table->room; i++)
        if (table->entries[i].value != NULL)
            destroy(table->entries[i].value);
    free(table->entries);
    *table = (struct matmul_table){0};
}
