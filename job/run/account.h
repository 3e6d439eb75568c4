/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_ACCOUNT_H
#define SFT_JOB_RUN_ACCOUNT_H

#include "job/train/observer.h"

/* Rank 0's record of a run as it goes: losses, steps, and what the observers before it recorded,
 * written after each step. observed.user is the struct result. */
extern const struct observer observer_account;

#endif
