/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/gpu_link.h"

#include <stdlib.h>
#include <string.h>

#include "spank/sysfs.h"

#define DRIVER "%s/sys/bus/pci/drivers/nvidia" /* below the root */
#define FILES 256 /* in the driver's folder: devices and some of its own */

/* Hexadecimal, all of one length: sysfs_names counts 9a before 18. */
static int compare(const void *a, const void *b)
{
    return strcmp(((const struct gpu_link *)a)->pci, ((const struct gpu_link *)b)->pci);
}

int gpu_links_read(const char *root, struct gpu_link *link, int room)
{
    char names[FILES][SYSFS_NAME];
    int count = 0, all = sysfs_names(names, FILES, DRIVER, root);
    for (int i = 0; i < all && count < room; i++) {
        size_t length = strlen(names[i]);
        if (length >= sizeof link->pci || strspn(names[i], "0123456789abcdef:.") != length
            || strchr(names[i], ':') == NULL)
            continue;
        strcpy(link[count].pci, names[i]);
        link[count].width = sysfs_lanes(sysfs_number(0, DRIVER "/%s/current_link_width", root, names[i]));
        link[count].max_width = sysfs_lanes(sysfs_number(0, DRIVER "/%s/max_link_width", root, names[i]));
        count++;
    }
    qsort(link, (size_t)count, sizeof *link, compare);
    return count;
}
