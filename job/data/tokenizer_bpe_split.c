/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2 with UTF and UCP; compiled to machine code where the library can. Texts that come here are
 * UTF-8, so it need not look again. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_bpe_internal.h"

enum { PATTERN_MOST = 1 << 15 };

/* White_Space in Unicode, which is what Onigmo and Rust mean by \s. */
#define SPACE                                                                                      \
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"        \
    "\\x{205f}\\x{3000}"

char *bpe_split_pattern(const char *pattern)
{
    bool class = false;
    size_t size = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] == 's') {
            fputs(class ? SPACE : "[" SPACE "]", out);
            at++;
        } else if (*at == '\\' && at[1] == 'S' && !class) {
            fputs("[^" SPACE "]", out);
            at++;
        } else if (*at == '\\' && at[1] != '\0') {
            fputc(*at++, out);
            fputc(*at, out);
        } else {
            class = class ? *at != ']' : *at == '[';
            fputc(*at, out);
        }
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

#ifndef HAVE_PCRE2
struct bpe_split *bpe_split_create(const char *pattern, bool literal, bool keep_gaps,
                                   struct sft_error *err)
{
    (void)pattern, (void)literal, (void)keep_gaps;
    sft_error_set(err, "built without PCRE2, which cuts texts into words: install libpcre2-dev, "
                       "configure and build again, or leave tokenizer= out");
    return NULL;
}

void bpe_split_close(struct bpe_split *split)
{
    (void)split;
}

int bpe_split_each(struct bpe_split *split, const char *text, size_t length, bpe_take *take,
                   void *context)
{
    (void)split, (void)text, (void)length, (void)take, (void)context;
    return -1;
}
#else
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct bpe_split {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    bool keep_gaps;
};

/* A pattern of somebody's file may take for ever on a text: it is stopped. */
enum { MATCH_STEPS = 10000000, HEAP_KIB = 65536, STACK_LEAST = 32 << 10, STACK_MOST = 8 << 20 };

static pcre2_code *pattern_compile(const char *pattern, bool literal, struct sft_error *err)
{
    int number;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[120];
    uint32_t options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_DOLLAR_ENDONLY);
    char *words = literal ? strdup(pattern) : bpe_split_pattern(pattern);
    if (words == NULL) {
        sft_error_set(err, "no memory for a pattern");
        return NULL;
    }
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)words, PCRE2_ZERO_TERMINATED, options, &number, &at, NULL);
    free(words);
    if (code != NULL)
        return code;
    pcre2_get_error_message(number, why, sizeof why);
    sft_error_set(err, "the pre-tokenizer's pattern '%.80s' is none of PCRE2's: %s", pattern,
                  (const char *)why);
    return NULL;
}

struct bpe_split *bpe_split_create(const char *pattern, bool literal, bool keep_gaps,
                                   struct sft_error *err)
{
    if (pattern[0] == '\0' || strlen(pattern) > PATTERN_MOST) {
        sft_error_set(err, "the pre-tokenizer's pattern has %zu bytes: from 1 to %d are read",
                      strlen(pattern), PATTERN_MOST);
        return NULL;
    }
    pcre2_code *code = pattern_compile(pattern, literal, err);
    if (code == NULL)
        return NULL;
    struct bpe_split *split = calloc(1, sizeof *split);
    if (split == NULL) {
        pcre2_code_free(code);
        sft_error_set(err, "no memory for a pattern");
        return NULL;
    }
    split->code = code;
    split->keep_gaps = keep_gaps;
    split->match = pcre2_match_data_create_from_pattern(code, NULL);
    split->context = pcre2_match_context_create(NULL);
    split->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
    if (split->match == NULL || split->context == NULL) {
        bpe_split_close(split);
        sft_error_set(err, "no memory for a pattern");
        return NULL;
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where it cannot, it is interpreted */
    pcre2_set_match_limit(split->context, MATCH_STEPS);
    pcre2_set_heap_limit(split->context, HEAP_KIB);
    if (split->stack != NULL)
        pcre2_jit_stack_assign(split->context, NULL, split->stack);
    return split;
}

void bpe_split_close(struct bpe_split *split)
{
    if (split == NULL)
        return;
    pcre2_match_data_free(split->match);
    pcre2_match_context_free(split->context);
    pcre2_jit_stack_free(split->stack);
    pcre2_code_free(split->code);
    free(split);
}

/* Bytes of the character that begins with c, in valid UTF-8. */
static size_t character(unsigned char c)
{
    return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* A match of nothing cuts where it stands, and the next one is looked for a character on. */
int bpe_split_each(struct bpe_split *split, const char *text, size_t length, bpe_take *take,
                   void *context)
{
    size_t word = 0; /* taken up to here */
    PCRE2_SIZE *found = pcre2_get_ovector_pointer(split->match);
    for (size_t at = 0; at < length;) {
        int count = pcre2_match(split->code, (PCRE2_SPTR)text, length, at, PCRE2_NO_UTF_CHECK,
                                split->match, split->context);
        if (count == PCRE2_ERROR_NOMATCH)
            break;
        size_t begin = count < 0 ? 0 : found[0], end = count < 0 ? 0 : found[1];
        if (count < 0 || begin > end || begin < word) /* \K may set any begin */
            return -1;
        if (begin > word && split->keep_gaps && take(context, text + word, begin - word) < 0)
            return -1;
        if (end > begin && take(context, text + begin, end - begin) < 0)
            return -1;
        word = end;
        at = end > begin || end == length ? end : end + character((unsigned char)text[end]);
    }
    return word < length && split->keep_gaps ? take(context, text + word, length - word) : 0;
}
#endif
