/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PCI device stands in the tree that sysfs' links tell:
 * /sys/devices/pci0000:15/0000:15:01.0/... */
#ifndef SFT_NODE_PCI_PLACE_H
#define SFT_NODE_PCI_PLACE_H

#include <stddef.h>

#define PCI_ADDRESS 24 /* 0000:18:00.0 */
#define PCI_PORT 64

struct pci_place {
    char address[PCI_ADDRESS]; /* "" unknown */
    /* The root port that it hangs on, with its host bridge: "pci0000:15/0000:15:01.0". Devices of
     * one root port reach each other without the CPU's own fabric. "" where no bridge stands above
     * the device, as in a virtual machine: then nobody knows who is near. */
    char port[PCI_PORT];
};

/* folder: the device's, or a link to it. */
void pci_place_read(struct pci_place *place, const char *folder);

#endif
