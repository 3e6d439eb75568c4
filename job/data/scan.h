/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over JSON text that takes out what is asked for and steps over the rest. Structure is
 * checked where it is walked; what is stepped over costs nothing: a number may have any size, NaN
 * and Infinity pass as Python writes them, and text there may hold any bytes. No value is ever
 * built. */
#ifndef SFT_JOB_DATA_SCAN_H
#define SFT_JOB_DATA_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct scan {
    const char *at, *end;
    const char *why; /* after a failure: what is wrong at `at` */
};

enum scan_type { SCAN_TEXT, SCAN_NULL, SCAN_OBJECT, SCAN_ARRAY, SCAN_OTHER };

/* UTF-8 taken out of a text. `bytes` is free()d by its owner, and kept from one text to the next.
 */
struct scan_text {
    char *bytes; /* [length], a NUL behind */
    size_t length, room;
    bool mended; /* half a surrogate pair, a NUL or bytes that are no UTF-8 became U+FFFD */
};

void scan_space(struct scan *scan);

/* The type of the value at `at`, by its first byte. */
enum scan_type scan_type(const struct scan *scan);

/* Step over one value of any type. -1 and why: it is none, or has no end. */
int scan_value(struct scan *scan);

/* Take one text; -1 and why when it is none, or *no_memory. What is longer than `most` bytes is cut
 * there, between two characters, and walked to its end. */
int scan_take(struct scan *scan, struct scan_text *text, size_t most, bool *no_memory);

/* The next member of an object: 1 and its key, `at` on its value; 0 behind the object's end; -1 and
 * why. `at` is on the object's { the first time, and behind a member's value from then on. A key
 * longer than size - 1 bytes is none that anybody reads, and becomes "". */
int scan_member(struct scan *scan, bool first, char *key, size_t size);

/* The same for an array: 1 with `at` on the next value, 0 behind the array's end. */
int scan_element(struct scan *scan, bool first);

/* Bytes of the character at `at`; *valid: it is UTF-8 (RFC 3629) and no NUL, else as many as began
 * like one. */
size_t scan_utf8(const char *at, const char *end, bool *valid);

#endif
