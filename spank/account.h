/* SPDX-License-Identifier: Apache-2.0 */
/* The step's record into the job's comment and admin comment. Runs as root in slurmstepd on text
 * that the user wrote: everything goes through lib/record. */
#ifndef SFT_SPANK_ACCOUNT_H
#define SFT_SPANK_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record.h"

/* Merge the record into the job's comments. Returns 0, 1 when the job has ended and takes no more,
 * -1 on another failure. */
int account_publish(uint32_t job_id, const struct sft_record *record, bool comment,
                    struct sft_error *err);

#endif
