/* SPDX-License-Identifier: Apache-2.0 */
/* One record on its way into the accounting: tried until it stands there or is refused, at growing
 * intervals. A record counts as published only then. Used by the keeper alone. */
#ifndef SFT_SPANK_PUBLISH_H
#define SFT_SPANK_PUBLISH_H

#include <stdbool.h>
#include <time.h>

#include "spank/account.h"

struct publish {
    struct account account;
    struct sft_record record;
    bool begun;                 /* there was a record before */
    bool pending;               /* the record is not in yet */
    enum account_result result; /* of the last try */
    int looks;                  /* at a record that was written, whether another step undid it */
    int interval;               /* seconds to the next, grows */
    time_t next;                /* when it is due, by the monotonic clock */
};

void publish_init(struct publish *publish, uint32_t job_id, bool comment);

/* Take another record, given as text; one that is still pending is forgotten. Due at once, but for
 * the first: many jobs that begin together would keep slurmctld from starting them, and one that
 * ends at once needs none but the final one. `final`: no other follows. */
int publish_set(struct publish *publish, const char *text, bool final, struct sft_error *err);

/* Milliseconds until the next try is due; -1 when nothing is pending. */
int publish_due(const struct publish *publish);

/* Try once. Returns whether it is decided: it is refused, or stood there when looked at again. */
bool publish_try(struct publish *publish);

#endif
