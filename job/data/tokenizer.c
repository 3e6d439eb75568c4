/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "job/data/data_kind.h"
#include "job/data/tokenizer_bpe.h"
#include "job/data/tokenizer_path.h"
#include "job/data/tokenizer_sentencepiece.h"
#include "lib/file_read.h"

enum { BYTES_BEGIN = 256, BYTES_END, BYTES_VOCAB };

#define MODEL_MOST ((size_t)1 << 30) /* bytes that are read of a file: a model has less */

struct tokenizer {
    struct tokenizer_pieces *pieces; /* NULL: */
    struct bpe *bpe;                 /* NULL, too: bytes */
    char *name, *chat_template;
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

int sentencepiece_special(const struct tokenizer_pieces *pieces, const char *text)
{
    (void)text;
    return sentencepiece_vocab(pieces) - 1;
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
static int pieces_load(struct tokenizer *tokenizer, const char *path, const char *model,
                       size_t size, struct sft_error *err)
{
    tokenizer->pieces = sentencepiece_open(model, size);
    if (tokenizer->pieces == NULL)
        return sft_error_set(err, "%s: no tokenizer: " UNREADABLE, path);
    if (sentencepiece_begin(tokenizer->pieces) < 0)
        return sft_error_set(err, "%s: the model has no begin-of-text piece", path);
    return 0;
}

/* tokenizer_config.json and chat_template.jinja of the same folder, where they are. */
static int beside_load(struct tokenizer *tokenizer, const char *path, struct sft_error *err)
{
    size_t size;
    char *config, *jinja;
    if (tokenizer_path_read(path, "tokenizer_config.json", &config, &size, err) < 0)
        return -1;
    int result = config == NULL || tokenizer->bpe == NULL
                     ? 0
                     : bpe_config_read(tokenizer->bpe, config, size, err);
    if (result < 0)
        sft_error_prefix(err, "%s: tokenizer_config.json beside it", path);
    if (config != NULL)
        tokenizer->chat_template = tokenizer_path_template(config, size);
    free(config);
    if (result == 0 && tokenizer->chat_template == NULL) {
        result = tokenizer_path_read(path, "chat_template.jinja", &jinja, &size, err);
        tokenizer->chat_template = result == 0 ? jinja : NULL;
    }
    return result;
}

static int bpe_load(struct tokenizer *tokenizer, const char *path, const char *model, size_t size,
                    bool ranks, struct sft_error *err)
{
    tokenizer->bpe = (ranks ? bpe_tiktoken_read : bpe_json_read)(model, size, err);
    if (tokenizer->bpe == NULL)
        return sft_error_prefix(err, "%s", path);
    return 0;
}

static int model_load(struct tokenizer *tokenizer, const char *path, const char *model, size_t size,
                      struct sft_error *err)
{
    const struct data_kind *kind = data_kind_find(model, size);
    enum data_reader reader = data_kind_reader(kind);
    if (size == 0)
        return sft_error_set(err, "%s: no tokenizer: the file is empty", path);
    if (kind != NULL && kind->as_tokenizer != NULL)
        return sft_error_set(err, "%s: no tokenizer: this is %s: %s", path, kind->name,
                             kind->as_tokenizer);
    if (reader == READER_TIKTOKEN || reader == READER_TOKENIZER_JSON)
        return bpe_load(tokenizer, path, model, size, reader == READER_TIKTOKEN, err);
    if (model[0] == '{' || model[0] == '[')
        return sft_error_set(
            err, "%s: no tokenizer: this is JSON, as records are, which data= takes", path);
    return pieces_load(tokenizer, path, model, size, err);
}

static int tokenizer_load(struct tokenizer *tokenizer, const char *path, struct sft_error *err)
{
    size_t size;
    char *file = tokenizer_path_find(path, err);
    char *model = file == NULL ? NULL : file_read(file, "tokenizer", MODEL_MOST, &size, err);
    int failed = model == NULL ? -1 : model_load(tokenizer, file, model, size, err);
    if (!failed)
        failed = beside_load(tokenizer, file, err);
    if (!failed && tokenizer_end(tokenizer) < 0)
        failed = sft_error_set(err,
                               "%s: the tokenizer has no end-of-text token of a known name: put "
                               "the tokenizer_config.json beside it that names eos_token",
                               file);
    free(model);
    free(file);
    return failed;
}

struct tokenizer *tokenizer_open(const char *path, struct sft_error *err)
{
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (path == NULL || path[0] == '\0')
        path = "bytes";
    if (tokenizer != NULL)
        tokenizer->name = file_name(path);
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
    bpe_close(tokenizer->bpe);
    free(tokenizer->name);
    free(tokenizer->chat_template);
    free(tokenizer);
}

int tokenizer_vocab(const struct tokenizer *tokenizer)
{
    if (tokenizer->bpe != NULL)
        return bpe_vocab(tokenizer->bpe);
    return tokenizer->pieces == NULL ? BYTES_VOCAB : sentencepiece_vocab(tokenizer->pieces);
}

int tokenizer_begin(const struct tokenizer *tokenizer)
{
    if (tokenizer->bpe != NULL)
        return bpe_begin(tokenizer->bpe);
    return tokenizer->pieces == NULL ? BYTES_BEGIN : sentencepiece_begin(tokenizer->pieces);
}

int tokenizer_end(const struct tokenizer *tokenizer)
{
    if (tokenizer->bpe != NULL)
        return bpe_end(tokenizer->bpe);
    return tokenizer->pieces == NULL ? BYTES_END : sentencepiece_end(tokenizer->pieces);
}

const char *tokenizer_chat_template(const struct tokenizer *tokenizer)
{
    return tokenizer->chat_template;
}

bool tokenizer_adds_space(const struct tokenizer *tokenizer)
{
    return tokenizer->pieces != NULL;
}

int tokenizer_special(const struct tokenizer *tokenizer, const char *text)
{
    if (tokenizer->bpe != NULL)
        return bpe_special(tokenizer->bpe, text);
    return tokenizer->pieces == NULL ? -1 : sentencepiece_special(tokenizer->pieces, text);
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
    long count = tokenizer->bpe != NULL ? bpe_encode(tokenizer->bpe, text, length, ids)
                 : tokenizer->pieces == NULL
                     ? bytes_encode(text, length, ids)
                     : sentencepiece_encode(tokenizer->pieces, text, length, ids);
    if (count < 0)
        return sft_error_set(err, "the tokenizer %s failed on a text of %zu bytes", tokenizer->name,
                             length);
    return count;
}
