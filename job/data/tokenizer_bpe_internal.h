/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of byte-level BPE and their tests share; nobody else includes this. */
#ifndef SFT_JOB_DATA_TOKENIZER_BPE_INTERNAL_H
#define SFT_JOB_DATA_TOKENIZER_BPE_INTERNAL_H

#include <stdbool.h>

#include "job/data/tokenizer_bpe.h"

/* --- tokenizer_bpe_vocab.c: bytes -> id ----------------------------------------------------- */

struct bpe_vocab {
    struct bpe_slot {
        uint32_t offset, length; /* in bytes; */
        int32_t id;              /* -1: free */
        uint32_t hash;
    } * slots;
    size_t room, count; /* slots, a power of two, and how many are taken */
    char *bytes;
    size_t used, bytes_room;
};

void bpe_vocab_clear(struct bpe_vocab *vocab);
/* What is there already gets the new id. -1: no memory. */
int bpe_vocab_put(struct bpe_vocab *vocab, const char *bytes, size_t length, int32_t id);
/* -1: is not there. */
int32_t bpe_vocab_find(const struct bpe_vocab *vocab, const char *bytes, size_t length);

/* --- tokenizer_bpe_pairs.c: two ids -> what they make ---------------------------------------- */

struct bpe_pair {
    int32_t left, right; /* left -1: free */
    uint32_t rank;
    int32_t made;
};

struct bpe_pairs {
    struct bpe_pair *slots;
    size_t room, count;
};

/* Of a pair that is there already the new rank counts. -1: no memory. */
int bpe_pairs_put(struct bpe_pairs *pairs, struct bpe_pair pair);
/* NULL: they do not merge. */
const struct bpe_pair *bpe_pairs_find(const struct bpe_pairs *pairs, int32_t left, int32_t right);

/* --- tokenizer_bpe_word.c: a word's bytes -> ids ---------------------------------------------- */

/* ids[length] holds an id a byte and becomes the merged ones; returns their count, -1: no memory.
 * The pair of the lowest rank goes first, of equal ones the left one. Both give the same: the first
 * costs length squared, the second length log length and some memory. */
long bpe_merge_short(const struct bpe_pairs *pairs, int32_t *ids, size_t length);
long bpe_merge_long(const struct bpe_pairs *pairs, int32_t *ids, size_t length);
enum { BPE_SHORT = 128 }; /* longest word of the first */

/* --- tokenizer_bpe_split.c: a text into words --------------------------------------------------
 */

struct bpe_split;

/* literal: the pattern is a text. keep_gaps: what it does not match is a word, too. */
struct bpe_split *bpe_split_create(const char *pattern, bool literal, bool keep_gaps,
                                   struct sft_error *err);
void bpe_split_close(struct bpe_split *split);

/* Each of the words of valid UTF-8 goes to take(), in order; -1 when it or the pattern fails. */
typedef int bpe_take(void *context, const char *text, size_t length);
int bpe_split_each(struct bpe_split *split, const char *text, size_t length, bpe_take *take,
                   void *context);
/* Onigmo's and Rust's \s in PCRE2's words, malloc'ed: there \s has U+180E, too. */
char *bpe_split_pattern(const char *pattern);

/* --- tokenizer_bpe.c ---------------------------------------------------------------------------
 */

enum { BPE_SPLITS = 8, BPE_IDS = 1 << 24 /* above all ids */ };

struct bpe_added {
    char *text;
    size_t length;
    int32_t id;
};

struct bpe {
    struct bpe_vocab vocab, specials; /* specials: by their names */
    struct bpe_pairs pairs;
    int32_t bytes[256]; /* ids of single bytes */
    int32_t top, begin, end;
    bool whole; /* a word that is a token is that token (ignore_merges) */
    struct bpe_split *splits[BPE_SPLITS];
    int split_count;
    struct bpe_added *added; /* that are found in texts */
    size_t added_count;
    struct bpe_cached *cache;
};

struct bpe *bpe_create(struct sft_error *err);
/* A token that is found in texts before they are cut into words. */
int bpe_add(struct bpe *bpe, const char *text, int32_t id);
/* Counts it for the vocabulary. -1: no id that a model has. */
int bpe_id_check(struct bpe *bpe, long long id);
/* After the last token: each byte has one? begin and end by known names. */
int bpe_finish(struct bpe *bpe, struct sft_error *err);

/* --- tokenizer_bpe_parts.c ---------------------------------------------------------------------
 */

/* The text of one of tokenizer.json's small members. */
int bpe_parts_read(struct bpe *bpe, const char *key, const char *text, size_t size,
                   struct sft_error *err);

/* In a model's member that is no vocabulary and no list of merges. */
int bpe_parts_model(struct bpe *bpe, const char *key, const char *text, size_t size,
                    struct sft_error *err);

#endif
