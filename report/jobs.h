/* SPDX-License-Identifier: Apache-2.0 */
/* Job ids as a reader takes them: "10, 12, 14-16" names these jobs and no other. */
#ifndef REPORT_JOBS_H
#define REPORT_JOBS_H

#include <stddef.h>

#include "accounts/rows.h"

/* The jobs of these rows, each once, ascending; three and more that follow one another as a range
 * with an en dash. Of more than `most` pieces, or where size is too small, the first ones, an
 * ellipsis, the last one, and how many jobs they are. Runs outside of Slurm are no jobs, and stand
 * in front as that. */
void jobs_text(const struct row *const *row, size_t count, size_t most, char *text, size_t size);

#define JOBS_MOST 3 /* pieces in a table */

#endif
