/* SPDX-License-Identifier: Apache-2.0 */
/* tiktoken's ranks: a line is a token's bytes in base64, a space, its rank, which is its id. Two
 * parts merge where what they make is a token, at its rank: all such pairs are written down once,
 * so that words are merged as tokenizer.json's are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe_internal.h"

enum { TOKEN_MOST = 1024, RANKS_MOST = 1 << 21 };

/* As tiktoken 0.8 and later write them; possessive, which changes the speed alone. At a text's end
 * they keep space together that Llama 3's cuts behind its last line. */
#define GPT2                                                                                       \
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s"
#define CL100K                                                                                     \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+|"                          \
    " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"
#define LLAMA3                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"                      \
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UPPER "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
#define LOWER "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"
#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
#define O200K                                                                                      \
    "[^\\r\\n\\p{L}\\p{N}]?[" UPPER "]*[" LOWER "]+" SHORT "|[^\\r\\n\\p{L}\\p{N}]?[" UPPER        \
    "]+[" LOWER "]*" SHORT                                                                         \
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

struct special {
    const char *text;
    int32_t id; /* behind the ranks, for Llama 3 */
};

static const struct encoding {
    size_t ranks; /* 0: any other number */
    const char *pattern;
    struct special specials[8];
} encodings[] = {
    {50256, GPT2, {{"<|endoftext|>", 50256}}},
    {50280, GPT2, {{"<|endoftext|>", 50256}}},
    {100256,
     CL100K,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}}},
    {199998, O200K, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
    {0,
     LLAMA3,
     {{"<|begin_of_text|>", 0},
      {"<|end_of_text|>", 1},
      {"<|finetune_right_pad_id|>", 4},
      {"<|start_header_id|>", 6},
      {"<|end_header_id|>", 7},
      {"<|eom_id|>", 8},
      {"<|eot_id|>", 9},
      {"<|python_tag|>", 10}}},
};

enum { LLAMA3_SPECIALS = 256 };

/* What base64's four letters stand for; -1: they are none. */
static int letters_read(const char *letters, char *bytes)
{
    static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    int count = letters[3] != '=' ? 3 : letters[2] != '=' ? 2 : 1;
    for (int i = 0; i < 4; i++) {
        const char *found = letters[i] == '\0' ? NULL : strchr(known, letters[i]);
        if (found == NULL && i <= count)
            return -1;
        bits = bits << 6 | (found == NULL ? 0 : (unsigned)(found - known));
    }
    for (int i = 0; i < count; i++)
        bytes[i] = (char)(bits >> (16 - 8 * i));
    return count;
}

static long base64_read(const char *text, size_t length, char bytes[TOKEN_MOST])
{
    long count = 0;
    if (length == 0 || length % 4 != 0 || length > (size_t)TOKEN_MOST / 3 * 4)
        return -1;
    for (size_t at = 0; at < length; at += 4) {
        int some = letters_read(text + at, bytes + count);
        if (some < 0 || (some < 3 && at + 4 < length))
            return -1;
        count += some;
    }
    return count;
}

/* One line, without its end. */
static int line_read(struct bpe *bpe, const char *line, size_t length, long number,
                     struct sft_error *err)
{
    char bytes[TOKEN_MOST], digits[16];
    const char *space = memchr(line, ' ', length);
    long count = space == NULL ? -1 : base64_read(line, (size_t)(space - line), bytes);
    size_t rest = space == NULL ? 0 : length - (size_t)(space - line) - 1;
    char *end;
    if (count < 0 || rest == 0 || rest >= sizeof digits || space[1] < '0' || space[1] > '9')
        return sft_error_set(err, "line %ld is no base64 word with its rank", number);
    memcpy(digits, space + 1, rest);
    digits[rest] = '\0';
    long rank = strtol(digits, &end, 10);
    if (*end != '\0' || rank >= RANKS_MOST || bpe_id_check(bpe, rank) < 0)
        return sft_error_set(err, "line %ld has the rank %s: ranks are 0 to %d", number, digits,
                             RANKS_MOST - 1);
    if (bpe_vocab_find(&bpe->vocab, bytes, (size_t)count) >= 0)
        return sft_error_set(err, "line %ld has a token that stands above it, too", number);
    if (bpe_vocab_put(&bpe->vocab, bytes, (size_t)count, (int32_t)rank) < 0)
        return sft_error_set(err, "no memory for a vocabulary");
    return 0;
}

static int lines_read(struct bpe *bpe, const char *text, size_t size, struct sft_error *err)
{
    const char *end = text + size;
    for (long number = 1; text < end; number++) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        size_t length = line == NULL ? (size_t)(end - text) : (size_t)(line - text);
        size_t used = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
        if (used > 0 && line_read(bpe, text, used, number, err) < 0)
            return -1;
        text += length + (line != NULL);
    }
    return 0;
}

/* Each way to cut the token in two tokens. */
static int pairs_make(struct bpe *bpe, const struct bpe_slot *token)
{
    const char *bytes = bpe->vocab.bytes + token->offset;
    for (uint32_t cut = 1; cut < token->length; cut++) {
        int32_t left = bpe_vocab_find(&bpe->vocab, bytes, cut);
        int32_t right =
            left < 0 ? -1 : bpe_vocab_find(&bpe->vocab, bytes + cut, token->length - cut);
        struct bpe_pair pair = {left, right, (uint32_t)token->id, token->id};
        if (right >= 0 && bpe_pairs_put(&bpe->pairs, pair) < 0)
            return -1;
    }
    return 0;
}

static int specials_put(struct bpe *bpe, const struct encoding *encoding)
{
    int32_t first = encoding->ranks == 0 ? bpe->top : 0;
    for (size_t i = 0; i < 8 && encoding->specials[i].text != NULL; i++) {
        const struct special *special = &encoding->specials[i];
        if (bpe_vocab_put(&bpe->specials, special->text, strlen(special->text),
                          first + special->id) < 0 ||
            bpe_id_check(bpe, first + special->id) < 0)
            return -1;
    }
    return encoding->ranks == 0 ? bpe_id_check(bpe, first + LLAMA3_SPECIALS - 1) : 0;
}

static int ranks_read(struct bpe *bpe, const char *text, size_t size, struct sft_error *err)
{
    if (lines_read(bpe, text, size, err) < 0)
        return -1;
    const struct encoding *encoding = encodings;
    while (encoding->ranks != 0 && encoding->ranks != bpe->vocab.count)
        encoding++;
    bpe->splits[0] = bpe_split_create(encoding->pattern, false, true, err);
    if (bpe->splits[0] == NULL)
        return -1;
    bpe->split_count = 1;
    bpe->whole = true;
    for (size_t i = 0; i < bpe->vocab.room; i++)
        if (bpe->vocab.slots[i].id >= 0 && pairs_make(bpe, &bpe->vocab.slots[i]) < 0)
            return sft_error_set(err, "no memory for merges");
    if (specials_put(bpe, encoding) < 0)
        return sft_error_set(err, "no memory for special tokens");
    return bpe_finish(bpe, err);
}

struct bpe *bpe_tiktoken_read(const char *text, size_t size, struct sft_error *err)
{
    struct bpe *bpe = bpe_create(err);
    if (bpe != NULL && ranks_read(bpe, text, size, err) == 0)
        return bpe;
    bpe_close(bpe);
    return NULL;
}
