/* SPDX-License-Identifier: Apache-2.0 */
/* What a task gets of its node, found on the node itself. A module of its own, which the plugin
 * opens in the task alone: so an ordinary srun never loads hwloc. */
#ifndef SFT_NODE_NODE_H
#define SFT_NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define NODE_MODULE "sft_bench_node.so" /* beside the plugin */
#define NODE_PLACE "sft_bench_node_place"
#define NODE_TEXT 2048

struct node_told {
    const char *cuda; /* CUDA_VISIBLE_DEVICES, NULL: unset */
    const char *gpus; /* SLURM_STEP_GPUS or SLURM_JOB_GPUS, NULL: unset */
};

struct node_task {
    const char *root;             /* folder with the sys/ and proc/ to read; NULL: the node's own */
    int tasks, local_rank;        /* of this step on this node */
    const struct node_told *told; /* [tasks]; those of the other tasks too, unless alone */
    bool alone;
    int step_gpus;     /* SLURM_GPUS_ON_NODE, 0: unset */
    const char *masks; /* Slurm's binding of all these tasks, "0x3,0xc"; NULL: none */
};

/* Bind the calling process to cores and memory near its GPU; `text` says to what, or why to
 * nothing: "gpu=0000:18:00.0 cpus=0-11,96-107 numa=0 nics=mlx5_0 distance=PIX pool=0000:18:00.0,...
 * why=...", values empty where there is nothing; cpus, where nothing is bound; pool has the GPUs by
 * CUDA's index. -1 and err when it failed; then nothing is bound. */
typedef int node_place_f(const struct node_task *task, char text[NODE_TEXT], struct sft_error *err);

#endif
