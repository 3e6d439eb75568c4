/* SPDX-License-Identifier: Apache-2.0 */
/* Which records the user wants to see. */
#ifndef ACCOUNTS_FILTER_H
#define ACCOUNTS_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/error.h"
#include "accounts/rows.h"

#define FILTER_JOBS_MAX 1024
#define FILTER_DAYS 30 /* how far back is looked when nothing is said */

struct filter {
    long long jobs[FILTER_JOBS_MAX];
    size_t job_count;  /* 0: all */
    const char *model; /* NULL: all */
    const char *sweep; /* name of its jobs; NULL: all */
    const char *state; /* NULL: all */
    const char *user;  /* NULL: as sacct does: one's own, and root sees all */
    bool all_users;
    time_t since, until; /* 0: not said */
};

/* Read `ID[,ID...]` and add it to filter->jobs. */
int filter_set_jobs(struct filter *filter, const char *text, struct sft_error *err);

/* One of complete, partial, failed, running, all. */
int filter_set_state(struct filter *filter, const char *text, struct sft_error *err);

/* Read a local time: YYYY-MM-DD[THH:MM[:SS]], `now`, `today`, `yesterday`, or Nd, Nh, Nm (days,
 * hours, minutes before `now`). A day alone is its first second, or with `end` its last. */
int filter_parse_time(const char *text, bool end, time_t now, time_t *result,
                      struct sft_error *err);

/* Refuse an `until` that lies before `since`; without jobs, sweep and since, look FILTER_DAYS back.
 */
int filter_finish(struct filter *filter, time_t now, struct sft_error *err);

/* Does the row belong to what was asked? Its time is the job's start. Whose job it is, and which,
 * is sacct's to choose where it is asked: it knows users whose names the row does not have, and the
 * parts of a job. */
bool filter_takes(const struct filter *filter, const struct row *row);

/* And where it is not asked: the jobs and the users (names without case, or uids, with commas
 * between). A row without a user may be anyone's and is taken. */
bool filter_chooses(const struct filter *filter, const struct row *row);

#endif
