/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI links of a node's NVIDIA GPUs: what goes to NICs and to the host goes by them. */
#ifndef SFT_NODE_GPU_LINK_H
#define SFT_NODE_GPU_LINK_H

#include "node/pci_place.h"

#define GPU_LINKS 64

/* Lanes only: an idle GPU lowers its link's speed by itself, never its width. */
struct gpu_link {
    char pci[PCI_ADDRESS];
    char port[PCI_PORT];  /* pci_place's */
    int width, max_width; /* 0: sysfs does not tell */
};

/* The devices of the driver nvidia, in the order of their addresses. root: the folder that holds
 * sys/. Returns how many were stored; room + 1 when there are more: then it is not known which. */
int gpu_links_read(const char *root, struct gpu_link *link, int room);

#endif
