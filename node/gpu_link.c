/* SPDX-License-Identifier: Apache-2.0 */
#include "node/gpu_link.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/sysfs.h"

#define DRIVER "%s/sys/bus/pci/drivers/nvidia" /* below the root */

/* Hexadecimal, all of one length: sysfs_names counts 9a before 18. */
static int compare(const void *a, const void *b)
{
    return strcmp(((const struct gpu_link *)a)->pci, ((const struct gpu_link *)b)->pci);
}

/* Beside its devices the driver's folder has files of its own. */
static bool is_device(const char *name)
{
    size_t length = strlen(name);
    return length < PCI_ADDRESS && strspn(name, "0123456789abcdef:.") == length &&
           strchr(name, ':') != NULL;
}

static void link_read(struct gpu_link *link, const char *root, const char *name)
{
    char folder[PATH_MAX];
    struct pci_place place = {0};
    if ((size_t)snprintf(folder, sizeof folder, DRIVER "/%s", root, name) < sizeof folder)
        pci_place_read(&place, folder);
    strcpy(link->pci, name);
    strcpy(link->port, place.port);
    link->width = sysfs_lanes(sysfs_number(0, DRIVER "/%s/current_link_width", root, name));
    link->max_width = sysfs_lanes(sysfs_number(0, DRIVER "/%s/max_link_width", root, name));
}

int gpu_links_read(const char *root, struct gpu_link *link, int room)
{
    struct sysfs_list names;
    int count = 0;
    bool more = sysfs_list(&names, DRIVER, root) < 0 || names.cut;
    for (int i = 0; i < names.count && !more; i++) {
        if (!is_device(names.name[i]))
            continue;
        more = count == room;
        if (!more)
            link_read(&link[count++], root, names.name[i]);
    }
    free(names.name);
    qsort(link, (size_t)count, sizeof *link, compare);
    return more ? room + 1 : count;
}
