/* SPDX-License-Identifier: Apache-2.0 */
#include "job/checkpoint/checkpoint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void recipe_add(struct checkpoint_recipe *recipe, const char *key, const char *format, ...)
{
    va_list arguments;
    if (recipe->count == CHECKPOINT_RECIPE)
        return;
    snprintf(recipe->row[recipe->count].key, CHECKPOINT_KEY, "%s", key);
    va_start(arguments, format);
    vsnprintf(recipe->row[recipe->count].text, CHECKPOINT_TEXT, format, arguments);
    va_end(arguments);
    recipe->count++;
}

static const char *recipe_find(const struct checkpoint_recipe *recipe, const char *key)
{
    for (size_t i = 0; i < recipe->count; i++)
        if (strcmp(recipe->row[i].key, key) == 0)
            return recipe->row[i].text;
    return NULL;
}

/* A row that one of them lacks is a release's that did not know it: nothing can be said of it. */
size_t recipe_differ(const struct checkpoint_recipe *there, const struct checkpoint_recipe *here,
                     char *text, size_t size)
{
    size_t differ = 0, used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < here->count; i++) {
        const char *other = recipe_find(there, here->row[i].key);
        if (other == NULL || strcmp(other, here->row[i].text) == 0)
            continue;
        int wrote = snprintf(text + used, size - used, "%s%s is %.60s there and %.60s here",
                             differ++ > 0 ? ", " : "", here->row[i].key, other, here->row[i].text);
        used = used + (size_t)wrote < size ? used + (size_t)wrote : size - 1;
    }
    return differ;
}

uint64_t checkpoint_kind_bytes(const enum format formats[CHECKPOINT_KINDS],
                               enum checkpoint_kind kind, uint64_t count)
{
    return (int)formats[kind] == CHECKPOINT_NONE ? 0 : format_bytes(formats[kind], count);
}

uint64_t checkpoint_offset(const enum format formats[CHECKPOINT_KINDS], uint64_t count,
                           enum checkpoint_kind kind)
{
    uint64_t bytes = 0;
    for (int i = 0; i < (int)kind; i++)
        bytes += checkpoint_kind_bytes(formats, (enum checkpoint_kind)i, count);
    return bytes;
}

uint64_t checkpoint_bytes(const enum format formats[CHECKPOINT_KINDS], uint64_t count)
{
    return checkpoint_offset(formats, count, CHECKPOINT_KINDS);
}

void checkpoint_file_name(size_t file, char name[32])
{
    snprintf(name, 32, "rank-%05zu.bin", file);
}

static int by_place(const void *a, const void *b)
{
    const struct checkpoint_piece *p = a, *q = b;
    if (p->tensor != q->tensor)
        return p->tensor < q->tensor ? -1 : 1;
    return (p->from > q->from) - (p->from < q->from);
}

int checkpoint_assemble(struct checkpoint *c, struct checkpoint_piece *pieces, size_t count,
                        struct sft_error *err)
{
    size_t at = 0;
    qsort(pieces, count, sizeof *pieces, by_place);
    for (size_t i = 0; i < c->tensor_count; i++) {
        struct checkpoint_tensor *t = &c->tensors[i];
        uint64_t from = 0;
        t->first = at;
        for (; at < count && pieces[at].tensor == i && pieces[at].from == from; at++)
            from += pieces[at].count;
        t->pieces = at - t->first;
        if (from == (uint64_t)t->rows * (uint64_t)t->columns)
            continue;
        free(pieces);
        return sft_error_set(err, "a checkpoint's pieces do not make up %s", t->name);
    }
    c->pieces = pieces;
    c->piece_count = at;
    return 0;
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name,
                                                int rows, int columns, struct sft_error *err)
{
    for (size_t i = 0; i < c->tensor_count; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        if (strcmp(t->name, name) != 0)
            continue;
        if (t->rows == rows && t->columns == columns)
            return t;
        sft_error_set(err, "%.300s: %s is %d x %d there and %d x %d here: it is another model's",
                      c->folder, name, t->rows, t->columns, rows, columns);
        return NULL;
    }
    sft_error_set(err, "%.300s: has no %s: it is another model's", c->folder, name);
    return NULL;
}

void checkpoint_clear(struct checkpoint *c)
{
    if (c->opened > 0)
        close(c->file);
    free(c->tensors);
    free(c->files);
    free(c->pieces);
    free(c->room);
    memset(c, 0, sizeof *c);
}
