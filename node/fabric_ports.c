/* SPDX-License-Identifier: Apache-2.0 */
/* The ports that carry collectives: each rule takes some away and never the last ones, but for the
 * site's exclusions and ports that are down. */
#include "node/fabric_internal.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void fabric_drop(struct fabric_port *port, enum fabric_why why, bool loud, const char *reason, ...)
{
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(port->reason, sizeof port->reason, reason, arguments);
    va_end(arguments);
    port->used = false;
    port->why = why;
    port->loud = loud;
}

/* The pattern of the list that matches the device, device:port or interface; NULL when none does.
 */
static const char *ports_excluded(const char *list, const struct nic_port *nic, char *pattern,
                                  size_t size)
{
    char name[NIC_NAME + 8];
    snprintf(name, sizeof name, "%s:%d", nic->device, nic->port);
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        snprintf(pattern, size, "%.*s", (int)length, list);
        if (fnmatch(pattern, nic->device, 0) == 0 || fnmatch(pattern, name, 0) == 0 ||
            (nic->netdev[0] != '\0' && fnmatch(pattern, nic->netdev, 0) == 0))
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
        if (ports_excluded(site->exclude, nic, pattern, sizeof pattern) != NULL)
            fabric_drop(port, FABRIC_EXCLUDED, false, "fabric_exclude of the site's file: %.100s",
                        pattern);
        else if (!nic->active)
            fabric_drop(port, FABRIC_DOWN, true, "its state is %s",
                        nic->state[0] != '\0' ? nic->state : "not known");
        else if (nic->link == NIC_OTHER)
            fabric_drop(port, FABRIC_FOREIGN, false, "neither Ethernet nor InfiniBand");
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
    bool any = false;
    count = count > 0 ? count : 0;
    for (int i = 0; i < fabric->ports && !any; i++)
        any = fabric->port[i].used && ports_has_address(fabric->port[i].nic, range, count);
    for (int i = 0; i < fabric->ports && any; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (port->used && port->nic->link == NIC_ETHERNET &&
            !ports_has_address(port->nic, range, count))
            fabric_drop(port, FABRIC_NO_ADDRESS, count == 0, "%s",
                        count > 0 ? "no address in fabric_addresses" : "no address but link-local");
    }
}

static bool ports_counts(const struct fabric_port *port, enum nic_link link)
{
    return port->used && port->nic->link == link;
}

static int ports_fastest(const struct fabric *fabric, enum nic_link link)
{
    int fastest = 0;
    for (int i = 0; i < fabric->ports; i++)
        if (ports_counts(&fabric->port[i], link) && fabric->port[i].nic->rate > fastest)
            fastest = fabric->port[i].nic->rate;
    return fastest;
}

/* What the fastest ports of that kind carry together. */
static long ports_weight(const struct fabric *fabric, enum nic_link link)
{
    int fastest = ports_fastest(fabric, link);
    long sum = 0;
    for (int i = 0; i < fabric->ports; i++)
        if (ports_counts(&fabric->port[i], link) && fabric->port[i].nic->rate == fastest)
            sum += fastest > 0 ? fastest : 1;
    return sum;
}

/* NCCL refuses to merge Ethernet and InfiniBand, and one GID setting is for Ethernet alone. The
 * kind whose fast ports carry more is the fabric; the other is another network, whatever its rate.
 */
static void ports_one_link(struct fabric *fabric)
{
    long infiniband = ports_weight(fabric, NIC_INFINIBAND),
         ethernet = ports_weight(fabric, NIC_ETHERNET);
    enum nic_link other = infiniband >= ethernet ? NIC_ETHERNET : NIC_INFINIBAND;
    for (int i = 0; i < fabric->ports && infiniband > 0 && ethernet > 0; i++)
        if (ports_counts(&fabric->port[i], other))
            fabric_drop(&fabric->port[i], FABRIC_OTHER_LINK, false, "%s",
                        other == NIC_ETHERNET ? "Ethernet beside InfiniBand"
                                              : "InfiniBand beside faster Ethernet");
}

/* A slow port of the same model as the fast ones is rather a bad link than a storage card. */
static bool ports_sibling(const struct fabric *fabric, const struct nic_port *slow, int fastest)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (fabric->port[i].used && nic->rate == fastest && nic->model == slow->model &&
            nic->vendor == slow->vendor && nic->model != 0 && nic->bond == slow->bond &&
            strcmp(nic->board, slow->board) == 0)
            return true;
    }
    return false;
}

/* A port of unknown rate stays. */
static void ports_slow(struct fabric *fabric)
{
    int ethernet = ports_fastest(fabric, NIC_ETHERNET),
        infiniband = ports_fastest(fabric, NIC_INFINIBAND);
    int fastest = ethernet > infiniband ? ethernet : infiniband; /* one kind is left */
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (port->used && port->nic->rate != 0 && port->nic->rate != fastest)
            fabric_drop(port, FABRIC_SLOW, ports_sibling(fabric, port->nic, fastest),
                        "%d Gb/s beside ports of %d: storage?", port->nic->rate, fastest);
    }
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
    for (int i = 0; i < fabric->ports && others > 0; i++)
        if (ports_is_route(&fabric->port[i], route))
            fabric_drop(&fabric->port[i], FABRIC_ROUTE, true,
                        "the default route goes by its interface %s", route->netdev);
}

void fabric_ports_count(struct fabric *fabric)
{
    fabric->used = fabric->rate = 0;
    fabric->infiniband = false;
    for (int i = 0; i < fabric->ports; i++) {
        if (!fabric->port[i].used)
            continue;
        fabric->used++;
        fabric->rate += fabric_cards_shared(fabric, i, false) ? 0 : fabric->port[i].nic->rate;
        fabric->infiniband |= fabric->port[i].nic->link == NIC_INFINIBAND;
    }
}

int fabric_ports_choose(struct fabric *fabric, const struct fabric_input *input)
{
    fabric->port = calloc((size_t)input->nics->count + 1, sizeof *fabric->port);
    if (fabric->port == NULL)
        return -1;
    fabric->ports = input->nics->count;
    for (int i = 0; i < fabric->ports; i++)
        fabric->port[i] =
            (struct fabric_port){.nic = &input->nics->port[i], .used = true, .gid = -1};
    ports_usable(fabric, input->site);
    ports_addresses(fabric, input->site);
    fabric_cards_virtual(fabric);
    fabric_cards_bonds(fabric, input->root);
    ports_one_link(fabric);
    ports_slow(fabric);
    ports_default_route(fabric, &input->nics->route);
    fabric_cards_apart(fabric, input->nics);
    fabric_ports_count(fabric);
    return 0;
}
