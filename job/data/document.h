/* SPDX-License-Identifier: Apache-2.0 */
/* A record that can be trained on, as its template's text and then as tokens. */
#ifndef SFT_JOB_DATA_DOCUMENT_H
#define SFT_JOB_DATA_DOCUMENT_H

#include "job/data/data_internal.h"
#include "job/data/data_record.h"

struct document_maker {
    struct data *data;
    struct tokenizer *tokenizer;
    enum sft_template asked; /* template= */
    enum sft_template turns; /* of conversations, once one was met; SFT_TEMPLATE_AUTO: none was */
    struct chat chat;
    struct chat_text text;
};

void document_maker_clear(struct document_maker *maker);

/* One document of the data. 1 and why[size]: the template cannot have its turns. */
int document_make(struct document_maker *maker, const struct record *record, char *why, size_t size,
                  struct sft_error *err);

/* The template of conversations for this tokenizer: what was asked for, else the checkpoint's, else
 * that of its special tokens, else Llama 2's where it has </s>, else Alpaca's. */
int document_template(const struct tokenizer *tokenizer, enum sft_template asked,
                      enum sft_template *found, struct sft_error *err);

/* The tokens of a text's parts and their marks, both malloc'ed; -1: no memory. A part is encoded
 * apart from its neighbours, as it is when a model goes on behind a prompt. joins: the tokenizer
 * puts a space before each part, which stands for one that is there. */
long document_encode(struct tokenizer *tokenizer, const struct chat_text *text, bool joins,
                     int32_t **tokens, uint8_t **marks, struct sft_error *err);

#endif
