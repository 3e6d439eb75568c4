/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/gpu_link.h"

#include <stdlib.h>
#include <string.h>

#include "spank/sysfs.h"

#define FILES 256 /* in the driver's folder: devices and some of its own */
#define LANES 64  /* no link has more; virtual machines say 255 for an unknown one */

static int lanes(const char *root, const char *pci, const char *file)
{
    int width = sysfs_number(0, "%s/sys/bus/pci/drivers/nvidia/%s/%s", root, pci, file);
    return width > 0 && width <= LANES ? width : 0;
}

/* Hexadecimal, all of one length: sysfs_names counts 9a before 18. */
static int compare(const void *a, const void *b)
{
    return strcmp(((const struct gpu_link *)a)->pci, ((const struct gpu_link *)b)->pci);
}

int gpu_links_read(const char *root, struct gpu_link *link, int room)
{
    char names[FILES][SYSFS_NAME];
    int count = 0, all = sysfs_names(names, FILES, "%s/sys/bus/pci/drivers/nvidia", root);
    for (int i = 0; i < all && count < room; i++) {
        size_t length = strlen(names[i]);
        if (length >= sizeof link->pci || strspn(names[i], "0123456789abcdef:.") != length
            || strchr(names[i], ':') == NULL)
            continue;
        strcpy(link[count].pci, names[i]);
        link[count].width = lanes(root, names[i], "current_link_width");
        link[count].max_width = lanes(root, names[i], "max_link_width");
        count++;
    }
    qsort(link, (size_t)count, sizeof *link, compare);
    return count;
}
