/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's sysfs and proc say. */
#include "job/verify/facts.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "node/nic.h"
#include "node/sysfs.h"

enum { LOG_READ_ALL = 3, LOG_ROOM = 1 << 20 }; /* syslog(2) */

/* "a", or "a, b" of different ones in the order of finding; what does not fit is left out. */
static void text_join(char text[FACTS_TEXT], const char *word)
{
    size_t length = strlen(text);
    if (word[0] == '\0' || strstr(text, word) != NULL)
        return;
    if (length + strlen(word) + 3 < FACTS_TEXT)
        snprintf(text + length, FACTS_TEXT - length, "%s%s", length > 0 ? ", " : "", word);
}

static void read_ports(struct node_facts *facts, const char *root)
{
    struct nic_list *list = nic_list_create(root, NULL);
    for (int i = 0; list != NULL && i < list->count; i++) {
        const struct nic_port *port = &list->port[i];
        char line[FACTS_TEXT];
        if (port->physical[0] != '\0' || facts->ports == FACTS_PORTS)
            continue; /* a virtual function is its card's */
        struct port_facts *mine = &facts->port[facts->ports++];
        snprintf(mine->name, sizeof mine->name, "%.24s:%d", port->device, port->port);
        mine->rate = port->rate;
        mine->active = port->active;
        if (port->active && port->netdev[0] != '\0' &&
            sysfs_line(line, sizeof line, "%s/sys/class/net/%s/mtu", root, port->netdev) > 0)
            text_join(facts->text[FACT_MTU], line);
        if (sysfs_line(line, sizeof line, "%s/sys/class/infiniband/%s/fw_ver", root, port->device) >
            0)
            text_join(facts->text[FACT_FIRMWARE], line);
    }
    nic_list_destroy(list);
}

static void read_governors(struct node_facts *facts, const char *root)
{
    struct sysfs_list list;
    char line[32];
    if (sysfs_list(&list, "%s/sys/devices/system/cpu/cpufreq", root) < 0)
        return;
    for (int i = 0; i < list.count; i++)
        if (strncmp(list.name[i], "policy", 6) == 0 &&
            sysfs_line(line, sizeof line, "%s/sys/devices/system/cpu/cpufreq/%s/scaling_governor",
                       root, list.name[i]) > 0)
            text_join(facts->text[FACT_GOVERNOR], line);
    free(list.name);
}

/* Of the GPUs' groups: what goes between them and the NICs goes by these. */
static void read_iommu(struct node_facts *facts, const char *root)
{
    struct gpu_link link[GPU_LINKS];
    char line[32];
    int count = gpu_links_read(root, link, GPU_LINKS);
    for (int i = 0; i < count && i < GPU_LINKS; i++)
        if (sysfs_line(line, sizeof line, "%s/sys/bus/pci/devices/%s/iommu_group/type", root,
                       link[i].pci) > 0)
            text_join(facts->text[FACT_IOMMU], line);
    if (count > 0 && count <= GPU_LINKS && facts->text[FACT_IOMMU][0] == '\0')
        strcpy(facts->text[FACT_IOMMU], "none");
}

int facts_xid(const char *log)
{
    static const int grave[] = {48, 63, 64, 74, 79, 94, 95, 119};
    int newest = 0;
    /* "NVRM: Xid (PCI:0000:18:00): 79, pid=..., GPU has fallen off the bus." */
    for (const char *at = log; (at = strstr(at, "NVRM: Xid (")) != NULL; at++) {
        const char *end = strpbrk(at, ")\n");
        int number = end != NULL && *end == ')' && end[1] == ':' ? atoi(end + 2) : 0;
        for (size_t i = 0; i < sizeof grave / sizeof grave[0]; i++)
            newest = number == grave[i] ? number : newest;
    }
    return newest;
}

static void read_log(struct node_facts *facts, const char *root)
{
    size_t length;
    char *log;
    if (root[0] != '\0') {
        log = sysfs_text(&length, "%s/var/log/kern.log", root);
    } else {
        log = malloc(LOG_ROOM + 1);
        int got = log != NULL ? klogctl(LOG_READ_ALL, log, LOG_ROOM) : -1;
        if (log != NULL)
            log[got > 0 ? got : 0] = '\0';
    }
    if (log != NULL)
        facts->xid = facts_xid(log);
    free(log);
}

void node_facts_read(struct node_facts *facts, const char *root)
{
    struct sysfs_list list;
    char line[8];
    node_facts_init(facts);
    if (root == NULL)
        root = "";
    if (sysfs_list(&list, "%s/proc/driver/nvidia/gpus", root) == 0) {
        facts->gpus = list.count; /* no driver, no GPUs that it counts */
        free(list.name);
    }
    read_ports(facts, root);
    read_governors(facts, root);
    read_iommu(facts, root);
    read_log(facts, root);
    sysfs_line(facts->text[FACT_CLOCK], FACTS_TEXT,
               "%s/sys/devices/system/clocksource/clocksource0/current_clocksource", root);
    if (facts->gpus > 0)
        facts->peermem =
            sysfs_line(line, sizeof line, "%s/sys/module/nvidia_peermem/initstate", root) > 0;
}

static double link_speed(const char *root, const char *device, const char *file)
{
    char line[64];
    if (sysfs_line(line, sizeof line, "%s/sys/bus/pci/devices/%s/%s", root, device, file) <= 0)
        return 0;
    double speed = strtod(line, NULL); /* "32.0 GT/s PCIe"; "Unknown" is 0 */
    return speed > 0 && speed < 10000 ? speed : 0;
}

static int link_width(const char *root, const char *device, const char *file)
{
    return sysfs_lanes(sysfs_number(0, "%s/sys/bus/pci/devices/%s/%s", root, device, file));
}

/* Part of its best that the link above the device has; 1 where sysfs does not tell. */
static double link_share(struct gpu_facts *link, const char *root, const char *device)
{
    link->pcie_gts = link_speed(root, device, "current_link_speed");
    link->pcie_max_gts = link_speed(root, device, "max_link_speed");
    link->pcie_width = link_width(root, device, "current_link_width");
    link->pcie_max_width = link_width(root, device, "max_link_width");
    snprintf(link->pcie_at, sizeof link->pcie_at, "%.30s", device);
    if (link->pcie_gts <= 0 || link->pcie_max_gts <= 0 || link->pcie_width <= 0 ||
        link->pcie_max_width <= 0)
        return 1;
    return link->pcie_gts * link->pcie_width / (link->pcie_max_gts * link->pcie_max_width);
}

static void pcie_take(struct gpu_facts *facts, const struct gpu_facts *link)
{
    facts->pcie_gts = link->pcie_gts;
    facts->pcie_max_gts = link->pcie_max_gts;
    facts->pcie_width = link->pcie_width;
    facts->pcie_max_width = link->pcie_max_width;
    memcpy(facts->pcie_at, link->pcie_at, sizeof facts->pcie_at);
}

/* From the GPU up; each folder of the path is a bridge with the link above it. */
void gpu_facts_pcie(struct gpu_facts *facts, const char *root)
{
    char path[PATH_MAX], real[PATH_MAX];
    double weakest = 2;
    if (root == NULL)
        root = "";
    snprintf(path, sizeof path, "%s/sys/bus/pci/devices/%.31s", root, facts->bus_id);
    if (facts->bus_id[0] == '\0' || realpath(path, real) == NULL)
        return;
    for (char *name = strrchr(real, '/'); name != NULL && strchr(name, '.') != NULL;
         name = strrchr(real, '/')) {
        struct gpu_facts link;
        double share = link_share(&link, root, name + 1);
        if (share < weakest && link.pcie_gts > 0)
            pcie_take(facts, &link);
        weakest = share < weakest ? share : weakest;
        *name = '\0';
    }
}
