/* SPDX-License-Identifier: Apache-2.0 */
/* In a task, as the user, before its exec: NCCL's environment from what this node has. */
#ifndef SFT_SPANK_NETWORK_H
#define SFT_SPANK_NETWORK_H

#include <stdbool.h>

#include "spank/conf.h"
#include "spank/slurm_compat.h"

/* pinned: place_task has bound it. Set what is decided and what neither the user nor NCCL's own
 * files have. The task's environment gets what was decided and why (node/said.h). Whatever fails,
 * the task starts: the reason is there. */
void network_task(spank_t spank, const struct conf *conf, bool pinned);

#endif
