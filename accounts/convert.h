/* SPDX-License-Identifier: Apache-2.0 */
/* What is not sacct's: result.json, which a run with out= leaves, and what slurmctld still knows
 * (squeue --json), where a cluster has no accounting. Both become a job in sacct's shape. */
#ifndef ACCOUNTS_CONVERT_H
#define ACCOUNTS_CONVERT_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/error.h"
#include "lib/record.h"

/* Is it an object as result.json has it: a model or a task, a state, and no list of jobs? */
bool convert_is_result(const json_t *root);

/* Its record (init'ed, to be cleared also after a failure), and the job that it names, a new
 * reference, or NULL without memory. Keys that no record can have are left out. */
json_t *convert_result(const json_t *root, struct sft_record *record, struct sft_error *err);

/* A job of squeue's in sacct's shape, a new reference; of one that has sacct's shape another
 * reference. NULL without memory. */
json_t *convert_queued(json_t *job);

#endif
