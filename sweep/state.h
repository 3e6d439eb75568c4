/* SPDX-License-Identifier: Apache-2.0 */
/* What Slurm has of a sweep: the queue's jobs of its name and the accounting's records. */
#ifndef SWEEP_STATE_H
#define SWEEP_STATE_H

#include <stdio.h>

#include "accounts/rows.h"
#include "sweep/cells.h"

enum sweep_job_state { SWEEP_PENDING, SWEEP_RUNNING, SWEEP_COMPLETE, SWEEP_BAD };

struct sweep_job {
    long long id;
    enum sweep_job_state state;
    char word[24];                 /* Slurm's or the record's */
    char request[SFT_REQUEST_MAX]; /* "" where nothing tells */
    char why[200];                 /* the reason that the record of a run that failed gives; "" */
    char node[SWEEP_NODE];         /* where it runs, ran or must; cut where these are several */
    char reason[100];              /* why a pending one waits, as Slurm says; "" */
    int waits;      /* follow.h: looks in a row at which it was so that it needs help */
    bool told;      /* that it was told */
    bool asked;     /* it is sft-sweep's own; else the record's, with the site's additions */
    bool cancelled; /* by somebody */
    bool accounted; /* the accounting has its record */
    double tok_s;   /* NaN: not measured */
};

#define SWEEP_HOSTS 701 /* bytes of a list of hosts in a record, and its end */

/* What a complete run of verify found, by its record in the accounting. */
struct sweep_verify {
    long long id;     /* of its job */
    char nodes[8192]; /* where it ran, as Slurm writes a list of nodes; "" where that is longer */
    char bad[SWEEP_HOSTS], unknown[SWEEP_HOSTS]; /* names with commas between */
    int bad_count;                               /* of which a long list may not have all */
};

struct sweep_state {
    size_t count, room;
    struct sweep_job *job; /* by id, once loaded */
    bool queued;           /* there is no accounting: only the queue was asked */
    size_t verify_count;
    struct sweep_verify *verify;
};

static inline bool sweep_job_is_alive(const struct sweep_job *job)
{
    return job->state == SWEEP_PENDING || job->state == SWEEP_RUNNING;
}

/* A line: id, request, state, throughput or the reason of a failure where it is known. */
void sweep_job_print(const struct sweep_job *job, FILE *out);

/* Ask squeue ($SFT_SQUEUE) and sacct for the user's own jobs of that name. A job that both know is
 * counted once; a run is complete when the admin comment has its complete record, or, until that is
 * in the accounting, when the ended job's comment in the queue has. */
int sweep_state_load(struct sweep_state *state, const char *name, struct sft_error *err);
void sweep_state_clear(struct sweep_state *state);

/* The verdict of the newest complete run of the verify that is asked for, `cells`; NULL: there is
 * none, or the accounting does not have its record yet. */
const struct sweep_verify *sweep_state_verdict(const struct sweep_state *state,
                                               struct sweep_cells *cells);

/* The two readers: squeue's lines "MARK|ID|STATE|NODES|WANTED NODES|REASON|COMMENT", where a
 * comment may hold anything, so also what looks like more lines, but not the mark that nobody knew
 * when it was written; and rows of the report. The accounting's go first. -1 without memory. */
int sweep_state_rows(struct sweep_state *state, const struct rows *rows, struct sft_error *err);
int sweep_state_queue(struct sweep_state *state, const char *mark, char *text,
                      struct sft_error *err);

/* Let a job count as one that has ended before. -1 without memory. */
int sweep_state_end(struct sweep_state *state, long long id, struct sft_error *err);

/* Count the jobs into the cells; those of no cell are left alone, or, with `add`, get cells. */
void sweep_state_count(const struct sweep_state *state, struct sweep_cells *cells, bool add);

#endif
