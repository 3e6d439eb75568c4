/* SPDX-License-Identifier: Apache-2.0 */
/* What group.c, group_aside.c and goals.c share. */
#ifndef REPORT_GROUP_INTERNAL_H
#define REPORT_GROUP_INTERNAL_H

#include <math.h>

#include "report/group.h"

static inline const char *text_of(const struct row *row, const char *key)
{
    const char *value = sft_record_get(&row->record, key);
    return value != NULL ? value : "";
}

static inline double real_of(const struct row *row, const char *key)
{
    return sft_record_get_real(&row->record, key, NAN);
}

/* 0 where the record has no such number. */
static inline int whole_of(const struct row *row, const char *key)
{
    double value = real_of(row, key);
    return value >= 0 && value <= 1e9 ? (int)value : 0;
}

/* Mean tokens of a sample, by the record's rates; NaN: not known. */
static inline double sample_length_of(const struct row *row)
{
    return real_of(row, "tok_s") / real_of(row, "samples_s");
}

/* Why a run does not count, 0: it does; of enum group_aside. */
unsigned group_aside_of(const struct row *row);

/* Sets the series' differs. */
void group_titles(struct groups *groups);

/* The text of the bit's place; "" beyond count. */
const char *group_bit_text(const char *const *texts, size_t count, unsigned bit);

#endif
