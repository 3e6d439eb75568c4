/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that are left out for the same reason are one line, with their number: a node may have
 * dozens. */
#include "node/fabric_internal.h"

#include <string.h>

#define TELL_NAMES 4

/* Both are told of in one line. */
static bool tell_alike(const struct fabric_port *a, const struct fabric_port *b)
{
    return a->loud == b->loud && a->why == b->why &&
           (a->why != FABRIC_DOWN || strcmp(a->nic->state, b->nic->state) == 0) &&
           (a->why != FABRIC_SLOW || a->nic->rate == b->nic->rate);
}

/* "mlx5_2:1, mlx5_3:1, ..." of the ports like this one; returns how many there are. */
static int tell_names(const struct fabric *fabric, const struct fabric_port *like, char *text,
                      size_t size)
{
    int count = 0;
    text[0] = '\0';
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        size_t length = strlen(text);
        if (!tell_alike(&fabric->port[i], like))
            continue;
        if (count < TELL_NAMES)
            snprintf(text + length, size - length, "%s%.24s:%d", count > 0 ? ", " : "", nic->device,
                     nic->port);
        else if (count == TELL_NAMES)
            snprintf(text + length, size - length, ", ...");
        count++;
    }
    return count;
}

static bool tell_is_first(const struct fabric *fabric, int port)
{
    for (int i = 0; i < port; i++)
        if (tell_alike(&fabric->port[i], &fabric->port[port]))
            return false;
    return true;
}

static const char *tell_state(const struct nic_port *nic)
{
    return nic->state[0] != '\0' ? nic->state : "in no known state";
}

static int tell_fastest(const struct fabric *fabric)
{
    int fastest = 0;
    for (int i = 0; i < fabric->ports; i++)
        if (fabric->port[i].used && fabric->port[i].nic->rate > fastest)
            fastest = fabric->port[i].nic->rate;
    return fastest;
}

static void tell_one(struct fabric *fabric, const struct fabric_port *port, const char *name)
{
    const struct nic_port *nic = port->nic;
    if (port->why == FABRIC_DOWN)
        fabric_warn(fabric, FABRIC_SLOWER, "%s is %s and carries nothing", name, tell_state(nic));
    else if (port->why == FABRIC_NO_ADDRESS)
        fabric_warn(fabric, FABRIC_SLOWER, "%s is up but its interface %s has no address", name,
                    nic->netdev);
    else if (port->why == FABRIC_SLOW)
        fabric_warn(fabric, FABRIC_SLOWER,
                    "%s has %d Gb/s, its siblings of the same model %d: a link that came up slow, "
                    "or storage; it is "
                    "left out",
                    name, nic->rate, tell_fastest(fabric));
    else if (port->why == FABRIC_ROUTE)
        fabric_warn(fabric, FABRIC_ODD,
                    "%s is as fast as the ports in use, but the default route goes by it: left "
                    "out; nccl_env = "
                    "NCCL_IB_HCA=... takes it in",
                    name);
    else if (port->why == FABRIC_APART)
        fabric_warn(fabric, FABRIC_ODD,
                    "%s is near no GPU, and each GPU has a port near it: left out, as for storage; "
                    "nccl_env = "
                    "NCCL_IB_HCA=... takes it in",
                    name);
    else if (port->why == FABRIC_FIT)
        fabric_warn(fabric, FABRIC_ODD,
                    "%s is near no GPU and of another model than the ports that are: for storage? "
                    "fabric_exclude in "
                    "the site's file leaves it out",
                    name);
}

static void tell_several(struct fabric *fabric, const struct fabric_port *port, int count,
                         const char *names)
{
    const struct nic_port *nic = port->nic;
    if (port->why == FABRIC_DOWN)
        fabric_warn(fabric, FABRIC_SLOWER, "%d ports are %s and carry nothing: %s", count,
                    tell_state(nic), names);
    else if (port->why == FABRIC_NO_ADDRESS)
        fabric_warn(fabric, FABRIC_SLOWER, "%d ports are up but have no address: %s", count, names);
    else if (port->why == FABRIC_SLOW)
        fabric_warn(fabric, FABRIC_SLOWER,
                    "%d ports have %d Gb/s, their siblings of the same model %d: links that came "
                    "up slow, or storage; "
                    "left out: %s",
                    count, nic->rate, tell_fastest(fabric), names);
    else if (port->why == FABRIC_ROUTE)
        fabric_warn(fabric, FABRIC_ODD,
                    "%d ports are as fast as those in use, but the default route goes by them: "
                    "left out; nccl_env = "
                    "NCCL_IB_HCA=... takes them in: %s",
                    count, names);
    else if (port->why == FABRIC_APART)
        fabric_warn(fabric, FABRIC_ODD,
                    "%d ports are near no GPU, and each GPU has a port near it: left out, as for "
                    "storage; nccl_env = "
                    "NCCL_IB_HCA=... takes them in: %s",
                    count, names);
    else if (port->why == FABRIC_FIT)
        fabric_warn(fabric, FABRIC_ODD,
                    "%d ports are near no GPU and of another model than those that are: for "
                    "storage? fabric_exclude "
                    "in the site's file leaves them out: %s",
                    count, names);
}

/* What is so on every healthy node of its kind is no warning. */
static void tell_cards(struct fabric *fabric)
{
    char names[160];
    int shared = 0;
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        shared += port->used && fabric_cards_shared(fabric, i, true);
        if (port->why != FABRIC_VIRTUAL || !tell_is_first(fabric, i))
            continue;
        int count = tell_names(fabric, port, names, sizeof names);
        fabric_note(fabric, "%d virtual function%s left out, so that a card counts once: %s", count,
                    count == 1 ? " is" : "s are", names);
    }
    if (shared > 0)
        fabric_note(
            fabric,
            "%d card%s at two places of the PCI tree: both are used, the rate is counted once",
            shared, shared == 1 ? " is" : "s are");
}

void fabric_tell_ports(struct fabric *fabric)
{
    char names[160];
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        if (!port->loud || !tell_is_first(fabric, i))
            continue;
        int count = tell_names(fabric, port, names, sizeof names);
        if (count == 1)
            tell_one(fabric, port, names);
        else
            tell_several(fabric, port, count, names);
    }
    tell_cards(fabric);
}
