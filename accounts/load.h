/* SPDX-License-Identifier: Apache-2.0 */
/* From what sacct prints to rows. */
#ifndef ACCOUNTS_LOAD_H
#define ACCOUNTS_LOAD_H

#include <stddef.h>

#include "lib/error.h"
#include "accounts/filter.h"
#include "accounts/rows.h"

/* Read the text of `sacct --json` (Slurm 22.05 and later; changed in place where it is no JSON, see
 * answer.h) and add a row for each record that the filter takes and chooses. `what` names the text
 * in messages.
 *
 * A job's records are read from its admin comment, which users cannot write, and from its comment.
 * One that stands in both is taken from the admin comment and marked ROW_EDITED where a brief key
 * differs; one that stands in the comment alone is marked ROW_COMMENT_ALONE, or, if its step is
 * another job's, left out: it is quoted. Jobs without records give no row. Broken records, and
 * those of a job that cannot be read, are counted in rows->broken. Of a step that several runs of
 * one job have the last run's counts. Fails when the text ends too early, has no `jobs`, or is what
 * sacct says when it failed. */
int load_json(struct rows *rows, const struct filter *filter, const char *what, char *text,
              size_t length, struct sft_error *err);

/* Ask sacct for the jobs of the filter, as load_json: which they are in one pass of its text, then
 * those with records. What sacct chose is not chosen again. Where sacct says that the cluster has
 * no accounting, of the jobs that slurmctld still knows, and rows->queued is set. */
int load_sacct(struct rows *rows, const struct filter *filter, struct sft_error *err);

/* Read a file with the output of `sacct --json` or `squeue --json`, or a result.json, whose row is
 * marked ROW_FILE; or stdin for "-". */
int load_file(struct rows *rows, const struct filter *filter, const char *path,
              struct sft_error *err);

#endif
