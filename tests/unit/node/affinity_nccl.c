/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/affinity_nccl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nccl_walk {
    struct nccl_machine *machine;
    int numa, depth, ports;
    char bridge[8][AFFINITY_PCI];
    struct nccl_device *nic; /* the last; its names come on later lines */
};

static void nccl_value(const char *line, const char *key, char *value, size_t size)
{
    const char *at = strstr(line, key);
    at = at != NULL ? at + strlen(key) + 2 : "";
    snprintf(value, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* "00000000,0000ffff,ffffffff": words of 32 bits, the highest first, as hwloc writes them too. */
static hwloc_bitmap_t nccl_mask(const char *text)
{
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    int words = 1;
    for (const char *at = text; (at = strchr(at, ',')) != NULL; at++)
        words++;
    for (int word = words - 1; word >= 0; word--) {
        unsigned long bits = strtoul(text, NULL, 16);
        for (int bit = 0; bit < 32; bit++)
            if ((bits >> bit & 1) != 0)
                hwloc_bitmap_set(cpus, (unsigned)(32 * word + bit));
        text += strcspn(text, ",") + (word > 0);
    }
    return cpus;
}

/* The lower bridge of each switch has an address of its own for each device, of no meaning. */
static void nccl_describe(struct nccl_walk *walk, const char *word,
                          const struct nccl_device *device)
{
    char *text = walk->machine->description;
    size_t size = sizeof walk->machine->description;
    affinity_append(text, size, "%s %.7s", word, device->group);
    for (int i = 1; i <= walk->depth; i++)
        affinity_append(text, size, "/%s/0000:fe:%02x.%d", walk->bridge[i], walk->ports++ / 8 % 32,
                        i);
    affinity_append(text, size, "/%s numa=%d", device->pci, device->numa);
}

static void nccl_device(struct nccl_walk *walk, const char *pci, bool gpu)
{
    struct nccl_machine *machine = walk->machine;
    struct nccl_device *device =
        gpu ? &machine->gpu[machine->gpus++] : &machine->nic[machine->nics++];
    snprintf(device->pci, sizeof device->pci, "%s", pci);
    snprintf(device->group, sizeof device->group, "%s", walk->bridge[1]);
    device->numa = walk->numa;
    walk->nic = gpu ? NULL : device;
    affinity_append(machine->description, sizeof machine->description, "\n");
    nccl_describe(walk, gpu ? "gpu" : "nic", device);
}

/* Opening and closing lines; the file has one element a line. */
static void nccl_line(struct nccl_walk *walk, const char *line)
{
    char value[256], pci[AFFINITY_PCI];
    bool leaf = strstr(line, "/>") != NULL;
    if (strstr(line, "<cpu ") != NULL) {
        nccl_value(line, "numaid", value, sizeof value);
        walk->numa = atoi(value);
        nccl_value(line, "affinity", value, sizeof value);
        walk->machine->node[walk->machine->nodes++] = nccl_mask(value);
    } else if (strstr(line, "<pci ") != NULL) {
        nccl_value(line, "busid", pci, sizeof pci);
        nccl_value(line, "class", value, sizeof value);
        if (strncmp(value, "0x0302", 6) == 0 || strncmp(value, "0x02", 4) == 0)
            nccl_device(walk, pci, value[3] == '3');
        if (!leaf)
            strcpy(walk->bridge[++walk->depth], pci);
    } else if (strstr(line, "</pci>") != NULL) {
        walk->depth--;
    } else if (strstr(line, "<net ") != NULL && walk->nic != NULL) {
        nccl_value(line, "name", value, sizeof value);
        affinity_append(walk->nic->names, sizeof walk->nic->names, "%s%.31s",
                        walk->nic->names[0] != '\0' ? "," : "", value);
    }
}

/* A port of its own is an RDMA device of its own there; here a function has one name. */
static void nccl_name_nics(struct nccl_machine *machine)
{
    char text[sizeof machine->description], *line, *rest = text;
    int nic = 0;
    strcpy(text, machine->description);
    machine->description[0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL) {
        affinity_append(machine->description, sizeof machine->description, "%s", line);
        if (strncmp(line, "nic ", 4) == 0) {
            char *names = machine->nic[nic++].names;
            affinity_append(machine->description, sizeof machine->description, "%s%.*s%s",
                            names[0] != '\0' ? " rdma=" : "", (int)strcspn(names, ","), names,
                            names[0] != '\0' ? ":up" : "");
        }
        affinity_append(machine->description, sizeof machine->description, "\n");
    }
}

int nccl_load(struct nccl_machine *machine, const char *name)
{
    char line[1024];
    struct nccl_walk walk = {.machine = machine};
    *machine = (struct nccl_machine){0};
    FILE *file = fopen(name, "r");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL)
        nccl_line(&walk, line);
    fclose(file);
    nccl_name_nics(machine);
    return 0;
}

void nccl_free(struct nccl_machine *machine)
{
    for (int i = 0; i < machine->nodes; i++)
        hwloc_bitmap_free(machine->node[i]);
}
