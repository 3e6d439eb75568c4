/* SPDX-License-Identifier: Apache-2.0 */
/* From what sacct prints to rows. */
#ifndef REPORT_LOAD_H
#define REPORT_LOAD_H

#include <stddef.h>

#include "lib/error.h"
#include "report/filter.h"
#include "report/rows.h"

/* Read the text of `sacct --json` (Slurm 22.05 and later; changed in place where it is no UTF-8)
 * and add a row for each record that the filter takes. `what` names the text in messages.
 *
 * A job's records are read from its admin comment, which users cannot write, and from its comment.
 * One that stands in both is taken from the admin comment and marked ROW_EDITED where a brief key
 * differs; one that stands in the comment alone is marked ROW_UNCONFIRMED, or, if its step is another
 * job's, left out: it is quoted. Jobs without records and broken records give no row. Fails when the
 * text is no JSON, has no `jobs`, or is what sacct says when it failed. */
int load_json(struct rows *rows, const struct filter *filter, const char *what, char *text,
              size_t length, struct sft_error *err);

/* Ask sacct for the jobs of the filter: at once where they are named or of one sweep, else in two passes. Texts
 * that begin as a record and are none are counted in rows->broken. */
int load_sacct(struct rows *rows, const struct filter *filter, struct sft_error *err);

/* Read a file with the output of `sacct --json`, or stdin for "-". */
int load_file(struct rows *rows, const struct filter *filter, const char *path,
              struct sft_error *err);

#endif
