/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON of a job in sacct's shape says beside its records. */
#ifndef ACCOUNTS_FACTS_H
#define ACCOUNTS_FACTS_H

#include <jansson.h>
#include <stdbool.h>

#include "accounts/rows.h"
#include "accounts/scan.h"

/* A number as Slurm writes it, plain or since 23.02 {"set": , "infinite": , "number": }; 0: none.
 */
long long facts_number(const json_t *value);
/* Seconds since 1970; 0 for Slurm's infinite, none and not set. */
long long facts_time(const json_t *times, const char *key);
/* "" where there is no such text. */
const char *facts_text(const json_t *object, const char *key);

/* The job's state, REQUEUED where its next run waits; and is a job of that state still to end? */
const char *facts_state(const json_t *job);
bool facts_is_alive(const char *state);

/* Fill the row's fields of the job. `chosen` (NULL: none) tells whose it is where the JSON does
 * not. -1 without memory. */
int facts_read(struct row *row, const json_t *job, const struct scan_job *chosen);

#endif
