/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/hold.h"

/* The limit runs from the first signal; slurmd sends SIGKILL KillWait later, and needs a moment
 * more. */
enum { HOLD_BADLY = 30, HOLD_SPARE = 5 };

int hold_limit(const struct hold *hold)
{
    int limit = hold->seconds;
    int under = hold->unkillable - hold->message_timeout - HOLD_SPARE;
    if (!hold->well && limit > HOLD_BADLY)
        limit = HOLD_BADLY;
    if (!hold->well && limit > under)
        limit = under;
    return limit < 1 ? 1 : limit;
}
