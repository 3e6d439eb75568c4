/* SPDX-License-Identifier: Apache-2.0 */
/* A card counts once, however many functions and interfaces it shows; and a card that is the GPUs'
 * stands near them. */
#include "node/fabric_internal.h"

#include <string.h>

/* Functions of one card are told apart by its ports, so those have the same number. */
static const struct fabric_port *cards_physical(const struct fabric *fabric,
                                                const struct nic_port *function)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (strcmp(nic->pci.address, function->physical) == 0 && nic->port == function->port)
            return &fabric->port[i];
    }
    return NULL;
}

/* The first port before it that is used and a virtual function of the same card. */
static const struct fabric_port *cards_brother(const struct fabric *fabric, int port)
{
    const struct nic_port *nic = fabric->port[port].nic;
    for (int i = 0; i < port; i++)
        if (fabric->port[i].used && fabric->port[i].nic->port == nic->port &&
            strcmp(fabric->port[i].nic->physical, nic->physical) == 0)
            return &fabric->port[i];
    return NULL;
}

/* In a container or under the site's exclusions the physical function may be unfit and a virtual
 * one fit: then that one is the card. In a virtual machine nobody tells of physical ones, and each
 * function is a card. */
static void cards_one_function(struct fabric *fabric, int port)
{
    struct fabric_port *mine = &fabric->port[port];
    const struct fabric_port *physical = cards_physical(fabric, mine->nic), *brother;
    if (physical != NULL && (physical->used || !mine->used || physical->why == FABRIC_EXCLUDED))
        fabric_drop(mine, FABRIC_VIRTUAL, false, "virtual function of %s", physical->nic->device);
    else if (mine->used && (brother = cards_brother(fabric, port)) != NULL)
        fabric_drop(mine, FABRIC_VIRTUAL, false, "virtual function of the card of %s",
                    brother->nic->device);
}

/* Tables have one row for those of a card. */
static void cards_fold(struct fabric *fabric, int port)
{
    struct fabric_port *mine = &fabric->port[port];
    for (int i = 0; i < port && mine->why == FABRIC_VIRTUAL; i++) {
        struct fabric_port *first = &fabric->port[i];
        if (first->why != FABRIC_VIRTUAL || first->alike < 0 ||
            strcmp(first->nic->physical, mine->nic->physical) != 0 ||
            first->nic->port != mine->nic->port)
            continue;
        first->alike++;
        mine->alike = -1;
        return;
    }
}

void fabric_cards_virtual(struct fabric *fabric)
{
    for (int i = 0; i < fabric->ports; i++)
        if (fabric->port[i].nic->physical[0] != '\0')
            cards_one_function(fabric, i);
}

void fabric_cards_fold(struct fabric *fabric)
{
    for (int i = 0; i < fabric->ports; i++)
        fabric->port[i].alike = 0;
    for (int i = 0; i < fabric->ports; i++)
        cards_fold(fabric, i);
}

/* What goes by the bond's device goes by its interfaces; their own devices, where a driver leaves
 * them, are the same links again. */
void fabric_cards_bonds(struct fabric *fabric, const char *root)
{
    root = root != NULL ? root : "";
    for (int bond = 0; bond < fabric->ports; bond++) {
        const struct nic_port *whole = fabric->port[bond].nic;
        for (int i = 0; i < fabric->ports && whole->bond && fabric->port[bond].used; i++) {
            struct fabric_port *part = &fabric->port[i];
            if (part->used && i != bond && nic_bond_has(root, whole->netdev, part->nic->netdev))
                fabric_drop(part, FABRIC_SLAVE, false,
                            "its interface %s is a part of %s: %s carries it", part->nic->netdev,
                            whole->netdev, whole->device);
        }
    }
}

/* "0000:3b:00.1" and "0000:86:00.1": the same function behind two slots. */
static bool cards_same_function(const char *a, const char *b)
{
    const char *dots[] = {strchr(a, '.'), strchr(b, '.')};
    return strcmp(a, b) != 0 && dots[0] != NULL && dots[1] != NULL && strcmp(dots[0], dots[1]) == 0;
}

/* A socket-direct card shows its one link at both sockets: each is the near way for its GPUs, so
 * both are used, but the link's rate is there once. The two links of a dual-port card are functions
 * 0 and 1. */
static bool cards_two_places(const struct nic_port *a, const struct nic_port *b)
{
    return a->guid[strspn(a->guid, "0:")] != '\0' && strcmp(a->guid, b->guid) == 0 &&
           cards_same_function(a->pci.address, b->pci.address);
}

/* A user may take a card's functions together. */
static bool cards_functions(const struct nic_port *a, const struct nic_port *b)
{
    const char *pci = a->pci.address, *other = b->pci.address;
    return (a->physical[0] != '\0' &&
            (strcmp(a->physical, b->physical) == 0 || strcmp(a->physical, other) == 0)) ||
           (b->physical[0] != '\0' && strcmp(b->physical, pci) == 0);
}

bool fabric_cards_shared(const struct fabric *fabric, int port, bool places)
{
    const struct nic_port *mine = fabric->port[port].nic;
    for (int i = 0; i < port; i++) {
        const struct nic_port *other = fabric->port[i].nic;
        if (fabric->port[i].used && other->port == mine->port &&
            (cards_two_places(mine, other) || (!places && cards_functions(mine, other))))
            return true;
    }
    return false;
}

static bool cards_near(const struct fabric_port *port, const struct gpu_link *gpu)
{
    return port->used && gpu->port[0] != '\0' && strcmp(port->nic->pci.port, gpu->port) == 0;
}

static bool cards_near_any(const struct fabric_port *port, const struct nic_list *list)
{
    bool near = false;
    for (int i = 0; i < list->gpus && !near; i++)
        near = cards_near(port, &list->gpu[i]);
    return near;
}

/* Are there, below the GPU's root port, as many used ports as GPUs (own), or at least one? */
static bool cards_served(const struct fabric *fabric, const struct nic_list *list, int gpu,
                         bool own)
{
    int ports = 0, gpus = 0;
    for (int i = 0; i < fabric->ports; i++)
        ports += cards_near(&fabric->port[i], &list->gpu[gpu]);
    for (int i = 0; i < list->gpus; i++)
        gpus += strcmp(list->gpu[i].port, list->gpu[gpu].port) == 0;
    return ports > 0 && (!own || ports >= gpus);
}

static bool cards_all_served(const struct fabric *fabric, const struct nic_list *list, bool own)
{
    bool all = list->gpus > 0;
    for (int i = 0; i < list->gpus && all; i++)
        all = cards_served(fabric, list, i, own);
    return all;
}

/* Is it of a model that no port near a GPU has? False, too, where no port is near one. */
static bool cards_other_model(const struct fabric *fabric, const struct nic_list *list,
                              const struct nic_port *nic)
{
    int near = 0, same = 0;
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *other = fabric->port[i].nic;
        if (!fabric->port[i].used || !cards_near_any(&fabric->port[i], list))
            continue;
        near++;
        same += other->vendor == nic->vendor && other->model == nic->model &&
                strcmp(other->board, nic->board) == 0;
    }
    return near > 0 && same == 0;
}

/* Where the tree tells who is near, and each GPU has a port of its own, the ports far from all of
 * them are for storage or management, of whatever model. Where GPUs share ports, only another model
 * says so; and where some GPU has none, its traffic may be meant to go by these. */
void fabric_cards_apart(struct fabric *fabric, const struct nic_list *list)
{
    bool own = cards_all_served(fabric, list, true), served = cards_all_served(fabric, list, false);
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (!port->used || list->gpus <= 0 || cards_near_any(port, list))
            continue;
        bool other = cards_other_model(fabric, list, port->nic);
        if (own || (served && other))
            fabric_drop(port, FABRIC_APART, true,
                        "near no GPU, and each GPU has a port near it: storage?");
        else
            port->loud = other;
    }
}
