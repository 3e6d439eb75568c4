/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL's topology file of a real machine, as a fixture's description. */
#ifndef SFT_TESTS_UNIT_NODE_AFFINITY_NCCL_H
#define SFT_TESTS_UNIT_NODE_AFFINITY_NCCL_H

#include "tests/unit/node/affinity_fixture.h"

#define NCCL_DEVICES 32

struct nccl_device {
    char pci[AFFINITY_PCI];
    int numa;
    char group[AFFINITY_PCI]; /* the switch at the top of its tree */
    char names[128];          /* a NIC's, comma between */
};

/* What the file says by itself, to check a plan against. */
struct nccl_machine {
    int nodes, gpus, nics;
    hwloc_bitmap_t node[8]; /* the CPUs of each NUMA node */
    struct nccl_device gpu[NCCL_DEVICES], nic[NCCL_DEVICES];
    char description[16384]; /* for fixture_parse, without a line of cpus */
};

/* 0, or -1 when the file cannot be read. A <pci> of class 0604 stands for a whole switch, of which
 * sysfs shows two bridges. */
int nccl_load(struct nccl_machine *machine, const char *file);
void nccl_free(struct nccl_machine *machine);

#endif
