/* SPDX-License-Identifier: Apache-2.0 */
/* Described machines: hwloc's synthetic text for the cores, and the devices of machine_tree.h. The
 * lines that are affinity's:
 *
 *     cpus pack:2 [numa] core:48 pu:2(indexes=core:pack)
 *     run tasks=8 [per=1] [allowed=0-23] [cuda=0,1] [slurm=0,1] [rank=0] [on=8]
 *     run tasks=2 each=0/3;0/5         what each task was told: cuda/slurm, "-" unset
 *
 * cuda and slurm are what one task (rank; without it slurm's first number) was told; where they are
 * too few for all, the others' are not known. on: the step's GPUs on the node. */
#ifndef SFT_TESTS_UNIT_NODE_AFFINITY_FIXTURE_H
#define SFT_TESTS_UNIT_NODE_AFFINITY_FIXTURE_H

#include <stddef.h>

#include "node/affinity_internal.h"
#include "tests/unit/node/machine_tree.h"

struct fixture_run {
    int tasks, per;
    int rank, step_gpus;
    char allowed[128], cuda[256], slurm[128], each[256]; /* "" unset */
    char line[512];
};

struct fixture {
    char cpus[128];
    struct tree tree;
    int runs;
    struct fixture_run run[8];
};

/* 0, or -1 with a text on stderr. fixture_remove takes the folder away, also after a failure. */
int fixture_load(struct fixture *fixture, const char *file);
int fixture_parse(struct fixture *fixture, const char *text);
void fixture_remove(struct fixture *fixture);

/* NULL with the error set. */
struct affinity_machine *fixture_machine(const struct fixture *fixture, struct sft_error *err);
struct affinity_plan *fixture_plan(const struct affinity_machine *machine,
                                   const struct fixture_run *run, struct sft_error *err);

#endif
