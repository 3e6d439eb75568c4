/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.json. Llama 3's has 128,000 tokens and 280,147 merges: both are walked, and only the
 * small members beside them become values. Tokens are written in GPT-2's letters for bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/scan.h"
#include "job/data/tokenizer_bpe_internal.h"

enum { TOKEN_MOST = 1 << 16, LETTERS = 0x144 };

struct reader {
    struct bpe *bpe;
    struct scan vocab, merges; /* at is NULL: not there */
    char *key;                 /* [TOKEN_MOST] */
    char *bytes;               /* [2 * TOKEN_MOST] */
    struct scan_text text, other;
    int16_t letters[LETTERS]; /* code point -> byte; -1: of none */
    struct sft_error *err;
};

/* A byte that is printed stands for itself, the others follow from U+0100 on. */
static void letters_make(int16_t letters[LETTERS])
{
    int next = 0x100;
    for (int i = 0; i < LETTERS; i++)
        letters[i] = -1;
    for (int byte = 0; byte < 256; byte++) {
        bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
        letters[itself ? byte : next++] = (int16_t)byte;
    }
}

/* The bytes that a token's letters stand for; -1: one stands for none. */
static long token_bytes(const struct reader *r, const char *text, size_t length, char *bytes)
{
    long count = 0;
    for (size_t at = 0; at < length; count++) {
        unsigned char c = (unsigned char)text[at];
        unsigned code = c;
        if (c >= 0x80) {
            if ((c & 0xe0) != 0xc0 || at + 1 == length)
                return -1;
            code = (c & 0x1fu) << 6 | ((unsigned char)text[at + 1] & 0x3fu);
        }
        if (code >= LETTERS || r->letters[code] < 0)
            return -1;
        bytes[count] = (char)r->letters[code];
        at += c < 0x80 ? 1 : 2;
    }
    return count;
}

static int not_json(struct reader *r, const struct scan *scan)
{
    return sft_error_set(r->err, "not JSON: %s", scan->why);
}

/* One token's id, at `at`. */
static int id_read(struct reader *r, struct scan *scan, long long *id)
{
    const char *begin = scan->at;
    char digits[24];
    if (scan_value(scan) < 0)
        return not_json(r, scan);
    snprintf(digits, sizeof digits, "%.*s", (int)(scan->at - begin < 20 ? scan->at - begin : 20),
             begin);
    char *end;
    *id = strtoll(digits, &end, 10);
    if (*end != '\0' || bpe_id_check(r->bpe, *id) < 0)
        return sft_error_set(r->err, "the token '%.40s' has the id %.20s: ids are 0 to %d", r->key,
                             digits, BPE_IDS - 1);
    return 0;
}

/* A token in other letters than those of bytes is none that a text can give. */
static int vocab_read(struct reader *r)
{
    struct scan *scan = &r->vocab;
    int member;
    long long id = 0;
    for (bool first = true; (member = scan_member(scan, first, r->key, TOKEN_MOST)) == 1;
         first = false) {
        if (id_read(r, scan, &id) < 0)
            return -1;
        size_t length = strlen(r->key);
        if (length == 0)
            return sft_error_set(r->err, "token %lld is empty or longer than %d bytes", id,
                                 TOKEN_MOST - 1);
        long count = token_bytes(r, r->key, length, r->bytes);
        if (count > 0 && bpe_vocab_put(&r->bpe->vocab, r->bytes, (size_t)count, (int32_t)id) < 0)
            return sft_error_set(r->err, "no memory for a vocabulary");
        scan_space(scan);
    }
    return member < 0 ? not_json(r, scan) : 0;
}

static int merge_put(struct reader *r, const char *left, size_t left_length, const char *right,
                     size_t right_length, uint32_t rank)
{
    const struct bpe_vocab *vocab = &r->bpe->vocab;
    long first = left_length + right_length < (size_t)2 * TOKEN_MOST
                     ? token_bytes(r, left, left_length, r->bytes)
                     : -1;
    long second = first < 0 ? -1 : token_bytes(r, right, right_length, r->bytes + first);
    struct bpe_pair pair = {.left = -1, .rank = rank};
    if (second >= 0) {
        pair.left = bpe_vocab_find(vocab, r->bytes, (size_t)first);
        pair.right = bpe_vocab_find(vocab, r->bytes + first, (size_t)second);
        pair.made = bpe_vocab_find(vocab, r->bytes, (size_t)(first + second));
    }
    if (second < 0 || pair.left < 0 || pair.right < 0 || pair.made < 0)
        return sft_error_set(r->err,
                             "merge %u ('%.40s' and '%.40s') is of parts that are no tokens", rank,
                             left, right);
    if (bpe_pairs_put(&r->bpe->pairs, pair) < 0)
        return sft_error_set(r->err, "no memory for merges");
    return 0;
}

static int text_take(struct reader *r, struct scan *scan, struct scan_text *text)
{
    bool no_memory;
    if (scan_take(scan, text, TOKEN_MOST, &no_memory) == 0)
        return 0;
    return no_memory ? sft_error_set(r->err, "no memory for a merge") : not_json(r, scan);
}

/* ["a", "b"], as tokenizers 0.20 and later write it. */
static int merge_pair(struct reader *r, uint32_t rank)
{
    struct scan *scan = &r->merges;
    for (int i = 0; i < 2; i++) {
        int element = scan_element(scan, i == 0);
        if (element < 0)
            return not_json(r, scan);
        if (element == 0 || scan_type(scan) != SCAN_TEXT)
            return sft_error_set(r->err, "merge %u is no pair of texts", rank);
        if (text_take(r, scan, i == 0 ? &r->text : &r->other) < 0)
            return -1;
    }
    if (scan_element(scan, false) != 0)
        return sft_error_set(r->err, "merge %u is no pair of texts", rank);
    return merge_put(r, r->text.bytes, r->text.length, r->other.bytes, r->other.length, rank);
}

/* "a b"; the first may be a heading. */
static int merge_words(struct reader *r, uint32_t *rank)
{
    if (text_take(r, &r->merges, &r->text) < 0)
        return -1;
    char *text = r->text.bytes, *space = memchr(text, ' ', r->text.length);
    if (strncmp(text, "#version", 8) == 0) {
        --*rank;
        return 0;
    }
    if (space == NULL || space == text || space[1] == '\0' || strchr(space + 1, ' ') != NULL)
        return sft_error_set(r->err, "merge %u ('%.60s') is not two parts with a space between",
                             *rank, text);
    *space = '\0';
    return merge_put(r, text, (size_t)(space - text), space + 1, strlen(space + 1), *rank);
}

static int merges_read(struct reader *r)
{
    struct scan *scan = &r->merges;
    int element;
    uint32_t rank = 0;
    for (bool first = true; (element = scan_element(scan, first)) == 1; first = false, rank++) {
        enum scan_type type = scan_type(scan);
        if (type != SCAN_TEXT && type != SCAN_ARRAY)
            return sft_error_set(r->err, "merge %u is neither a text nor a pair of texts", rank);
        if ((type == SCAN_ARRAY ? merge_pair(r, rank) : merge_words(r, &rank)) < 0)
            return -1;
        scan_space(scan);
    }
    return element < 0 ? not_json(r, scan) : 0;
}

/* The value at `at`, for later or for the parts. */
static int member_read(struct reader *r, struct scan *scan, bool model)
{
    const char *begin = scan->at;
    enum scan_type type = scan_type(scan);
    bool vocab = model && strcmp(r->key, "vocab") == 0;
    if (scan_value(scan) < 0)
        return not_json(r, scan);
    if (!vocab && !(model && strcmp(r->key, "merges") == 0))
        return (model ? bpe_parts_model : bpe_parts_read)(r->bpe, r->key, begin,
                                                          (size_t)(scan->at - begin), r->err);
    if (type != (vocab ? SCAN_OBJECT : SCAN_ARRAY))
        return sft_error_set(r->err, "the model's %s is no %s: this is no BPE", r->key,
                             vocab ? "object" : "array");
    *(vocab ? &r->vocab : &r->merges) = (struct scan){begin, scan->at, NULL};
    return 0;
}

static int members_read(struct reader *r, struct scan *scan, bool model)
{
    int member;
    if (scan_type(scan) != SCAN_OBJECT)
        return sft_error_set(r->err, "%s is no object", model ? "its model" : "the file");
    for (bool first = true; (member = scan_member(scan, first, r->key, 64)) == 1; first = false) {
        bool inner = !model && strcmp(r->key, "model") == 0;
        if ((inner ? members_read(r, scan, true) : member_read(r, scan, model)) < 0)
            return -1;
        scan_space(scan);
    }
    return member < 0 ? not_json(r, scan) : 0;
}

static int file_read_all(struct reader *r, const char *text, size_t size)
{
    struct scan scan = {text, text + size, NULL};
    scan_space(&scan);
    if (members_read(r, &scan, false) < 0)
        return -1;
    if (r->vocab.at == NULL || r->merges.at == NULL)
        return sft_error_set(r->err, "it has no %s: this is no BPE",
                             r->vocab.at == NULL ? "vocabulary" : "merges");
    if (r->bpe->split_count == 0)
        return sft_error_set(r->err, "it has no pre_tokenizer: this is no byte-level BPE; a "
                                     "SentencePiece tokenizer has a tokenizer.model beside it");
    return vocab_read(r) < 0 || merges_read(r) < 0 ? -1 : bpe_finish(r->bpe, r->err);
}

struct bpe *bpe_json_read(const char *text, size_t size, struct sft_error *err)
{
    struct reader r = {.bpe = bpe_create(err), .err = err};
    r.key = malloc(TOKEN_MOST);
    r.bytes = malloc((size_t)2 * TOKEN_MOST);
    letters_make(r.letters);
    int failed = r.bpe == NULL ? -1 : 0;
    if (!failed && (r.key == NULL || r.bytes == NULL))
        failed = sft_error_set(err, "no memory for a tokenizer");
    if (!failed)
        failed = file_read_all(&r, text, size);
    free(r.key);
    free(r.bytes);
    free(r.text.bytes);
    free(r.other.bytes);
    if (!failed)
        return r.bpe;
    bpe_close(r.bpe);
    return NULL;
}
