/* SPDX-License-Identifier: Apache-2.0 */
/* What of a data file cannot be trained on: how many records, and the first ten with their reasons.
 */
#ifndef SFT_JOB_DATA_DATA_FAULTS_H
#define SFT_JOB_DATA_DATA_FAULTS_H

#include <stddef.h>

#include "job/data/data_keys.h"
#include "lib/error.h"

enum { FAULTS_TOLD = 10, FAULTS_TEXT = 640 /* bytes of what tells them */ };

struct fault {
    int file;          /* from 1; 0: there is one alone */
    long record, line; /* from 1 */
    char why[88];      /* "has no field output" */
};

struct fault_list {
    long count;
    struct fault first[FAULTS_TOLD];
};

/* Bad records are broken or not what they should be; an empty one is as its makers left it, as some
 * of Alpaca's own are, and no sign that anything is wrong with the file. */
struct faults {
    struct fault_list bad, empty;
    const struct data_keys *keys; /* whose the first bad record is; NULL: not known */
};

void fault_add(struct fault_list *list, int file, long record, long line, const char *why);

/* "record 3 (line 9) has no field output; ...; and 7 more", of both lists. */
void faults_tell(const struct faults *faults, char *text, size_t size);

/* All that `more` has behind all that `faults` has. */
void faults_join(struct faults *faults, const struct faults *more);

/* After the last of `records` records, those that were left out with them. -1 when none is left,
 * when more than `skip` percent are bad, when most are empty, or when skip is 0 and any is bad or
 * empty. */
int faults_judge(const struct faults *faults, const char *name, long records, double skip,
                 struct sft_error *err);

#endif
