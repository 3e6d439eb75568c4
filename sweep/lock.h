/* SPDX-License-Identifier: Apache-2.0 */
/* One sft-sweep of a name at a time: two would submit everything twice. */
#ifndef SWEEP_LOCK_H
#define SWEEP_LOCK_H

#include "lib/error.h"

/* Take the lock of a sweep's name for as long as this process, and what it starts, is there. The
 * file is sft-bench/sweep-NAME.lock in the user's own folder of state: $XDG_STATE_HOME, else
 * .local/state in the home, so that nobody else can hold it, and hosts that share the home share
 * it. Fails with the file, and the process and host that have it. */
int lock_take(const char *name, struct sft_error *err);

#endif
