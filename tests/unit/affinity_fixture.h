/* SPDX-License-Identifier: Apache-2.0 */
/* Described machines: hwloc's synthetic text for the cores and, for PCI, a folder with the files of
 * sysfs and of NVIDIA's driver that affinity reads. One word a line, then key=value: cpus pack:2
 * [numa] core:48 pu:2(indexes=core:pack) gpu 0000:15/15:01.0/16:00.0/17:00.0/18:00.0 numa=0
 * [local=0-47] [minor=0] [uuid=GPU-...] nic 0000:15/.../1a:00.0 numa=0 [class=0207]
 * [rdma=mlx5_0:up[,down]] [net=eth0:up] run tasks=8 [per=1] [allowed=0-23] [cuda=0,1] [slurm=0,1]
 * The path begins with the host bridge's bus and names each bridge above the device. */
#ifndef SFT_TESTS_AFFINITY_FIXTURE_H
#define SFT_TESTS_AFFINITY_FIXTURE_H

#include <stddef.h>

#include "spank/affinity_internal.h"

struct fixture_run {
    int tasks, per;
    char allowed[128], cuda[256], slurm[128]; /* "" unset */
    char line[512];
};

struct fixture {
    char cpus[128];
    char root[64]; /* a folder of its own, below /tmp */
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
