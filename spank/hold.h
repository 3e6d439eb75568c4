/* SPDX-License-Identifier: Apache-2.0 */
/* How long rank 0's end may be held back until its record is in the accounting. Pure. */
#ifndef SFT_SPANK_HOLD_H
#define SFT_SPANK_HOLD_H

#include <stdbool.h>

struct hold {
    bool well;           /* rank 0 ended by itself, and its record is complete */
    int seconds;         /* the site's hold_seconds */
    int unkillable;      /* UnkillableStepTimeout */
    int message_timeout; /* MessageTimeout */
};

/* Seconds. A run that ended well has nothing left to kill, and while slurmctld is silent nobody can
 * ask for it: as soon as it answers, it takes the record or says that the job is over. Any other
 * end may be the beginning of a kill, after which a step that is still there when
 * UnkillableStepTimeout is over drains its node: so it is at most 30, and well under that limit. At
 * least 1. */
int hold_limit(const struct hold *hold);

#endif
