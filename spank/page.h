/* SPDX-License-Identifier: Apache-2.0 */
/* The page that rank 0 writes is the user's. What becomes a record of it: the user's figures, and
 * in place of what the page says of step, nodes, ranks, times and end, what Slurm knows; beside
 * them what root could check. Knows nothing of Slurm itself. */
#ifndef SFT_SPANK_PAGE_H
#define SFT_SPANK_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/record.h"
#include "spank/program.h"

#define PAGE_REQUEST 301 /* as in the record: a longer one is left out */

enum page_end {
    PAGE_RUNS,      /* rank 0 has not ended, as far as is known */
    PAGE_ENDED,     /* with `status` */
    PAGE_UNSTARTED, /* the step is over, and no task was ever started */
    PAGE_ORPHANED,  /* the step daemon is gone, and rank 0's end with it */
};

/* How the reason of a step that Slurm could not start begins. */
#define PAGE_NOT_STARTED "Slurm did not start the tasks"

/* What is known of a step without its page. */
struct page_facts {
    char step[32];              /* JOBID.STEPID */
    char request[PAGE_REQUEST]; /* the option's text, "": not known */
    char model[32];             /* that it asks for, "" */
    bool idle;                  /* it leaves no record: an empty page is as it should be */
    bool judges;                /* its status is a verdict, or somebody's kill of ranks that hung */
    uint32_t nodes, ranks;      /* of the step; 0: not known */
    char host[64];              /* where rank 0 is */
    time_t start;               /* of the step; 0: not known */
    double life;                /* seconds from there to now */
    enum program_verdict verdict;
    char program[PROGRAM_TEXT]; /* "": not seen yet */
    enum page_end end;
    char unstarted[300]; /* why no task was started, "": Slurm's log knows */
    int status;          /* rank 0's, as wait(2) gives it */
    bool other;          /* before it another rank of its node had ended badly: */
    uint32_t other_rank;
    int other_status;
};

/* Make the record that stands for the step now. Returns 1 and fills record; 0 when there is nothing
 * to tell: `idle`, or a page that is no record while rank 0 runs and may be in the middle of
 * writing it; -1 without memory.
 * - `complete` only if the page says so and rank 0 has ended with status 0, or `judges`; `failed`
 * if the page says so, says nothing or is no record (then err tells why); all else is `partial`.
 * `fail` has the page's reason, or Slurm's.
 * - step, nodes, ranks, model, start and seconds are the facts'; request and version where the page
 * has none; program, checked and doubted are never the page's. The record fits: figures that nobody
 * needs are left out first. */
int page_read(const char *page, size_t length, const struct page_facts *facts,
              struct sft_record *record, struct sft_error *err);

#endif
