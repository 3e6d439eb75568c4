/* SPDX-License-Identifier: Apache-2.0 */
/* A C face of libsentencepiece, for tokenizer.c alone. */
#ifndef SFT_JOB_DATA_TOKENIZER_SENTENCEPIECE_H
#define SFT_JOB_DATA_TOKENIZER_SENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tokenizer_pieces;

/* From a model's bytes; NULL when they are none. */
struct tokenizer_pieces *sentencepiece_open(const char *model, size_t size);
void sentencepiece_close(struct tokenizer_pieces *pieces);
int sentencepiece_vocab(const struct tokenizer_pieces *pieces);
int sentencepiece_begin(const struct tokenizer_pieces *pieces); /* -1: has none */
int sentencepiece_end(const struct tokenizer_pieces *pieces);   /* -1: has none */
/* The id of a piece that no text gives: a control one, "</s>"; -1: none. */
int sentencepiece_special(const struct tokenizer_pieces *pieces, const char *text);
/* Count of the malloc'ed ids, -1 on failure. */
long sentencepiece_encode(struct tokenizer_pieces *pieces, const char *text, size_t length,
                          int32_t **ids);

#ifdef __cplusplus
}
#endif

#endif
