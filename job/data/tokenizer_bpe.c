/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/tokenizer_bpe.h"

#include <stdlib.h>
#include <string.h>

#include "job/data/scan.h"
#include "job/data/tokenizer_bpe_internal.h"
#include "lib/checksum.h"

/* Words that were met, each in the one place that its sum gives it: a line of the cache. Nine of
 * ten words of a text have been met before. */
enum { CACHED = 1 << 16, CACHED_BYTES = 30, CACHED_IDS = 8 };

struct bpe_cached {
    uint8_t length, count;
    char bytes[CACHED_BYTES];
    int32_t ids[CACHED_IDS];
};

struct bpe *bpe_create(struct sft_error *err)
{
    struct bpe *bpe = calloc(1, sizeof *bpe);
    if (bpe != NULL)
        bpe->cache = calloc(CACHED, sizeof *bpe->cache);
    if (bpe == NULL || bpe->cache == NULL) {
        free(bpe);
        sft_error_set(err, "no memory for a tokenizer");
        return NULL;
    }
    bpe->begin = bpe->end = -1;
    return bpe;
}

void bpe_close(struct bpe *bpe)
{
    if (bpe == NULL)
        return;
    for (int i = 0; i < bpe->split_count; i++)
        bpe_split_close(bpe->splits[i]);
    for (size_t i = 0; i < bpe->added_count; i++)
        free(bpe->added[i].text);
    free(bpe->added);
    free(bpe->cache);
    free(bpe->pairs.slots);
    bpe_vocab_clear(&bpe->vocab);
    bpe_vocab_clear(&bpe->specials);
    free(bpe);
}

int bpe_id_check(struct bpe *bpe, long long id)
{
    if (id < 0 || id >= BPE_IDS)
        return -1;
    if (id >= bpe->top)
        bpe->top = (int32_t)id + 1;
    return 0;
}

int bpe_add(struct bpe *bpe, const char *text, int32_t id)
{
    struct bpe_added *added = realloc(bpe->added, (bpe->added_count + 1) * sizeof *added);
    if (added == NULL)
        return -1;
    bpe->added = added;
    struct bpe_added one = {strdup(text), strlen(text), id};
    if (one.text == NULL)
        return -1;
    bpe->added[bpe->added_count++] = one;
    return 0;
}

/* By names that models in use have. */
static int32_t known_find(const struct bpe *bpe, const char *const *names)
{
    int32_t id = -1;
    for (; *names != NULL && id < 0; names++)
        id = bpe_special(bpe, *names);
    return id;
}

int bpe_finish(struct bpe *bpe, struct sft_error *err)
{
    static const char *const begins[] = {"<|begin_of_text|>", "<s>", "<|startoftext|>",
                                         "<|endoftext|>", NULL};
    static const char *const ends[] = {"<|end_of_text|>",
                                       "</s>",
                                       "<|endoftext|>",
                                       "<|im_end|>",
                                       "<|eot_id|>",
                                       "<\xef\xbd\x9c"
                                       "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
                                       NULL};
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        bpe->bytes[i] = bpe_vocab_find(&bpe->vocab, &byte, 1);
        if (bpe->bytes[i] < 0)
            return sft_error_set(err,
                                 "no token stands for the byte 0x%02x: this is no byte-level BPE, "
                                 "or not all of one",
                                 i);
    }
    if (bpe->begin < 0)
        bpe->begin = known_find(bpe, begins);
    if (bpe->end < 0)
        bpe->end = known_find(bpe, ends);
    return 0;
}

int bpe_vocab(const struct bpe *bpe)
{
    return bpe->top;
}

int bpe_begin(const struct bpe *bpe)
{
    return bpe->begin;
}

int bpe_end(const struct bpe *bpe)
{
    return bpe->end;
}

int32_t bpe_special(const struct bpe *bpe, const char *text)
{
    return bpe_vocab_find(&bpe->specials, text, strlen(text));
}

/* One text on its way: ids has room for one a byte. */
struct encoding {
    struct bpe *bpe;
    int32_t *ids;
    size_t count;
    int level; /* of the splits that has cut what is taken */
};

static long word_merge(const struct bpe *bpe, const char *word, size_t length, int32_t *ids)
{
    int32_t id = bpe->whole ? bpe_vocab_find(&bpe->vocab, word, length) : -1;
    if (id >= 0) {
        ids[0] = id;
        return 1;
    }
    for (size_t i = 0; i < length; i++)
        ids[i] = bpe->bytes[(unsigned char)word[i]];
    return length <= BPE_SHORT ? bpe_merge_short(&bpe->pairs, ids, length)
                               : bpe_merge_long(&bpe->pairs, ids, length);
}

static int word_take(struct encoding *encoding, const char *word, size_t length)
{
    struct bpe *bpe = encoding->bpe;
    int32_t *ids = encoding->ids + encoding->count;
    uint64_t sum = length <= CACHED_BYTES ? sft_checksum(SFT_CHECKSUM_BEGIN, word, length) : 0;
    struct bpe_cached *cached = &bpe->cache[(sum ^ sum >> 32) % CACHED];
    long count;
    if (cached->length == length && memcmp(cached->bytes, word, length) == 0) {
        memcpy(ids, cached->ids, cached->count * sizeof *ids);
        encoding->count += cached->count;
        return 0;
    }
    if ((count = word_merge(bpe, word, length, ids)) < 0)
        return -1;
    if (length <= CACHED_BYTES && count <= CACHED_IDS) {
        cached->length = (uint8_t)length;
        cached->count = (uint8_t)count;
        memcpy(cached->bytes, word, length);
        memcpy(cached->ids, ids, (size_t)count * sizeof *ids);
    }
    encoding->count += (size_t)count;
    return 0;
}

/* Each split cuts what the one before it has cut. */
static int split_take(void *context, const char *text, size_t length)
{
    struct encoding *encoding = context;
    if (encoding->level == encoding->bpe->split_count)
        return word_take(encoding, text, length);
    struct bpe_split *split = encoding->bpe->splits[encoding->level++];
    int result = bpe_split_each(split, text, length, split_take, encoding);
    encoding->level--;
    return result;
}

/* Bytes that are no UTF-8 are words by themselves. */
static int utf8_take(struct encoding *encoding, const char *text, size_t length)
{
    for (size_t at = 0, begin = 0; begin < length; begin = at) {
        bool valid = true;
        size_t bytes = 0;
        while (at < length && valid) {
            bytes = scan_utf8(text + at, text + length, &valid);
            at += valid ? bytes : 0;
        }
        if (at > begin && split_take(encoding, text + begin, at - begin) < 0)
            return -1;
        if (!valid && word_take(encoding, text + at, bytes) < 0)
            return -1;
        at += valid ? 0 : bytes;
    }
    return 0;
}

/* The longest of the added tokens at `at`. */
static const struct bpe_added *added_at(const struct bpe *bpe, const char *at, size_t length)
{
    const struct bpe_added *best = NULL;
    for (size_t i = 0; i < bpe->added_count; i++) {
        const struct bpe_added *added = &bpe->added[i];
        if (added->length <= length && (best == NULL || added->length > best->length) &&
            memcmp(added->text, at, added->length) == 0)
            best = added;
    }
    return best;
}

static int added_take(struct encoding *encoding, const char *text, size_t length)
{
    size_t begin = 0;
    for (size_t at = 0; at < length && encoding->bpe->added_count > 0;) {
        const struct bpe_added *added = added_at(encoding->bpe, text + at, length - at);
        if (added == NULL) {
            at++;
            continue;
        }
        if (at > begin && utf8_take(encoding, text + begin, at - begin) < 0)
            return -1;
        encoding->ids[encoding->count++] = added->id;
        begin = at += added->length;
    }
    return begin < length ? utf8_take(encoding, text + begin, length - begin) : 0;
}

long bpe_encode(struct bpe *bpe, const char *text, size_t length, int32_t **ids)
{
    struct encoding encoding = {.bpe = bpe, .ids = malloc((length + 1) * sizeof **ids)};
    if (encoding.ids != NULL && added_take(&encoding, text, length) == 0) {
        *ids = encoding.ids;
        return (long)encoding.count;
    }
    free(encoding.ids);
    return -1;
}
