/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_OBSERVE_LOSSES_H
#define SFT_JOB_RUN_OBSERVE_LOSSES_H

#include "job/train/observer.h"

/* Rank 0's losses: a line of JSON a step in losses.jsonl beside result.json, as the run goes, and
 * both curves in the record. observed.user is the struct result. */
extern const struct observer observer_losses;

#endif
