/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings of many nodes and tasks: what several say alike is one line, what matters most stands
 * first. */
#ifndef SFT_JOB_RUN_NOTES_H
#define SFT_JOB_RUN_NOTES_H

#include <stdio.h>

#define NOTES_TEXT 384

struct notes;

/* NULL when out of memory: then nothing is kept, and nothing printed. */
struct notes *notes_create(void);
void notes_destroy(struct notes *notes);

/* weight: 0 matters most. host: who says so; "" when the text names somebody itself. */
void notes_add(struct notes *notes, int weight, const char *host, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "warning: a: text", or "warning: 5 nodes (a, b, c, d, ...): text", each line behind the prefix.
 * limit 0: all of them. Returns how many lines there are altogether. */
int notes_print(const struct notes *notes, FILE *out, const char *prefix, int limit);

#endif
