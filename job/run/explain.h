/* SPDX-License-Identifier: Apache-2.0 */
/* srun --sft-bench=explain:N: what each task got of its node, and why; the task of job/run/task.h.
 */
#ifndef SFT_JOB_RUN_EXPLAIN_H
#define SFT_JOB_RUN_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "job/control/bootstrap.h"
#include "job/run/network.h"
#include "job/run/place.h"

/* What one task says of itself, exchanged as it is. */
struct explain_task {
    char host[256];
    int rank;
    char has[256]; /* CPUs that the kernel lets it use, "0-11,96-107" */
    int local_rank;
    char cuda[PLACE_CUDA];      /* CUDA_VISIBLE_DEVICES, as place_cuda has it */
    char place[PLACE_TEXT];     /* the plugin's word (SFT_BENCH_PLACE), "" without it */
    char variables[4096];       /* NCCL_* of its environment, NAME=VALUE lines, sorted */
    char network[NETWORK_TEXT]; /* what was decided of them (job/run/network.h), "" without the
                                   plugin */
};

/* This process. */
void explain_self(struct explain_task *task, const struct bootstrap *bootstrap);

/* All tasks, by host in the order of ranks, with each host's ports and variables; then warnings:
 * each host's, hosts that differ from rank 0's, tasks that have other CPUs, GPUs or variables than
 * they were given. */
void explain_print(FILE *out, const struct explain_task *tasks, int count);
/* The same as one JSON object. -1 and err without memory. */
int explain_print_json(FILE *out, const struct explain_task *tasks, int count,
                       struct sft_error *err);

#endif
