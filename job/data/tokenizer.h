/* SPDX-License-Identifier: Apache-2.0 */
/* Text to token ids: SentencePiece, byte-level BPE (tokenizer.json, tiktoken's ranks), or bytes
 * when no file is given. */
#ifndef SFT_JOB_DATA_TOKENIZER_H
#define SFT_JOB_DATA_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct tokenizer;

/* path of a SentencePiece model, a tokenizer.json, tiktoken's ranks, or a folder with one of them;
 * NULL, "" or "bytes": ids 0..255 are bytes, 256 begin-of-text, 257 end-of-text. What a file is,
 * its bytes say. Beside tokenizer.json a tokenizer_config.json names begin- and end-of-text. Fails
 * on a file that is missing, no tokenizer (known formats are named), or when built without what
 * reads it. */
struct tokenizer *tokenizer_open(const char *path, struct sft_error *err);
void tokenizer_close(struct tokenizer *tokenizer);

int tokenizer_vocab(const struct tokenizer *tokenizer);
int tokenizer_begin(const struct tokenizer *tokenizer); /* begin-of-text id; -1: has none */
int tokenizer_end(const struct tokenizer *tokenizer);   /* end-of-text id */
/* The id of a special token by its text, "<|eot_id|>"; -1: has none of that text. */
int tokenizer_special(const struct tokenizer *tokenizer, const char *text);
/* The checkpoint's chat template (Jinja): chat_template of a tokenizer_config.json, or
 * chat_template.jinja, in the tokenizer's folder; NULL: none. */
const char *tokenizer_chat_template(const struct tokenizer *tokenizer);
/* It puts a space before each text, as Llama 2's does. */
bool tokenizer_adds_space(const struct tokenizer *tokenizer);
const char *tokenizer_name(const struct tokenizer *tokenizer); /* "bytes" or the path's base name */

/* Encode length bytes of UTF-8 (invalid bytes are allowed and must not fail). *ids is malloc'ed.
 * No begin or end tokens are added, and what spells a special token is text. Returns the count, or
 * -1. */
long tokenizer_encode(struct tokenizer *tokenizer, const char *text, size_t length, int32_t **ids,
                      struct sft_error *err);

#endif
