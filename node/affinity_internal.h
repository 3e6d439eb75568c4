/* SPDX-License-Identifier: Apache-2.0 */
/* What affinity's files share. */
#ifndef SFT_NODE_AFFINITY_INTERNAL_H
#define SFT_NODE_AFFINITY_INTERNAL_H

#include <hwloc.h>
#include <stddef.h>

#include "node/affinity.h"
#include "node/sysfs.h"

#define AFFINITY_NICS 256
#define AFFINITY_PCI 24
#define AFFINITY_UUID 48

/* A PCI device. */
struct affinity_device {
    char pci[AFFINITY_PCI]; /* 0000:18:00.0 */
    char path[320];         /* pci0000:15/0000:15:01.0/.../0000:18:00.0, the bridges above it */
    hwloc_bitmap_t near;    /* the CPUs of its NUMA node; NULL: unknown */
};

struct affinity_gpu {
    struct affinity_device device;
    int minor;                /* of /dev/nvidiaN; -1 unknown */
    char uuid[AFFINITY_UUID]; /* GPU-...; "" unknown */
};

struct affinity_nic {
    struct affinity_device device;
    char name[32]; /* mlx5_0; without RDMA eth0, or the PCI address */
    int kind;      /* 2 RDMA, 1 Ethernet alone */
    bool up;       /* a port is active */
};

struct affinity_machine {
    hwloc_topology_t topology;
    int gpus; /* in PCI order */
    struct affinity_gpu gpu[AFFINITY_GPUS];
    int nics; /* in PCI order, of the best kind that is there */
    struct affinity_nic nic[AFFINITY_NICS];
    bool nics_cut; /* while they are read: there are more */
};

/* affinity_pci.c: GPUs and NICs from root's sysfs, their locality from machine->topology. */
int affinity_pci_read(struct affinity_machine *machine, const char *root, struct sft_error *err);

/* Of least to most: PIX, PXB, PHB, NODE, SYS; AFFINITY_UNKNOWN when the NUMA node matters and is
 * not known. */
enum affinity_distance {
    AFFINITY_PIX,
    AFFINITY_PXB,
    AFFINITY_PHB,
    AFFINITY_NODE,
    AFFINITY_SYS,
    AFFINITY_UNKNOWN
};
enum affinity_distance affinity_pci_distance(const struct affinity_device *a,
                                             const struct affinity_device *b);

/* affinity_nvidia.c: what the driver says of one GPU. */
struct affinity_nvidia {
    char pci[AFFINITY_PCI]; /* "" not told */
    char uuid[AFFINITY_UUID];
    int minor; /* -1 not told */
    bool excluded;
};

/* The text of /proc/driver/nvidia/gpus/?/information; unknown lines are skipped. */
void affinity_nvidia_parse(const char *text, size_t size, struct affinity_nvidia *nvidia);

/* Minors and UUIDs of the machine's GPUs; those that the driver does not have (given to a virtual
 * machine, or excluded) are dropped. Without the driver's folder nothing changes. */
void affinity_nvidia_read(struct affinity_machine *machine, const char *root);

/* affinity_gpus.c: a list as CUDA_VISIBLE_DEVICES has it: numbers, or words that begin with GPU-.
 */
struct affinity_list {
    int count;
    int number[AFFINITY_GPUS];               /* -1: a UUID */
    char uuid[AFFINITY_GPUS][AFFINITY_UUID]; /* "" a number */
};
int affinity_list_parse(const char *text, struct affinity_list *list, struct sft_error *err);

/* affinity_text.c: text at the end of a buffer, cut at its size. */
void affinity_append(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Like "0-11,96-107", strictly; NULL on failure. */
hwloc_bitmap_t affinity_cpus_parse(const char *text, struct sft_error *err);
/* affinity_apply.c: the union of "0xf,0xf0", added to `cpus`. */
int affinity_masks_parse(const char *text, hwloc_bitmap_t cpus, struct sft_error *err);

#endif
