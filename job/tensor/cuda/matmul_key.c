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
