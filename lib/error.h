/* SPDX-License-Identifier: Apache-2.0 */
/* One text for one failure: what was wrong, where, and what to do. */
#ifndef SFT_LIB_ERROR_H
#define SFT_LIB_ERROR_H

#define SFT_ERROR_SIZE 1024

struct sft_error {
    char text[SFT_ERROR_SIZE]; /* one line, no newline at its end; "" when nothing failed */
};

/* Write the text (control characters become '?', an overlong text is cut) and return -1, so that a
 * function fails in one line: `return sft_error_set(err, "%s: not a number", word);`.
 * err may be NULL: then only -1 is returned. */
int sft_error_set(struct sft_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "where: " before the text that is there and return -1. */
int sft_error_prefix(struct sft_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put the text behind the one that is there and return -1. */
int sft_error_suffix(struct sft_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
