/* SPDX-License-Identifier: Apache-2.0 */
/* What `sacct --json` prints, mended and cut into jobs before any of it is parsed: what is wrong in
 * one job then costs that job and not the answer. */
#ifndef ACCOUNTS_ANSWER_H
#define ACCOUNTS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct answer_part {
    const char *text; /* into the answer; NULL: not there */
    size_t length;
};

struct answer {
    struct answer_part errors; /* the value of "errors" */
    bool listed;               /* "jobs" is there and a list */
    struct answer_part *job;   /* its elements; for free() */
    size_t count, room;
};

/* Make of the text, in place, what a reader of JSON takes: bytes that are no UTF-8, control
 * characters inside of texts, \u0000 and half surrogates become '?' or U+FFFD; NaN, infinities and
 * numbers that fit neither long long nor double become 0. A text that was right stays as it is. */
void answer_mend(char *text, size_t length);

/* Find the parts. What stands inside of a job is looked at only for where it ends. Fails, with line
 * and column, where the text ends too early or is not of that form; `what` names it. */
int answer_cut(struct answer *answer, const char *what, const char *text, size_t length,
               struct sft_error *err);

void answer_clear(struct answer *answer);

#endif
