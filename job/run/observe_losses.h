/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_OBSERVE_LOSSES_H
#define SFT_JOB_RUN_OBSERVE_LOSSES_H

#include "job/train/observer.h"

/* Rank 0's losses: a line of JSON a step in losses.jsonl beside result.json, as the run goes, and
 * both curves in the record. A run that goes on appends to its file, and its curves begin with what
 * stands there. observed.user is the struct result. */
extern const struct observer observer_losses;

/* All lines up to now onto the disk. NULL does nothing. */
struct losses;
void losses_sync(struct losses *losses);

#endif
