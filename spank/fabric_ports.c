/* SPDX-License-Identifier: Apache-2.0 */
/* The ports that carry collectives: each rule takes some away and never the last ones, but for the
 * site's exclusions and ports that are down. */
#include "spank/fabric_internal.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>

static void __attribute__((format(printf, 2, 3)))
ports_drop(struct fabric_port *port, const char *reason, ...)
{
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(port->reason, sizeof port->reason, reason, arguments);
    va_end(arguments);
    port->used = false;
}

/* The pattern of the list that matches the device, device:port or interface; NULL when none does. */
static const char *ports_excluded(const char *list, const struct nic_port *nic, char *pattern,
                                  size_t size)
{
    char name[NIC_NAME + 8];
    snprintf(name, sizeof name, "%s:%d", nic->device, nic->port);
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        snprintf(pattern, size, "%.*s", (int)length, list);
        if (fnmatch(pattern, nic->device, 0) == 0 || fnmatch(pattern, name, 0) == 0
            || (nic->netdev[0] != '\0' && fnmatch(pattern, nic->netdev, 0) == 0))
            return pattern;
        list += length + (list[length] == ',');
    }
    return NULL;
}

static void ports_usable(struct fabric *fabric, const struct conf_fabric *site)
{
    char pattern[CONF_LIST];
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        const struct nic_port *nic = port->nic;
        if (ports_excluded(site->exclude, nic, pattern, sizeof pattern) != NULL) {
            ports_drop(port, "fabric_exclude of the site's file: %.100s", pattern);
        } else if (!nic->active) {
            ports_drop(port, "its state is %s", nic->state[0] != '\0' ? nic->state : "not known");
            fabric_warn(fabric, "%s:%d is %s and carries nothing", nic->device, nic->port,
                        nic->state[0] != '\0' ? nic->state : "in no known state");
        } else if (nic->link == NIC_OTHER) {
            ports_drop(port, "neither Ethernet nor InfiniBand");
        }
    }
}

static bool ports_has_address(const struct nic_port *nic, const struct gid_range *range, int count)
{
    for (int i = 0; i < nic->gids.count; i++) {
        const unsigned char *raw = nic->gids.gid[i].raw;
        bool inside = count == 0;
        for (int k = 0; k < count && !inside; k++)
            inside = gid_in_range(raw, &range[k]);
        if (inside && gid_is_usable(raw))
            return true;
    }
    return false;
}

/* A RoCE port without an address reaches nobody, and the site's ranges say which network is the
 * fabric's; when no port has one, the table of GIDs rather cannot be read. */
static void ports_addresses(struct fabric *fabric, const struct conf_fabric *site)
{
    struct gid_range range[GID_RANGES];
    int count = site->addresses[0] != '\0' ? gid_ranges_parse(site->addresses, range, NULL) : 0;
    bool has[NIC_PORTS], any = false;
    for (int i = 0; i < fabric->ports; i++) {
        has[i] = ports_has_address(fabric->port[i].nic, range, count > 0 ? count : 0);
        any |= has[i] && fabric->port[i].used;
    }
    for (int i = 0; i < fabric->ports && any; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (!port->used || has[i] || port->nic->link != NIC_ETHERNET)
            continue;
        ports_drop(port, "%s",
                   count > 0 ? "no address in fabric_addresses" : "no address but link-local");
        if (count == 0)
            fabric_warn(fabric, "%s:%d is up but its interface %s has no address", port->nic->device,
                        port->nic->port, port->nic->netdev);
    }
}

static int ports_fastest(const struct fabric *fabric)
{
    int fastest = 0;
    for (int i = 0; i < fabric->ports; i++)
        if (fabric->port[i].used && fabric->port[i].nic->rate > fastest)
            fastest = fabric->port[i].nic->rate;
    return fastest;
}

/* A slow port of the same model as the fast ones is rather a bad link than a storage card. */
static bool ports_sibling(const struct fabric *fabric, const struct nic_port *slow, int fastest)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (fabric->port[i].used && nic->rate == fastest && nic->model == slow->model
            && nic->vendor == slow->vendor && nic->model != 0 && nic->bond == slow->bond)
            return true;
    }
    return false;
}

/* A port of unknown rate stays. */
static void ports_slow(struct fabric *fabric)
{
    int fastest = ports_fastest(fabric);
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (!port->used || port->nic->rate == 0 || port->nic->rate == fastest)
            continue;
        ports_drop(port, "%d Gb/s beside ports of %d: storage?", port->nic->rate, fastest);
        if (ports_sibling(fabric, port->nic, fastest))
            fabric_warn(fabric, "%s:%d has %d Gb/s, its siblings of the same model %d: a link that "
                                "came up slow, or storage; it is left out",
                        port->nic->device, port->nic->port, port->nic->rate, fastest);
    }
}

/* NCCL refuses to merge them, and one GID setting is for Ethernet alone. */
static void ports_one_link(struct fabric *fabric)
{
    bool infiniband = false;
    for (int i = 0; i < fabric->ports; i++)
        infiniband |= fabric->port[i].used && fabric->port[i].nic->link == NIC_INFINIBAND;
    for (int i = 0; i < fabric->ports && infiniband; i++)
        if (fabric->port[i].used && fabric->port[i].nic->link != NIC_INFINIBAND)
            ports_drop(&fabric->port[i], "Ethernet beside InfiniBand of the same rate");
    fabric->infiniband = infiniband;
}

static bool ports_is_route(const struct fabric_port *port, const struct nic_route *route)
{
    return port->used && nic_route_uses(route, port->nic);
}

/* All that are left have the same rate, so others can stand in. */
static void ports_default_route(struct fabric *fabric, const struct nic_route *route)
{
    int others = 0;
    for (int i = 0; i < fabric->ports; i++)
        others += fabric->port[i].used && !ports_is_route(&fabric->port[i], route);
    for (int i = 0; i < fabric->ports && others > 0; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (!ports_is_route(port, route))
            continue;
        ports_drop(port, "the default route goes by its interface %s", route->netdev);
        fabric_warn(fabric, "%s:%d is as fast as the ports in use, but the default route goes by "
                            "it: left out; nccl_env = NCCL_IB_HCA=... takes it in",
                    port->nic->device, port->nic->port);
    }
}

void fabric_ports_choose(struct fabric *fabric, const struct fabric_input *input)
{
    fabric->ports = input->nics->count;
    for (int i = 0; i < fabric->ports; i++)
        fabric->port[i] = (struct fabric_port) { .nic = &input->nics->port[i], .used = true, .gid = -1 };
    if (input->nics->more)
        fabric_warn(fabric, "more than %d RDMA ports: the others were not looked at", NIC_PORTS);
    ports_usable(fabric, input->site);
    ports_addresses(fabric, input->site);
    ports_slow(fabric);
    ports_one_link(fabric);
    ports_default_route(fabric, &input->nics->route);
    for (int i = 0; i < fabric->ports; i++) {
        fabric->used += fabric->port[i].used;
        fabric->rate += fabric->port[i].used ? fabric->port[i].nic->rate : 0;
    }
}
