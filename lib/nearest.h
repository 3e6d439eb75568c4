/* SPDX-License-Identifier: Apache-2.0 */
/* Of the words that are known, the one that a misspelt one was probably meant to be. */
#ifndef SFT_LIB_NEAREST_H
#define SFT_LIB_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word; /* as it was written */
    const char *best; /* of those that were offered; NULL: none is near */
    int distance;     /* of best */
};

void nearest_begin(struct nearest *nearest, const char *word);

/* `name` is what is proposed where the word is like `known`: often the same. A wrong number is no
 * slip: llama-9b is not near llama-7b, but llama-8b is near llama3-8b. */
void nearest_offer(struct nearest *nearest, const char *known, const char *name);

/* "; did you mean steps?", or "". Returns text. */
const char *nearest_ask(const struct nearest *nearest, char *text, size_t size);

#endif
