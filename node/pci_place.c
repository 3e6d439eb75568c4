/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pci_place.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The host bridge's part of a path: "pci0000:15/...", or NULL. Domains have four digits or more. */
static const char *place_bridge(const char *path)
{
    while ((path = strstr(path, "/pci")) != NULL) {
        size_t digits = strspn(path + 4, "0123456789abcdef");
        if (digits >= 4 && path[4 + digits] == ':')
            return path + 1;
        path++;
    }
    return NULL;
}

static void place_copy(char *to, size_t size, const char *from, size_t length)
{
    to[0] = '\0';
    if (length < size) {
        memcpy(to, from, length);
        to[length] = '\0';
    }
}

void pci_place_read(struct pci_place *place, const char *folder)
{
    char real[PATH_MAX];
    *place = (struct pci_place){.address = ""};
    if (realpath(folder, real) == NULL)
        return;
    const char *last = strrchr(real, '/'), *bridge = place_bridge(real);
    place_copy(place->address, sizeof place->address, last + 1, strlen(last + 1));
    const char *port = bridge != NULL ? strchr(bridge, '/') : NULL;
    const char *below = port != NULL ? strchr(port + 1, '/') : NULL;
    if (below != NULL)
        place_copy(place->port, sizeof place->port, bridge, (size_t)(below - bridge));
}
