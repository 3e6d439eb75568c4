/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-level BPE, as GPT-2 and Llama 3 have it: a text is cut into words by a regular expression,
 * and of each word's bytes the pair of the lowest rank is merged until none is left. Read from a
 * Hugging Face tokenizer.json or from tiktoken's ranks. For tokenizer.c alone. */
#ifndef SFT_JOB_DATA_TOKENIZER_BPE_H
#define SFT_JOB_DATA_TOKENIZER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct bpe;

/* From a tokenizer.json's text. What of it is not supported is refused and named: a model that is
 * no byte-level BPE, a normalizer, dropout, ... NULL and err, which does not name the file. */
struct bpe *bpe_json_read(const char *text, size_t size, struct sft_error *err);

/* From lines of base64 and rank. The file has neither pattern nor special tokens: both come from
 * how many ranks it has, 100256 cl100k's, 199998 o200k's, 50256 and 50280 GPT-2's, else Llama 3's.
 */
struct bpe *bpe_tiktoken_read(const char *text, size_t size, struct sft_error *err);

/* Begin- and end-of-text as a tokenizer_config.json names them (bos_token, eos_token). What it does
 * not name, and what has no such file, stays as it is: of a tokenizer.json the special token in
 * front of its post-processor's template, and the first known name that is a token. -1: it names a
 * token that is not there, or is no JSON. */
int bpe_config_read(struct bpe *bpe, const char *text, size_t size, struct sft_error *err);

void bpe_close(struct bpe *bpe); /* NULL does nothing */

int bpe_vocab(const struct bpe *bpe);                         /* the highest id + 1 */
int bpe_begin(const struct bpe *bpe);                         /* -1: has none */
int bpe_end(const struct bpe *bpe);                           /* -1: has none */
int32_t bpe_special(const struct bpe *bpe, const char *text); /* "<|eot_id|>"; -1: has none */

/* The count of the malloc'ed ids; -1: no memory, or a pattern that does not come to an end. What in
 * the text spells a special token is text. */
long bpe_encode(struct bpe *bpe, const char *text, size_t length, int32_t **ids);

#endif
