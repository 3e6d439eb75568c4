/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "job/data/data_kind.h"
#include "lib/file_read.h"
#include "job/data/tokenizer_sentencepiece.h"

enum { BYTES_BEGIN = 256, BYTES_END, BYTES_VOCAB };

#define MODEL_MOST ((size_t)1 << 30) /* bytes that are read of a file: a model has less */

struct tokenizer {
    struct tokenizer_pieces *pieces; /* NULL: bytes */
    char *name;
};

#ifndef HAVE_SENTENCEPIECE
struct tokenizer_pieces *sentencepiece_open(const char *model, size_t size)
{
    (void)model, (void)size;
    return NULL;
}

void sentencepiece_close(struct tokenizer_pieces *pieces)
{
    (void)pieces;
}

int sentencepiece_vocab(const struct tokenizer_pieces *pieces)
{
    (void)pieces;
    return 0;
}

int sentencepiece_begin(const struct tokenizer_pieces *pieces)
{
    return sentencepiece_vocab(pieces);
}

int sentencepiece_end(const struct tokenizer_pieces *pieces)
{
    return sentencepiece_vocab(pieces);
}

long sentencepiece_encode(struct tokenizer_pieces *pieces, const char *text, size_t length,
                          int32_t **ids)
{
    (void)pieces, (void)text, (void)length, (void)ids;
    return -1;
}
#endif

#ifdef HAVE_SENTENCEPIECE
#define UNREADABLE "it is something else, or damaged: fetch it again, or leave tokenizer= out"
#else
#define UNREADABLE                                                                                 \
    "built without SentencePiece: install libsentencepiece-dev, configure and build again, or "    \
    "leave "                                                                                       \
    "tokenizer= out"
#endif

/* The library's own words for what it cannot read would tell a user nothing. */
static int model_load(struct tokenizer *tokenizer, const char *path, const char *model, size_t size,
                      struct sft_error *err)
{
    const struct data_kind *kind = data_kind_find(model, size);
    if (size == 0)
        return sft_error_set(err, "%s: no SentencePiece model: the file is empty", path);
    if (kind != NULL && kind->as_tokenizer != NULL)
        return sft_error_set(err, "%s: no SentencePiece model: this is %s: %s", path, kind->name,
                             kind->as_tokenizer);
    if (model[0] == '{' || model[0] == '[')
        return sft_error_set(
            err, "%s: no SentencePiece model: this is JSON, as records are, which data= takes",
            path);
    tokenizer->pieces = sentencepiece_open(model, size);
    if (tokenizer->pieces == NULL)
        return sft_error_set(err, "%s: no SentencePiece model: " UNREADABLE, path);
    return 0;
}

static int tokenizer_load(struct tokenizer *tokenizer, const char *path, struct sft_error *err)
{
    size_t size;
    char *model = file_read(path, "tokenizer", MODEL_MOST, &size, err);
    int failed = model == NULL ? -1 : model_load(tokenizer, path, model, size, err);
    free(model);
    if (failed < 0)
        return -1;
    if (sentencepiece_begin(tokenizer->pieces) < 0 || sentencepiece_end(tokenizer->pieces) < 0)
        return sft_error_set(err, "%s: the model has no begin-of-text or end-of-text piece", path);
    return 0;
}

struct tokenizer *tokenizer_open(const char *path, struct sft_error *err)
{
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (path == NULL || path[0] == '\0')
        path = "bytes";
    const char *slash = strrchr(path, '/');
    if (tokenizer != NULL)
        tokenizer->name = strdup(slash == NULL ? path : slash + 1);
    if (tokenizer == NULL || tokenizer->name == NULL)
        sft_error_set(err, "no memory for a tokenizer");
    else if (strcmp(path, "bytes") == 0 || tokenizer_load(tokenizer, path, err) == 0)
        return tokenizer;
    tokenizer_close(tokenizer);
    return NULL;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    if (tokenizer->pieces != NULL)
        sentencepiece_close(tokenizer->pieces);
    free(tokenizer->name);
    free(tokenizer);
}

int tokenizer_vocab(const struct tokenizer *tokenizer)
{
    return tokenizer->pieces == NULL ? BYTES_VOCAB : sentencepiece_vocab(tokenizer->pieces);
}

int tokenizer_begin(const struct tokenizer *tokenizer)
{
    return tokenizer->pieces == NULL ? BYTES_BEGIN : sentencepiece_begin(tokenizer->pieces);
}

int tokenizer_end(const struct tokenizer *tokenizer)
{
    return tokenizer->pieces == NULL ? BYTES_END : sentencepiece_end(tokenizer->pieces);
}

const char *tokenizer_name(const struct tokenizer *tokenizer)
{
    return tokenizer->name;
}

static long bytes_encode(const char *text, size_t length, int32_t **ids)
{
    *ids = malloc((length + 1) * sizeof **ids);
    if (*ids == NULL)
        return -1;
    for (size_t i = 0; i < length; i++)
        (*ids)[i] = (unsigned char)text[i];
    return (long)length;
}

long tokenizer_encode(struct tokenizer *tokenizer, const char *text, size_t length, int32_t **ids,
                      struct sft_error *err)
{
    long count = tokenizer->pieces == NULL
                     ? bytes_encode(text, length, ids)
                     : sentencepiece_encode(tokenizer->pieces, text, length, ids);
    if (count < 0)
        return sft_error_set(err, "the tokenizer %s failed on a text of %zu bytes", tokenizer->name,
                             length);
    return count;
}
