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

/* Publish the last state and end the thread. Waits a few seconds at most; later calls do nothing. */
void watch_stop(void);

#endif
