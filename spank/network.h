/* SPDX-License-Identifier: Apache-2.0 */
/* In a task, as the user, before its exec: NCCL's environment from what this node has. */
#ifndef SFT_SPANK_NETWORK_H
#define SFT_SPANK_NETWORK_H

#include <stdbool.h>

#include "spank/conf.h"
#include "spank/slurm_compat.h"

/* The task's environment gets here what was decided and why, as fabric_write has it, for
 * sft-bench-job. */
#define NETWORK_ENV "SFT_BENCH_FABRIC"

/* pinned: place_task has bound it. Set what is decided and what neither the user nor NCCL's own
 * files have. Whatever fails, the task starts: the reason is in NETWORK_ENV. */
void network_task(spank_t spank, const struct conf *conf, bool pinned);

#endif
