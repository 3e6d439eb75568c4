/* SPDX-License-Identifier: Apache-2.0 */
/* PCI's tree is in the links of /sys/bus/pci/devices: each bridge is a folder above its devices. */
#include "node/affinity_internal.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PCI_NVIDIA 0x10de
#define PCI_DISPLAY 0x03 /* base classes; 3D controllers are displays */
#define PCI_NETWORK 0x02 /* InfiniBand adapters are networks */

static unsigned long pci_hex(const char *folder, const char *file)
{
    char line[32];
    sysfs_line(line, sizeof line, "%s/%s", folder, file);
    return strtoul(line, NULL, 16);
}

/* From the host bridge on: "pci0000:15/0000:15:01.0/...". */
static int pci_path(const char *folder, struct affinity_device *device, struct sft_error *err)
{
    char real[PATH_MAX];
    if (realpath(folder, real) == NULL)
        return sft_error_set(err, "%s: %m", folder);
    const char *path = real;
    for (const char *at = real; (at = strstr(at, "/pci")) != NULL; at++)
        if (strlen(at) >= 9 && at[8] == ':') {
            path = at + 1;
            break;
        }
    if (strlen(path) >= sizeof device->path)
        return sft_error_set(err, "%s: its path in sysfs is too long", folder);
    strcpy(device->path, path);
    return 0;
}

/* One NUMA node, or several that all have every CPU: then any device is near. */
static bool pci_one_node(hwloc_topology_t topology)
{
    hwloc_const_cpuset_t all = hwloc_topology_get_topology_cpuset(topology);
    for (hwloc_obj_t node = NULL;
         (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != NULL;)
        if (!hwloc_bitmap_iszero(node->cpuset) && !hwloc_bitmap_isequal(node->cpuset, all))
            return false;
    return true;
}

/* The NUMA node's CPUs; where the firmware tells no node, those that sysfs calls local, unless
 * these are simply all. */
static int pci_locality(hwloc_topology_t topology, const char *folder,
                        struct affinity_device *device, struct sft_error *err)
{
    char line[4096];
    hwloc_const_cpuset_t all = hwloc_topology_get_topology_cpuset(topology);
    sysfs_line(line, sizeof line, "%s/numa_node", folder);
    long number = line[0] != '\0' ? strtol(line, NULL, 10) : -1;
    hwloc_obj_t node =
        number >= 0 ? hwloc_get_numanode_obj_by_os_index(topology, (unsigned)number) : NULL;
    if (node != NULL && !hwloc_bitmap_iszero(node->cpuset)) {
        device->near = hwloc_bitmap_dup(node->cpuset);
    } else if (pci_one_node(topology)) {
        device->near = hwloc_bitmap_dup(all);
    } else {
        sysfs_line(line, sizeof line, "%s/local_cpulist", folder);
        hwloc_bitmap_t local = line[0] != '\0' ? affinity_cpus_parse(line, NULL) : NULL;
        if (local == NULL)
            return 0;
        hwloc_bitmap_and(local, local, all);
        if (!hwloc_bitmap_iszero(local) && !hwloc_bitmap_isequal(local, all))
            device->near = local;
        else
            hwloc_bitmap_free(local);
        return 0;
    }
    return device->near == NULL ? sft_error_set(err, "%s: out of memory", folder) : 0;
}

static int pci_add_gpu(struct affinity_machine *machine, const struct affinity_device *device,
                       struct sft_error *err)
{
    if (machine->gpus == AFFINITY_GPUS)
        return sft_error_set(err, "more than %d GPUs on this node", AFFINITY_GPUS);
    machine->gpu[machine->gpus++] = (struct affinity_gpu){.device = *device, .minor = -1};
    return 0;
}

/* Does a port of an RDMA device carry traffic? */
static bool pci_rdma_up(const char *folder, const char *name)
{
    char ports[PATH_MAX], line[32];
    struct dirent *entry;
    bool up = false;
    snprintf(ports, sizeof ports, "%s/infiniband/%s/ports", folder, name);
    DIR *list = opendir(ports);
    while (list != NULL && !up && (entry = readdir(list)) != NULL) {
        sysfs_line(line, sizeof line, "%s/%s/state", ports, entry->d_name);
        up = line[0] == '4';
    }
    if (list != NULL)
        closedir(list);
    return up;
}

static bool pci_net_up(const char *folder, const char *name)
{
    char line[32];
    sysfs_line(line, sizeof line, "%s/net/%s/operstate", folder, name);
    return strcmp(line, "down") != 0 && strcmp(line, "lowerlayerdown") != 0;
}

/* What stands in infiniband/ or net/ below the device; returns how many, which may exceed the room.
 */
static int pci_add_names(struct affinity_machine *machine, const struct affinity_device *device,
                         const char *folder, const char *below)
{
    char path[PATH_MAX];
    struct dirent *entry;
    int found = 0;
    bool rdma = strcmp(below, "infiniband") == 0;
    snprintf(path, sizeof path, "%s/%s", folder, below);
    DIR *list = opendir(path);
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        found++;
        if (machine->nics == AFFINITY_NICS) {
            machine->nics_cut = true;
            continue;
        }
        struct affinity_nic *nic = &machine->nic[machine->nics++];
        *nic = (struct affinity_nic){.device = *device, .kind = rdma ? 2 : 1};
        nic->device.near = device->near != NULL ? hwloc_bitmap_dup(device->near) : NULL;
        snprintf(nic->name, sizeof nic->name, "%.31s", entry->d_name);
        nic->up = rdma ? pci_rdma_up(folder, nic->name) : pci_net_up(folder, nic->name);
    }
    if (list != NULL)
        closedir(list);
    return found;
}

static void pci_add_nics(struct affinity_machine *machine, const struct affinity_device *device,
                         const char *folder)
{
    char physical[AFFINITY_PCI];
    sysfs_target(physical, sizeof physical, "%s/physfn", folder);
    if (physical[0] != '\0') /* the card itself stands in the list */
        return;
    if (pci_add_names(machine, device, folder, "infiniband") > 0 ||
        pci_add_names(machine, device, folder, "net") > 0)
        return;
    machine->nics_cut |= machine->nics == AFFINITY_NICS;
    if (machine->nics_cut)
        return;
    struct affinity_nic *nic = &machine->nic[machine->nics++];
    *nic = (struct affinity_nic){.device = *device, .kind = 1, .up = true};
    nic->device.near = device->near != NULL ? hwloc_bitmap_dup(device->near) : NULL;
    strcpy(nic->name, device->pci);
}

static int pci_add(struct affinity_machine *machine, const char *root, const char *name,
                   struct sft_error *err)
{
    char folder[PATH_MAX];
    struct affinity_device device = {.near = NULL};
    snprintf(folder, sizeof folder, "%s/sys/bus/pci/devices/%s", root, name);
    unsigned long class = pci_hex(folder, "class") >> 16;
    bool gpu = class == PCI_DISPLAY && pci_hex(folder, "vendor") == PCI_NVIDIA;
    if (!gpu && class != PCI_NETWORK)
        return 0;
    snprintf(device.pci, sizeof device.pci, "%.23s", name);
    if (pci_path(folder, &device, err) < 0 ||
        pci_locality(machine->topology, folder, &device, err) < 0)
        return -1;
    if (gpu && pci_add_gpu(machine, &device, err) == 0)
        return 0;
    if (!gpu)
        pci_add_nics(machine, &device, folder);
    hwloc_bitmap_free(device.near);
    return gpu ? -1 : 0;
}

/* By domain, bus, device, function: a domain may have more digits than four. */
static int pci_compare(const void *a, const void *b)
{
    const struct affinity_device *devices[] = {a, b};
    unsigned long long key[2];
    for (int i = 0; i < 2; i++) {
        unsigned domain = 0, bus = 0, slot = 0, function = 0;
        sscanf(devices[i]->pci, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
        key[i] = (unsigned long long)domain << 32 | bus << 16 | slot << 8 | function;
    }
    return (key[0] > key[1]) - (key[0] < key[1]);
}

static int pci_compare_nics(const void *a, const void *b)
{
    const struct affinity_nic *nics[] = {a, b};
    int order = pci_compare(a, b); /* a device stands first in its NIC and its GPU */
    return order != 0 ? order : strverscmp(nics[0]->name, nics[1]->name);
}

/* Where there is RDMA, Ethernet cards without it carry no collectives. */
static void pci_keep_best(struct affinity_machine *machine)
{
    int best = 0, kept = 0;
    for (int i = 0; i < machine->nics; i++)
        best = machine->nic[i].kind > best ? machine->nic[i].kind : best;
    for (int i = 0; i < machine->nics; i++)
        if (machine->nic[i].kind == best)
            machine->nic[kept++] = machine->nic[i];
        else
            hwloc_bitmap_free(machine->nic[i].device.near);
    machine->nics = kept;
}

int affinity_pci_read(struct affinity_machine *machine, const char *root, struct sft_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    int rc = 0;
    snprintf(path, sizeof path, "%s/sys/bus/pci/devices", root);
    DIR *list = opendir(path);
    if (list == NULL)
        return 0; /* a machine without PCI */
    while (rc == 0 && (entry = readdir(list)) != NULL)
        if (entry->d_name[0] != '.')
            rc = pci_add(machine, root, entry->d_name, err);
    closedir(list);
    qsort(machine->gpu, (size_t)machine->gpus, sizeof machine->gpu[0], pci_compare);
    qsort(machine->nic, (size_t)machine->nics, sizeof machine->nic[0], pci_compare_nics);
    pci_keep_best(machine);
    while (machine->nics_cut && machine->nics > 0) /* which are missing is chance: none is known */
        hwloc_bitmap_free(machine->nic[--machine->nics].device.near);
    return rc;
}

static int pci_bridges(const char *path)
{
    int count = 0;
    for (; (path = strchr(path, '/')) != NULL; path++)
        count++;
    return count;
}

/* How nvidia-smi's words are meant: below one switch, below one root port, below one host bridge. A
 * switch is two bridges, of which the upper one is shared, so one a side is left. */
enum affinity_distance affinity_pci_distance(const struct affinity_device *a,
                                             const struct affinity_device *b)
{
    size_t same = 0;
    for (size_t i = 0; a->path[i] != '\0' && a->path[i] == b->path[i]; i++)
        if (a->path[i] == '/')
            same = i + 1;
    if (pci_bridges(a->path) == 0 || pci_bridges(b->path) == 0)
        same = 0; /* no tree is known */
    const char *tails[] = {a->path + same, b->path + same};
    if (same > 0 && memchr(a->path, '/', same - 1) != NULL)
        return pci_bridges(tails[0]) <= 1 && pci_bridges(tails[1]) <= 1 ? AFFINITY_PIX
                                                                        : AFFINITY_PXB;
    if (same > 0)
        return AFFINITY_PHB;
    if (a->near == NULL || b->near == NULL)
        return AFFINITY_UNKNOWN;
    return hwloc_bitmap_intersects(a->near, b->near) ? AFFINITY_NODE : AFFINITY_SYS;
}
