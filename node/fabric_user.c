/* SPDX-License-Identifier: Apache-2.0 */
/* What the user and the site have chosen themselves: the table shows what NCCL will really use. */
#include "node/fabric_internal.h"

#include <stdlib.h>
#include <string.h>

#include "node/sysfs.h"

int fabric_user_read(struct fabric *fabric, const struct fabric_input *input)
{
    struct sysfs_list names;
    const char *root = input->root != NULL ? input->root : "";
    if (sysfs_list(&names, "%s/sys/class/net", root) < 0)
        return -1;
    fabric->netdev = calloc((size_t)names.count + 1, sizeof *fabric->netdev);
    for (int i = 0; fabric->netdev != NULL && i < names.count && !names.cut; i++) {
        struct sft_nccl_netdev *netdev = &fabric->netdev[fabric->netdevs];
        if (!nic_is_netdev(names.name[i]))
            continue;
        strcpy(netdev->name, names.name[i]);
        netdev->up = nic_netdev_up(root, netdev->name);
        fabric->netdevs++;
    }
    free(names.name);
    return fabric->netdev != NULL ? 0 : -1;
}

static void user_say(void *data, int weight, const char *line)
{
    fabric_warn(data, weight == 0 ? FABRIC_WRONG : FABRIC_SLOWER, "%s", line);
}

static struct sft_nccl_port *user_list(const struct fabric *fabric)
{
    struct sft_nccl_port *list = calloc((size_t)fabric->ports + 1, sizeof *list);
    for (int i = 0; list != NULL && i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        snprintf(list[i].name, sizeof list[i].name, "%s", port->nic->device);
        snprintf(list[i].why, sizeof list[i].why, "%.120s", port->reason);
        list[i].number = port->nic->port;
        list[i].active = port->nic->active && port->nic->link != NIC_OTHER;
        list[i].infiniband = port->nic->link == NIC_INFINIBAND;
        list[i].fit = port->used;
    }
    return list;
}

static void user_take(struct fabric *fabric, const char *value, const char *who)
{
    struct sft_nccl_list list;
    sft_nccl_list_parse(&list, value);
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        bool takes = port->nic->active && port->nic->link != NIC_OTHER &&
                     sft_nccl_list_takes(&list, port->nic->device, port->nic->port);
        if (!takes && port->used)
            fabric_drop(port, FABRIC_CHOICE, false, "not in NCCL_IB_HCA of %.100s", who);
        if (takes && !port->used)
            *port = (struct fabric_port){.nic = port->nic, .used = true, .gid = -1};
    }
    fabric->sockets = true; /* unless there is one */
    for (int i = 0; i < fabric->ports; i++)
        fabric->sockets &= !fabric->port[i].used;
}

static void user_sockets(struct fabric *fabric, const struct fabric_input *input)
{
    static const char *const names[] = {"NCCL_IB_DISABLE", "NCCL_NET"};
    const char *who, *value;
    for (int n = 0; n < 2; n++) {
        if ((value = fabric_warn_value(input, names[n], &who)) == NULL ||
            !sft_nccl_no_rdma(names[n], value))
            continue;
        fabric->sockets = true;
        if (fabric->used > 0 && fabric->nodes != 1)
            fabric_warn(fabric, FABRIC_WRONG,
                        "%s=%.10s of %.100s: sockets in place of RDMA, and the figure will be poor",
                        names[n], value, who);
        for (int i = 0; i < fabric->ports; i++)
            if (fabric->port[i].used)
                fabric_drop(&fabric->port[i], FABRIC_CHOICE, false, "%s=%.10s of %.100s", names[n],
                            value, who);
    }
}

void fabric_user_ports(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who, *value = fabric_warn_value(input, "NCCL_IB_HCA", &who);
    struct sft_nccl_port *list = value != NULL ? user_list(fabric) : NULL;
    if (list != NULL && fabric->nodes != 1)
        sft_nccl_judge_hca(value, who, list, fabric->ports, user_say, fabric);
    free(list);
    if (value != NULL)
        user_take(fabric, value, who);
    user_sockets(fabric, input);
    fabric_cards_fold(fabric);
    fabric_ports_count(fabric);
}

/* Why the index is no good on that port; NULL when it is. */
static const char *user_gid_fault(const struct nic_port *nic, int index)
{
    const struct gid *gid = gid_at(&nic->gids, index);
    if (gid == NULL)
        return "no GID of that index";
    if (!gid_is_usable(gid->raw))
        return "only a link-local GID there";
    return gid->type == GID_V1 ? "a GID of RoCE v1 there, which routers do not carry" : NULL;
}

bool fabric_user_gid(struct fabric *fabric, const char *value, const char *who)
{
    const struct nic_port *bad = NULL;
    const char *fault = NULL;
    char *end;
    int count = 0;
    long index = strtol(value, &end, 10);
    for (int i = 0; i < fabric->ports && end != value && index >= 0; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        const char *now = fabric->port[i].used
                              ? user_gid_fault(nic, index < GID_TABLE ? (int)index : GID_TABLE)
                              : NULL;
        count += now != NULL;
        fault = fault != NULL ? fault : now;
        bad = bad != NULL || now == NULL ? bad : nic;
    }
    if (count > 0)
        fabric_warn(fabric, FABRIC_WRONG, "NCCL_IB_GID_INDEX=%.10s of %.80s: %s:%d%s has %s", value,
                    who, bad->device, bad->port, count > 1 ? ", as others," : "", fault);
    return count > 0;
}

void fabric_user_warn(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who, *value = fabric_warn_value(input, "NCCL_SOCKET_IFNAME", &who);
    if (value != NULL)
        sft_nccl_judge_ifname(value, who, fabric->netdev, fabric->netdevs, user_say, fabric);
}
