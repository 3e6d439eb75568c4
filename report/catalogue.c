/* SPDX-License-Identifier: Apache-2.0 */
/* gettext's manual, "The Format of GNU MO Files": a header of 32-bit words, and two tables of as
 * many pairs (length, offset) as there are texts; the originals' is sorted. msgfmt writes
 * little-endian. */
#include "report/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file_read.h"

#define CATALOGUE_MAGIC 0x950412deU
#define CATALOGUE_MOST ((size_t)16 << 20)
#define PAIR ((size_t)8) /* bytes of a length and an offset */

enum { WORD_MAGIC, WORD_REVISION, WORD_COUNT, WORD_TEXTS, WORD_TRANSLATIONS, HEADER_WORDS };

static unsigned word_at(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return b[0] | (unsigned)b[1] << 8 | (unsigned)b[2] << 16 | (unsigned)b[3] << 24;
}

static unsigned header_word(const struct catalogue *c, size_t number)
{
    return word_at(c->bytes + number * sizeof(unsigned));
}

static const char *text_at(const struct catalogue *c, size_t table, size_t number)
{
    return c->bytes + word_at(c->bytes + table + number * PAIR + 4);
}

/* Each text of a table lies in the file, with the NUL that ends it. */
static int table_is_whole(const struct catalogue *c, size_t table, size_t size)
{
    if (c->count > size / PAIR || table > size - c->count * PAIR)
        return 0;
    for (size_t i = 0; i < c->count; i++) {
        size_t length = word_at(c->bytes + table + i * PAIR);
        size_t offset = word_at(c->bytes + table + i * PAIR + 4);
        if (offset >= size || length >= size - offset || c->bytes[offset + length] != '\0')
            return 0;
    }
    return 1;
}

int catalogue_open(struct catalogue *c, const char *path, struct sft_error *err)
{
    size_t size;
    *c = (struct catalogue){.bytes = file_read(path, "catalogue", CATALOGUE_MOST, &size, err)};
    if (c->bytes == NULL)
        return -1;
    if (size >= HEADER_WORDS * sizeof(unsigned) && word_at(c->bytes) == CATALOGUE_MAGIC) {
        c->count = header_word(c, WORD_COUNT);
        c->texts = header_word(c, WORD_TEXTS);
        c->translations = header_word(c, WORD_TRANSLATIONS);
        if (table_is_whole(c, c->texts, size) && table_is_whole(c, c->translations, size))
            return 0;
    }
    catalogue_close(c);
    return sft_error_set(err, "%s: is no whole catalogue of gettext's: install it again", path);
}

const char *catalogue_find(const struct catalogue *c, const char *text)
{
    unsigned first = 0, end = c->count;
    while (first < end) {
        unsigned middle = first + (end - first) / 2;
        int order = strcmp(text, text_at(c, c->texts, middle));
        if (order == 0)
            return text_at(c, c->translations, middle);
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return NULL;
}

void catalogue_close(struct catalogue *c)
{
    free(c->bytes);
    *c = (struct catalogue){.bytes = NULL};
}
