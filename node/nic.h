/* SPDX-License-Identifier: Apache-2.0 */
/* What sysfs and proc say of a node's RDMA ports, their interfaces, its default routes and its
 * GPUs' PCI links. */
#ifndef SFT_NODE_NIC_H
#define SFT_NODE_NIC_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "node/gid.h"
#include "node/gpu_link.h"
#include "node/pci_place.h"

#define NIC_NAME 32
#define NIC_IF 16 /* IFNAMSIZ */
#define NIC_GUID 24

enum nic_link { NIC_OTHER, NIC_ETHERNET, NIC_INFINIBAND };

/* A PCI link as it is and as the device could have it; zeros where sysfs does not tell. */
struct nic_pcie {
    double speed, max_speed; /* GT/s */
    int width, max_width;
};

struct nic_port {
    char device[NIC_NAME]; /* mlx5_0 */
    int port;              /* from 1 */
    char netdev[NIC_IF];   /* "" unknown; the bond's where it is one */
    char state[24];        /* ACTIVE, DOWN, INIT, ...; "" unknown */
    bool active;
    int rate; /* Gb/s; 0 unknown */
    enum nic_link link;
    int numa; /* -1 unknown */
    struct pci_place pci;
    char physical[PCI_ADDRESS]; /* a virtual function's physical one; "": it is none, or that is not
                                   told */
    int vendor, model;          /* PCI's numbers; 0 unknown */
    char board[NIC_NAME];       /* the maker's name for the card, MT_0000000838; "" unknown */
    char guid[NIC_GUID];        /* of the card: the same on all its functions; "" unknown */
    bool bond;                  /* several links behind one device, as mlx5_bond_0 */
    struct nic_pcie pcie;
    struct gid_table gids; /* of an active port */
};

struct nic_route {
    char netdev[NIC_IF]; /* "" when there is no such route */
    bool up;             /* the interface is there and not down */
    int lowers; /* what it is made of: a bond's, a bridge's or a VLAN's interfaces, to any depth */
    char (*lower)[NIC_IF];
};

struct nic_list {
    int count; /* by name, mlx5_2 before mlx5_10; then by port */
    struct nic_port *port;
    bool cut; /* there are more devices than anybody's machine has: nothing follows from these */
    struct nic_route route; /* the default one: IPv4's, or else IPv6's */
    int gpus;               /* -1: more than GPU_LINKS */
    struct gpu_link gpu[GPU_LINKS];
};

/* root: the folder that holds sys/ and proc/, "" or NULL for this machine. A machine without RDMA
 * has no ports; NULL only when out of memory. A port takes about 10 KiB. */
struct nic_list *nic_list_create(const char *root, struct sft_error *err);
void nic_list_destroy(struct nic_list *list);

/* Does the bond have the interface among its own? */
bool nic_bond_has(const char *root, const char *bond, const char *netdev);

/* Of the letters that names of interfaces have, and short enough. */
bool nic_is_netdev(const char *name);

/* Is the interface there, and not down? A state of "unknown" is up: drivers of virtual interfaces
 * often keep none. */
bool nic_netdev_up(const char *root, const char *netdev);

/* Does the route go out by this port? */
bool nic_route_uses(const struct nic_route *route, const struct nic_port *port);

/* The default route of least metric in the text of /proc/net/route and /proc/net/ipv6_route; ""
 * when there is none. */
void nic_route_parse(const char *text, size_t size, char netdev[NIC_IF]);
void nic_route6_parse(const char *text, size_t size, char netdev[NIC_IF]);

/* Of "400 Gb/sec (4X NDR)", rounded down; 0 when it is not of that form. */
int nic_rate_parse(const char *text);

#endif
