/* SPDX-License-Identifier: Apache-2.0 */
/* Text to token ids: SentencePiece, or bytes when no model is given. */
#ifndef SFT_JOB_DATA_TOKENIZER_H
#define SFT_JOB_DATA_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct tokenizer;

/* path of a SentencePiece model; NULL, "" or "bytes": ids 0..255 are bytes, 256 begin-of-text, 257
 * end-of-text. Fails on a file that is missing, no model (known formats are named), or when built
 * without SentencePiece. */
struct tokenizer *tokenizer_open(const char *path, struct sft_error *err);
void tokenizer_close(struct tokenizer *tokenizer);

int tokenizer_vocab(const struct tokenizer *tokenizer);
int tokenizer_begin(const struct tokenizer *tokenizer);        /* begin-of-text id */
int tokenizer_end(const struct tokenizer *tokenizer);          /* end-of-text id */
const char *tokenizer_name(const struct tokenizer *tokenizer); /* "bytes" or the file's base name */

/* Encode length bytes of UTF-8 (invalid bytes are allowed and must not fail). *ids is malloc'ed.
 * No begin or end tokens are added. Returns the count, or -1. */
long tokenizer_encode(struct tokenizer *tokenizer, const char *text, size_t length, int32_t **ids,
                      struct sft_error *err);

#endif
