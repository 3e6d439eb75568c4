/* SPDX-License-Identifier: Apache-2.0 */
/* The result record: one versioned text form, read and written here alone (sft-record(5)).
 *
 * A record is one line `sft2{key=value key=value ...}`; 2 is the form's version. Older records are
 * `sft1{...}`: they are read everywhere, and stay in their form. A release that adds keys adds no
 * form. Values hold no white space and no braces:
 * every byte outside of printable ASCII, and `%`, `{`, `}`, `"`, `'`, '`', `|`, `\` and space, is
 * written %XX. So a record can stand inside other text (a user's comment, other records) and
 * survives sacct, JSON and sacctmgr. Keys that a reader does not know are kept and written back. */
#ifndef SFT_LIB_RECORD_H
#define SFT_LIB_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define SFT_RECORD_FORM 2       /* that is written */
#define SFT_RECORD_MAX 8000     /* longest text of one record, bytes with the NUL */
#define SFT_RECORD_PAGE 16384   /* bytes of the memory file */
#define SFT_RECORD_COMMENT 1024 /* Slurm's limit of a comment, characters */
#define SFT_RECORD_FIELDS 256
#define SFT_RECORD_ENV "SFT_BENCH_RECORD_FD" /* number of the memory file's descriptor */

/* Exit status of sft-bench-job. With SFT_EXIT_NO_FILE the run is complete, and its record, but a
 * file that was asked for, or what was printed, is not there. SFT_EXIT_STOPPED: a signal told it to
 * end, and there is a checkpoint. */
enum sft_exit {
    SFT_EXIT_DONE,
    SFT_EXIT_FAILED,
    SFT_EXIT_COMMAND,
    SFT_EXIT_NO_FILE,
    SFT_EXIT_STOPPED
};

struct sft_record_field {
    char *key;
    char *value; /* decoded */
};

struct sft_record {
    int form; /* 1 or 2: as it was read, and will be written */
    size_t count;
    struct sft_record_field fields[SFT_RECORD_FIELDS];
};

void sft_record_init(struct sft_record *record);
void sft_record_clear(struct sft_record *record); /* frees the fields; NULL does nothing */

/* Set or replace a field. Keys are [a-z][a-z0-9_]*, at most 31 bytes. An empty value is legal.
 * Fails on a bad key, on more than SFT_RECORD_FIELDS fields, or without memory. */
int sft_record_set(struct sft_record *record, const char *key, const char *value,
                   struct sft_error *err);
int sft_record_set_integer(struct sft_record *record, const char *key, long long value,
                           struct sft_error *err);
/* Six significant digits. A value that is not finite is an error. */
int sft_record_set_real(struct sft_record *record, const char *key, double value,
                        struct sft_error *err);

/* Take a field away; nothing happens where there is none. */
void sft_record_unset(struct sft_record *record, const char *key);

/* The value, or NULL. */
const char *sft_record_get(const struct sft_record *record, const char *key);
/* The number, or `missing` when the field is absent or no number. */
double sft_record_get_real(const struct sft_record *record, const char *key, double missing);

/* The data sheet's bf16 peak of the record's device (of a MIG slice, its share), against which MFU
 * is in every precision, TFLOP/s; 0: not known. */
double sft_record_peak(const struct sft_record *record);

/* Could the device have done it? -1 where tflops, or the FLOPs that the tokens need at least, are
 * above the data sheet of the record's device (of a MIG slice, above its share; in FP8 each part of
 * the model by its own peak), or mfu is above 100% and it is not FP8: such a record is wrong. 0
 * where no data sheet of the device is known, 1 where it could. */
int sft_record_possible(const struct sft_record *record, struct sft_error *err);

/* Write `sft2{...}` in the order of lib/figures.h, without its details; with `brief` only the keys
 * of the short form. Returns 0, or -1 when it does not fit in size. */
int sft_record_format(const struct sft_record *record, bool brief, char *text, size_t size,
                      struct sft_error *err);

/* Take keys away, as lib/figures.h orders them, until the text and its NUL fit in size. Returns -1
 * where not even the brief ones do; they stay. */
int sft_record_fit(struct sft_record *record, size_t size, struct sft_error *err);

/* Where in length bytes a record of any version begins (`sft`, digits, `{`), or NULL. */
const char *sft_record_find(const char *text, size_t length);

/* Read one record that begins at text (`sft2{`, `sft1{`). *end, if not NULL, is set behind its `}`.
 * Refuses: no or another version, a key twice, bad escapes, an unfinished record, one longer than
 * SFT_RECORD_MAX. On failure the record is cleared. */
int sft_record_parse(struct sft_record *record, const char *text, const char **end,
                     struct sft_error *err);

/* The next well-formed record in a text that may hold anything: returns 1 and fills record and
 * *cursor (behind it), or 0 at the end. Broken records are stepped over. */
int sft_record_next(struct sft_record *record, const char **cursor);

/* The text that a job's comment gets: `existing` (NULL: none) with this step's record put in. The
 * user's own text stays in front, letter for letter; a record with the same `step` is replaced,
 * others stay; the result is at most size - 1 bytes. If not all fits, records lose keys, oldest
 * first, this step's last; then the oldest are left out; the user's own text is never cut: if even
 * this step's brief record does not fit behind it, returns 1 and text is `existing` unchanged.
 * Returns 0 on success, -1 on an error. What was written once comes out the same again, also after
 * another step's record was put in. */
int sft_record_merge(const char *existing, const struct sft_record *record, char *text, size_t size,
                     struct sft_error *err);

/* A page is what the memory file holds: two halves, each with a record's text, '\n' to its end, and
 * at the end the number of its writing. A record goes into the half with the smaller number: a kill
 * in the middle of the write leaves the other, never a mixture. Another program may write its text
 * to the beginning of an empty page, without a number. `page` is what the file holds before, and
 * then what to write. */
int sft_record_page(const struct sft_record *record, char page[SFT_RECORD_PAGE],
                    struct sft_error *err);

/* The newest text in the page; "" in one that nobody wrote to. */
const char *sft_record_page_text(const char page[SFT_RECORD_PAGE]);

#endif
