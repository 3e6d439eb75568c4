/* SPDX-License-Identifier: Apache-2.0 */
/* A growing list of words, ended by NULL, for exec. Without memory the list says so at its end. */
#ifndef SFT_LIB_WORDS_H
#define SFT_LIB_WORDS_H

#include <stdbool.h>

struct words {
    char **list;
    int count;
    int room;    /* pointers that the list holds, the last NULL among them */
    bool failed; /* no memory: the list is not to be used */
};

void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_add_all(struct words *words, char *const *list, int count);
void words_clear(struct words *words);

/* The words as one line for sh, each quoted where it has to be; NULL: no memory. The caller frees.
 */
char *words_quote(const struct words *words);

#endif
