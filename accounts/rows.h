/* SPDX-License-Identifier: Apache-2.0 */
/* What the report is made of: one row is one record, with what Slurm says of its job. */
#ifndef ACCOUNTS_ROWS_H
#define ACCOUNTS_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/record.h"

enum row_mark {
    ROW_PARTIAL = 1,       /* ended before all its steps were measured */
    ROW_SYNTHETIC = 2,     /* trained on generated data */
    ROW_EDITED = 4,        /* the user's comment says another thing than the admin comment */
    ROW_COMMENT_ALONE = 8, /* only in the job's comment, which the job's owner can write */
    ROW_FILE = 256,        /* out of a result.json: nobody but who wrote the file stands for it */
    ROW_DOUBTED = 16,  /* the step daemon found the record at odds with what Slurm and root saw */
    ROW_MEDIAN = 32,   /* of the first form: throughput is work over the median step */
    ROW_UNSTEADY = 64, /* throughput and that of the median step part by more than 2% */
    ROW_PEAK = 128     /* mfu is of a peak that somebody said, not of the data sheet's */
};

struct row {
    long long job_id;
    long long array_id; /* job id of the array that the job is a task of; 0: none */
    long long submitted, started, ended; /* seconds since 1970; 0: not known */
    long long elapsed;                   /* seconds */
    char *job_name, *job_state, *user, *account, *cluster, *partition, *nodelist; /* never NULL */
    char *asked; /* the request by which sft-sweep submitted the job; "": another did. Never NULL */
    const char *state; /* running, partial, complete, failed or unknown */
    unsigned marks;    /* of enum row_mark */
    struct sft_record record;
};

/* The rows are held by pointer: a row does not move while others are added or sorted. */
struct rows {
    size_t count, room;
    struct row **row;
    size_t broken;   /* texts that began as a record and were none */
    bool queued;     /* of slurmctld's memory, since there is no accounting */
    size_t nameless; /* records that were taken as a user's, though the file names no user */
};

void rows_init(struct rows *rows);
void rows_clear(struct rows *rows); /* frees the rows; NULL does nothing */

/* In front of its request, where sft-sweep writes it: at the beginning of the job's comment. */
#define ROW_ASKED "sft-sweep:"

/* The request there, cut to size bytes with its end; "" where the comment does not begin so. */
void row_asked(const char *comment, char *asked, size_t size);

struct row *row_create(void); /* NULL without memory; its texts are still NULL */
void row_destroy(struct row *row);
/* Where a record of the first form counts padding as work, its tok_s becomes what it is in the
 * second, tokens without; it stays over the median step (ROW_MEDIAN). */
int row_renew(struct row *row, struct sft_error *err);

/* Take the row over; on failure it is destroyed. */
int rows_add(struct rows *rows, struct row *row, struct sft_error *err);

/* Sort by `key`: job, date, user, state, or a key of the record; '-' in front turns the order
 * around. Numbers stand before words and missing values last; equal rows stay by job and step. */
int rows_sort(struct rows *rows, const char *key, struct sft_error *err);

/* Of rows of one cluster, job and step only the last run's stays, by submission; of a result.json
 * and Slurm's record of the same step Slurm's; of files that are copies one: what comes twice
 * counts once. They are in another order then. */
void rows_last(struct rows *rows);

/* Leave out what trained nothing, verify's runs; returns how many that were. */
size_t rows_trained(struct rows *rows);

/* The same, but these go over into the other rows. */
int rows_verified(struct rows *rows, struct rows *verifies, struct sft_error *err);

/* The step in its job: what stands behind the dot of the record's `step` (JOBID.STEPID); "" where
 * there is none. */
const char *row_step(const struct row *row);

enum { ROW_JOB = 24 };
/* The job's number; "-" of a run outside of Slurm. Returns text. */
const char *row_job(const struct row *row, char text[ROW_JOB]);

/* Did the step daemon find program, nodes, ranks and time right? That is all that anybody can
 * check: the figures are the job's own, and the job is its owner's. */
bool row_is_checked(const struct row *row);

/* The job's own fields in the order in which csv and json write them. Texts are NULL for numbers.
 */
struct row_field {
    const char *name;
    const char *text;
    long long number;
    bool time; /* the number is seconds since 1970, 0: not known */
};
#define ROW_FIELDS 16

/* Fill the fields of a row, ended by one whose name is NULL. They point into the row. */
void row_fields(const struct row *row, struct row_field field[ROW_FIELDS]);

#endif
