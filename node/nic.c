/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nic.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/sysfs.h"

#define NIC_DEPTH 4 /* a VLAN on a bridge on a bond on a card */
#define NIC_LINE 512
#define NIC_GAP 64
#define NIC_DEVICE_PORTS 16
#define NIC_NO_GID "0000:0000:0000:0000:0000:0000:0000:0000"
#define ROUTE_UP 0x1
#define ROUTE_REJECT 0x200

static void nic_copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%.*s", (int)size - 1, from);
}

static bool nic_is_device(const char *name)
{
    return strlen(name) < NIC_NAME &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

/* What is no name of an interface stays out of paths, tables and NCCL's variables. */
bool nic_is_netdev(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strlen(name) < NIC_IF &&
           name[strspn(name,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-")] ==
               '\0';
}

int nic_rate_parse(const char *text)
{
    char *end;
    double rate = strtod(text, &end);
    return end != text && strncmp(end, " Gb/sec", 7) == 0 && rate > 0 && rate < 100000 ? (int)rate
                                                                                       : 0;
}

/* Calls see() with each whole line of a text without NULs at its ends. */
static void nic_lines(const char *text, size_t size, void (*see)(const char *, void *), void *into)
{
    char line[NIC_LINE];
    while (size > 0) {
        const char *stop = memchr(text, '\n', size);
        size_t length = stop != NULL ? (size_t)(stop - text) : size;
        if (length < sizeof line) {
            memcpy(line, text, length);
            line[length] = '\0';
            see(line, into);
        }
        length += stop != NULL;
        text += length;
        size -= length;
    }
}

struct nic_best {
    char netdev[NIC_IF];
    unsigned metric;
};

static void nic_route_better(struct nic_best *best, const char *netdev, unsigned flags,
                             unsigned metric)
{
    if ((flags & ROUTE_UP) == 0 || (flags & ROUTE_REJECT) != 0 || strcmp(netdev, "lo") == 0 ||
        !nic_is_netdev(netdev) || (best->netdev[0] != '\0' && metric >= best->metric))
        return;
    nic_copy(best->netdev, sizeof best->netdev, netdev);
    best->metric = metric;
}

static void nic_route_line(const char *line, void *into)
{
    char netdev[NIC_IF + 1], mask[9], to[9];
    unsigned flags, metric;
    if (sscanf(line, "%16s %8s %*8s %x %*d %*d %u %8s", netdev, to, &flags, &metric, mask) == 5 &&
        strcmp(to, "00000000") == 0 && strcmp(mask, "00000000") == 0)
        nic_route_better(into, netdev, flags, metric);
}

static void nic_route6_line(const char *line, void *into)
{
    char netdev[NIC_IF + 1], to[33], bits[3];
    unsigned flags, metric;
    if (sscanf(line, "%32s %2s %*32s %*2s %*32s %8x %*8x %*8x %8x %16s", to, bits, &metric, &flags,
               netdev) == 5 &&
        strspn(to, "0") == 32 && strcmp(bits, "00") == 0)
        nic_route_better(into, netdev, flags, metric);
}

void nic_route_parse(const char *text, size_t size, char netdev[NIC_IF])
{
    struct nic_best best = {.netdev = ""};
    nic_lines(text, size, nic_route_line, &best);
    strcpy(netdev, best.netdev);
}

void nic_route6_parse(const char *text, size_t size, char netdev[NIC_IF])
{
    struct nic_best best = {.netdev = ""};
    nic_lines(text, size, nic_route6_line, &best);
    strcpy(netdev, best.netdev);
}

bool nic_netdev_up(const char *root, const char *netdev)
{
    char state[32];
    return nic_is_netdev(netdev) &&
           sysfs_line(state, sizeof state, "%s/sys/class/net/%s/operstate", root, netdev) > 0 &&
           strcmp(state, "down") != 0 && strcmp(state, "lowerlayerdown") != 0 &&
           strcmp(state, "notpresent") != 0;
}

static int nic_route_add(struct nic_route *route, const char *name)
{
    char(*more)[NIC_IF] = realloc(route->lower, (size_t)(route->lowers + 1) * sizeof *more);
    if (more == NULL)
        return -1;
    route->lower = more;
    strcpy(route->lower[route->lowers++], name);
    return 0;
}

/* Folders lower_eth0 stand beside the interface's files; a card has none. A bridge may have
 * hundreds, of virtual machines. */
static int nic_route_lower(struct nic_route *route, const char *root, const char *netdev, int depth)
{
    struct sysfs_list names;
    int rc = depth > 0 ? sysfs_list(&names, "%s/sys/class/net/%s", root, netdev) : -1;
    if (rc < 0)
        return depth > 0 ? -1 : 0;
    for (int i = 0; i < names.count && rc == 0; i++) {
        const char *name = names.name[i] + strlen("lower_");
        if (strncmp(names.name[i], "lower_", strlen("lower_")) == 0 && nic_is_netdev(name) &&
            (rc = nic_route_add(route, name)) == 0)
            rc = nic_route_lower(route, root, name, depth - 1);
    }
    free(names.name);
    return rc;
}

static int nic_route_read(struct nic_route *route, const char *root)
{
    size_t length;
    char *text = sysfs_text(&length, "%s/proc/net/route", root);
    if (text != NULL)
        nic_route_parse(text, length, route->netdev);
    free(text);
    text = route->netdev[0] == '\0' ? sysfs_text(&length, "%s/proc/net/ipv6_route", root) : NULL;
    if (text != NULL)
        nic_route6_parse(text, length, route->netdev);
    free(text);
    route->up = nic_netdev_up(root, route->netdev);
    return route->netdev[0] != '\0' ? nic_route_lower(route, root, route->netdev, NIC_DEPTH) : 0;
}

/* The kernel writes "eth0 eth1". */
bool nic_bond_has(const char *root, const char *bond, const char *netdev)
{
    char line[1024];
    size_t length = strlen(netdev);
    if (!nic_is_netdev(bond) || length == 0 ||
        sysfs_line(line, sizeof line, "%s/sys/class/net/%s/bonding/slaves", root, bond) <= 0)
        return false;
    for (const char *at = line; *at != '\0'; at += strcspn(at, " ,"), at += strspn(at, " ,"))
        if (strncmp(at, netdev, length) == 0 && strchr(" ,", at[length]) != NULL)
            return true;
    return false;
}

bool nic_route_uses(const struct nic_route *route, const struct nic_port *port)
{
    if (route->netdev[0] == '\0')
        return false;
    bool uses = strcmp(route->netdev, port->netdev) == 0;
    for (int i = 0; i < route->lowers && !uses; i++)
        uses = strcmp(route->lower[i], port->netdev) == 0;
    for (int i = 0; i < port->gids.count && !uses; i++)
        uses = strcmp(route->netdev, port->gids.gid[i].netdev) == 0;
    return uses;
}

/* Each file costs microseconds, and ports have 256 entries. So types and interfaces are asked for
 * GIDs alone that are not zero; and behind a usable one the reading ends after NIC_GAP zeros: the
 * kernel gives an address the lowest free entry. Of virtual functions, of which a card may have
 * hundreds, nobody reads further than NIC_GAP zeros from the start. */
static void nic_gids_read(struct gid_table *table, const char *port, bool is_virtual)
{
    char line[128];
    int usable = is_virtual ? 0 : -1;
    int gids = sysfs_folder("%s/gids", port), types = sysfs_folder("%s/gid_attrs/types", port),
        netdevs = sysfs_folder("%s/gid_attrs/ndevs", port);
    for (; table->length < GID_TABLE && (usable < 0 || table->length < usable + NIC_GAP);
         table->length++) {
        struct gid gid = {.index = table->length, .type = GID_UNKNOWN};
        if (sysfs_line_of(gids, gid.index, line, sizeof line) < 0)
            break;
        if (strcmp(line, NIC_NO_GID) == 0 || gid_parse(line, gid.raw) < 0 ||
            memcmp(gid.raw, (char[16]){0}, 16) == 0)
            continue;
        int got = sysfs_line_of(types, gid.index, line, sizeof line);
        gid.type = got < 0 ? GID_MISSING : gid_type_parse(line);
        if (sysfs_line_of(netdevs, gid.index, line, sizeof line) > 0 && nic_is_netdev(line))
            nic_copy(gid.netdev, sizeof gid.netdev, line);
        table->gid[table->count++] = gid;
        if (usable >= 0 || (gid.type == GID_V2 && gid_is_usable(gid.raw)))
            usable = gid.index;
    }
    int folders[] = {gids, types, netdevs};
    for (int i = 0; i < 3; i++)
        if (folders[i] >= 0)
            close(folders[i]);
}

/* Of a device with one PCI function for two ports, each interface tells its own port, from 0. */
static void nic_netdev_read(struct nic_port *port, const char *folder, int ports)
{
    char names[16][SYSFS_NAME];
    for (int i = 0; i < port->gids.count && port->netdev[0] == '\0'; i++)
        strcpy(port->netdev, port->gids.gid[i].netdev);
    int count = sysfs_names(names, 16, "%s/device/net", folder);
    for (int i = 0; i < count && port->netdev[0] == '\0'; i++)
        if (nic_is_netdev(names[i]) &&
            (ports == 1 ||
             sysfs_number(-1, "%s/device/net/%s/dev_port", folder, names[i]) == port->port - 1))
            nic_copy(port->netdev, sizeof port->netdev, names[i]);
}

static double nic_speed(const char *folder, const char *file)
{
    char line[64];
    sysfs_line(line, sizeof line, "%s/device/%s", folder, file);
    double speed = strtod(line, NULL); /* "32.0 GT/s PCIe"; "Unknown" is 0 */
    return speed > 0 && speed < 10000 ? speed : 0;
}

/* A name of the device's own; what is no name of one stays out. */
static void nic_word(char *word, size_t size, const char *folder, const char *file)
{
    char line[128];
    sysfs_line(line, sizeof line, "%s/%s", folder, file);
    bool plain =
        line[strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-")] ==
        '\0';
    nic_copy(word, size, plain ? line : "");
}

static void nic_pci_read(struct nic_port *port, const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/device", PATH_MAX - 16, folder);
    pci_place_read(&port->pci, path);
    sysfs_target(port->physical, sizeof port->physical, "%s/device/physfn", folder);
    nic_word(port->board, sizeof port->board, folder, "board_id");
    nic_word(port->guid, sizeof port->guid, folder, "sys_image_guid");
    port->numa = sysfs_number(-1, "%s/device/numa_node", folder);
    port->vendor = sysfs_number(0, "%s/device/vendor", folder);
    port->model = sysfs_number(0, "%s/device/device", folder);
    port->pcie = (struct nic_pcie){
        .speed = nic_speed(folder, "current_link_speed"),
        .max_speed = nic_speed(folder, "max_link_speed"),
        .width = sysfs_lanes(sysfs_number(0, "%s/device/current_link_width", folder)),
        .max_width = sysfs_lanes(sysfs_number(0, "%s/device/max_link_width", folder)),
    };
}

static enum nic_link nic_link_parse(const char *text)
{
    if (strcmp(text, "Ethernet") == 0)
        return NIC_ETHERNET;
    return strcmp(text, "InfiniBand") == 0 ? NIC_INFINIBAND : NIC_OTHER;
}

/* The state is like "4: ACTIVE". */
static void nic_port_read(struct nic_port *port, const char *root, const char *folder, int ports)
{
    char line[128], below[PATH_MAX];
    snprintf(below, sizeof below, "%.*s/ports/%d", PATH_MAX - 32, folder, port->port);
    sysfs_line(line, sizeof line, "%s/state", below);
    const char *state = strchr(line, ' ');
    nic_copy(port->state, sizeof port->state, state != NULL ? state + 1 : "");
    if (port->state[strspn(port->state, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] != '\0')
        port->state[0] = '\0'; /* no word of the kernel's */
    port->active = strcmp(port->state, "ACTIVE") == 0;
    sysfs_line(line, sizeof line, "%s/rate", below);
    port->rate = nic_rate_parse(line);
    sysfs_line(line, sizeof line, "%s/link_layer", below);
    port->link = nic_link_parse(line);
    nic_pci_read(port, folder);
    if (port->active)
        nic_gids_read(&port->gids, below, port->physical[0] != '\0');
    nic_netdev_read(port, folder, ports);
    port->bond = strstr(port->device, "_bond_") != NULL ||
                 (port->netdev[0] != '\0' &&
                  sysfs_line(line, sizeof line, "%s/sys/class/net/%s/bonding/slaves", root,
                             port->netdev) >= 0);
}

/* The next port, cleared; NULL when out of memory. */
static struct nic_port *nic_port_add(struct nic_list *list, int *room)
{
    if (list->count == *room) {
        int more = *room + *room / 2 + 16;
        struct nic_port *port = realloc(list->port, (size_t)more * sizeof *port);
        if (port == NULL)
            return NULL;
        list->port = port;
        *room = more;
    }
    struct nic_port *port = &list->port[list->count++];
    memset(port, 0, sizeof *port);
    return port;
}

static int nic_device_read(struct nic_list *list, int *room, const char *root, const char *device)
{
    char names[NIC_DEVICE_PORTS][SYSFS_NAME], folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s/sys/class/infiniband/%.*s", PATH_MAX - 128, root,
             NIC_NAME, device);
    int ports = sysfs_names(names, NIC_DEVICE_PORTS, "%s/ports", folder);
    list->cut |= ports == NIC_DEVICE_PORTS;
    for (int i = 0; i < ports; i++) {
        long number = strtol(names[i], NULL, 10);
        if (number < 1 || number > 255 || !nic_is_device(device))
            continue;
        struct nic_port *port = nic_port_add(list, room);
        if (port == NULL)
            return -1;
        nic_copy(port->device, sizeof port->device, device);
        port->port = (int)number;
        nic_port_read(port, root, folder, ports);
    }
    return 0;
}

static int nic_ports_read(struct nic_list *list, const char *root)
{
    struct sysfs_list names;
    int room = 0, rc = sysfs_list(&names, "%s/sys/class/infiniband", root);
    for (int i = 0; i < names.count && rc == 0; i++)
        rc = nic_device_read(list, &room, root, names.name[i]);
    list->cut |= names.cut;
    free(names.name);
    return rc;
}

struct nic_list *nic_list_create(const char *root, struct sft_error *err)
{
    struct nic_list *list = calloc(1, sizeof *list);
    root = root != NULL ? root : "";
    if (list == NULL || nic_ports_read(list, root) < 0 || nic_route_read(&list->route, root) < 0) {
        sft_error_set(err, "RDMA ports: out of memory");
        nic_list_destroy(list);
        return NULL;
    }
    list->gpus = gpu_links_read(root, list->gpu, GPU_LINKS);
    if (list->gpus > GPU_LINKS)
        list->gpus = -1;
    return list;
}

void nic_list_destroy(struct nic_list *list)
{
    if (list == NULL)
        return;
    free(list->port);
    free(list->route.lower);
    free(list);
}
