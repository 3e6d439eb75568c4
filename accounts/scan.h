/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs whose comments may hold a record, out of sacct's text. */
#ifndef ACCOUNTS_SCAN_H
#define ACCOUNTS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"

#define SCAN_MARK 24 /* bytes of a mark with its end */
/* What sacct is asked for, in the order that scan_read expects: nobody but Slurm writes the first
 * three and the last, so a job begins and ends with what has no line break. Submit is in seconds
 * (SLURM_TIME_FORMAT=%s). */
#define SCAN_FIELDS "JobIDRaw,Submit,UID,AdminComment,Comment,JobIDRaw"

/* One run of a job: a requeued job's next run has the same id and another time of submission. So
 * has another job, where Slurm counts from 1 again. */
struct scan_job {
    long long id, submitted; /* submitted: seconds since 1970; 0: not known */
    long long uid;
    bool begun; /* a comment has the beginning of a record */
    bool taken; /* by the caller */
    enum scan_next {
        SCAN_LAST,
        SCAN_ITS_NEXT,
        SCAN_ANOTHERS
    } next; /* run of the id: none, that user's, another's */
};

struct scan {
    struct scan_job *job; /* for free(); once scan_finish is done those that begun, by id, then
                             submission, each once */
    size_t count, room;
};

/* A separator that nobody knew when the comments were written. */
int scan_mark_make(char mark[SCAN_MARK], struct sft_error *err);

/* Read sacct's text of SCAN_FIELDS with the mark between fields and add its jobs. What has another
 * form is stepped over. -1 without memory or when it cannot be read. */
int scan_read(struct scan *scan, FILE *in, const char *mark, struct sft_error *err);

/* Sort, and leave out what came twice and what has no record. */
void scan_finish(struct scan *scan);

/* The job's run of that time; NULL: none. After scan_finish. */
struct scan_job *scan_find(const struct scan *scan, long long id, long long submitted);

void scan_clear(struct scan *scan);

#endif
