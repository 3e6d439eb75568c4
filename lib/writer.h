/* SPDX-License-Identifier: Apache-2.0 */
/* Text into room of a fixed size. It is ended by NUL after each call. */
#ifndef SFT_LIB_WRITER_H
#define SFT_LIB_WRITER_H

#include <stdbool.h>
#include <stddef.h>

struct writer {
    char *text;
    size_t size, used; /* used: without the NUL */
    bool cut;          /* something did not fit, and is missing */
};

/* size: 1 or more. */
void writer_begin(struct writer *writer, char *text, size_t size);
void writer_put(struct writer *writer, char c);
void writer_text(struct writer *writer, const char *text);
/* A line with its end, whole or not at all. */
void writer_line(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
