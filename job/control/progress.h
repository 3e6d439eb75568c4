/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_CONTROL_PROGRESS_H
#define SFT_JOB_CONTROL_PROGRESS_H

#include <stdint.h>

#define WATCHDOG_NAME 48

/* Collectives so far. All ranks go through the same ones in the same order, so that numbers
 * compare; entered > left: the rank is inside number left + 1, counted from 1. */
struct watchdog_progress {
    uint64_t entered, left;
    char name[WATCHDOG_NAME]; /* of the one it is inside */
};

#endif
