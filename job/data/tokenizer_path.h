/* SPDX-License-Identifier: Apache-2.0 */
/* Which file tokenizer= names, or a model's folder has. */
#ifndef SFT_JOB_DATA_TOKENIZER_PATH_H
#define SFT_JOB_DATA_TOKENIZER_PATH_H

#include <stddef.h>

#include "lib/error.h"

/* A file is itself. Of a folder, as a model has it: tokenizer.model where it is a SentencePiece
 * model, else tokenizer.json, else tokenizer.model. Malloc'ed; NULL: the folder has neither. */
char *tokenizer_path_find(const char *path, struct sft_error *err);

/* Another file of the same folder, malloc'ed; *text is NULL where there is none. */
int tokenizer_path_read(const char *path, const char *name, char **text, size_t *size,
                        struct sft_error *err);

/* A tokenizer_config.json's chat_template, malloc'ed: a text, or of several the one named default;
 * NULL: it has none. */
char *tokenizer_path_template(const char *config, size_t size);

#endif
