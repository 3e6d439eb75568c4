/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_OBSERVE_COUNTERS_H
#define SFT_JOB_RUN_OBSERVE_COUNTERS_H

#include "job/train/observer.h"

/* The RDMA ports that carry collectives, of each node of several, over the measured steps: sums and
 * trouble into the record, each port into result.json. observed.user is the struct result. Of
 * nodes without such ports nothing. */
extern const struct observer observer_counters;

#endif
