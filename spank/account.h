/* SPDX-License-Identifier: Apache-2.0 */
/* The step's record into the job's comment and admin comment. Runs as root in slurmstepd on text
 * that the user wrote: everything goes through lib/record. */
#ifndef SFT_SPANK_ACCOUNT_H
#define SFT_SPANK_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/record.h"

enum { ACCOUNT_ADMIN = 1, ACCOUNT_COMMENT = 2 };

/* A job's two comments. What the site refuses stays refused: later calls do not ask again. */
struct account {
    uint32_t job_id;
    time_t before;    /* one submitted later only has the number; 0: any */
    unsigned wanted;  /* ACCOUNT_ADMIN | ACCOUNT_COMMENT */
    unsigned refused; /* of them */
    bool once;        /* change it and leave the looking again to the caller */
    bool known;       /* the last answer had this job */
    bool changed;     /* by the last call: the record did not stand there before */
    char why[160];    /* of the first refusal */
};

enum account_result {
    ACCOUNT_SILENT = -1, /* no answer, or none that is an answer: try again */
    ACCOUNT_STANDS,      /* the record stands in what was wanted and not refused */
    ACCOUNT_OVER,        /* the job has ended without it and takes no more */
    ACCOUNT_REFUSED,     /* everything was refused */
};

/* Merge the record into the job's comments. err says why there was no answer. */
enum account_result account_publish(struct account *account, const struct sft_record *record,
                                    struct sft_error *err);

#endif
