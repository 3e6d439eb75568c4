/* SPDX-License-Identifier: Apache-2.0 */
/* What the tasks of a step on one node tell each other before their exec: Slurm may give each of
 * them GPUs of its own, and the cores are divided among all. Memory that slurmstepd's tasks share,
 * gone with their exec. */
#ifndef SFT_SPANK_PEERS_H
#define SFT_SPANK_PEERS_H

#include <stdbool.h>

#include "lib/error.h"

#define PEERS_TEXT 2048 /* 48 GPUs by UUID */

struct peer {
    bool has_cuda, has_gpus;
    char cuda[PEERS_TEXT], gpus[PEERS_TEXT]; /* CUDA_VISIBLE_DEVICES, SLURM_STEP_GPUS */
};

/* In slurmstepd, before it forks. Without it nobody is told anything. */
int peers_create(int tasks, struct sft_error *err);

/* In a task: this one's, NULL unset; and all of them, [tasks], when the others have told theirs
 * too. NULL when one has not within a few seconds, or has more than fits. Slurm lets all tasks of a
 * node go at once (22.05 to 25.11), and each comes here within milliseconds of the others. */
const struct peer *peers_tell(int rank, const char *cuda, const char *gpus);

#endif
