/* SPDX-License-Identifier: Apache-2.0 */
/* The memory file that rank 0 writes its record into, and the thread of slurmstepd that looks at
 * it while the step runs. One a process. */
#ifndef SFT_SPANK_WATCH_H
#define SFT_SPANK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/* Make the memory file; it is inherited by the tasks. */
int watch_create(uint32_t job_id, uint32_t step_id, bool comment, int longest_seconds,
                 struct sft_error *err);

/* Its descriptor, or -1. */
int watch_fd(void);

/* Begin to look; after the tasks have been forked. */
int watch_start(struct sft_error *err);

#define WATCH_NO_STATUS (-1) /* rank 0's end is not known */

/* End the thread and wait until the last state is in the accounting: hold_seconds at most if rank 0
 * ended well, else less (hold.h). status: rank 0's, as wait(2) gives it. It stands in a file on the
 * node meanwhile, and after (spool.h). Later calls do nothing. */
void watch_stop(int status, int hold_seconds);

#endif
