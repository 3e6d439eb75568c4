/* SPDX-License-Identifier: Apache-2.0 */
/* One setting is for all ports: the first under which NCCL takes a good GID on each of them. */
#include "node/fabric_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const gid_names[] = {"NCCL_IB_GID_INDEX", "NCCL_IB_ADDR_FAMILY",
                                        "NCCL_IB_ADDR_RANGE", "NCCL_IB_ROCE_VERSION_NUM"};

#define GID_NAMES (sizeof gid_names / sizeof gid_names[0])

struct ranges {
    int count;
    struct gid_range range[GID_RANGES + 1]; /* room for one around all of a family */
};

static void gid_unset_all(struct fabric *fabric, const char *reason)
{
    for (size_t i = 0; i < GID_NAMES; i++)
        fabric_unset(fabric, gid_names[i], "%s", reason);
}

/* Is the GID of that index usable, of the version, and in the site's ranges if there are any? */
static bool gid_is_good(const struct gid_table *table, int index, int version,
                        const struct ranges *ranges)
{
    const struct gid *gid = index >= 0 ? gid_at(table, index) : NULL;
    bool inside = ranges->count == 0;
    if (gid == NULL || !gid_is_usable(gid->raw) ||
        (gid->type != GID_UNKNOWN && gid->type != GID_MISSING &&
         gid->type != (version == 1 ? GID_V1 : GID_V2)))
        return false;
    for (int i = 0; i < ranges->count && !inside; i++)
        inside = gid_in_range(gid->raw, &ranges->range[i]);
    return inside;
}

/* The first used port that gets no good GID; NULL when all do. */
static const struct nic_port *gid_first_bad(const struct fabric *fabric,
                                            const struct gid_setting *setting,
                                            const struct ranges *ranges)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (fabric->port[i].used &&
            !gid_is_good(&nic->gids, gid_choose(&nic->gids, setting), setting->version, ranges))
            return nic;
    }
    return NULL;
}

/* One around all of the family's; nothing when one of them is alone or they have nothing in common.
 */
static int gid_around(const struct ranges *ranges, bool ipv6, struct gid_range *around)
{
    int joined = 0;
    for (int i = 0; i < ranges->count; i++) {
        struct gid_range both;
        if (gid_is_ipv4(ranges->range[i].raw) == ipv6)
            continue;
        if (joined > 0 && !gid_range_join(around, &ranges->range[i], &both))
            return 0;
        *around = joined++ > 0 ? both : ranges->range[i];
    }
    return joined > 1 ? 1 : 0;
}

/* NCCL's default first; then what changes least. */
static bool gid_search(const struct fabric *fabric, const struct ranges *ranges,
                       struct gid_setting *found, struct gid_range around[2])
{
    for (int version = 2; version >= 1; version--) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            *found = (struct gid_setting){.ipv6 = ipv6 != 0, .version = version};
            if (gid_first_bad(fabric, found, ranges) == NULL)
                return true;
        }
        for (int i = 0; i < ranges->count; i++) {
            found->range = &ranges->range[i];
            found->ipv6 = !gid_is_ipv4(found->range->raw);
            if (gid_first_bad(fabric, found, ranges) == NULL)
                return true;
        }
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            *found = (struct gid_setting){ipv6 != 0, version, &around[ipv6]};
            if (gid_around(ranges, ipv6 != 0, &around[ipv6]) > 0 &&
                gid_first_bad(fabric, found, ranges) == NULL)
                return true;
        }
    }
    return false;
}

static void gid_write(struct fabric *fabric, const struct gid_setting *setting,
                      const struct ranges *ranges)
{
    char text[GID_TEXT];
    const char *range = "NCCL_IB_ADDR_RANGE", *family = "NCCL_IB_ADDR_FAMILY";
    fabric_unset(fabric, "NCCL_IB_GID_INDEX", "NCCL 2.21 and later find the GID themselves");
    if (setting->ipv6)
        fabric_set(fabric, family, "AF_INET6", "%s",
                   setting->range != NULL ? "the range is of IPv6" : "a port has no IPv4 address");
    else
        fabric_unset(fabric, family, "IPv4 is NCCL's default");
    if (setting->range != NULL)
        fabric_set(fabric, range, gid_range_print(setting->range, text, sizeof text),
                   "NCCL would take an address outside fabric_addresses");
    else
        fabric_unset(fabric, range, "%s",
                     ranges->count > 0 ? "NCCL's choice is inside fabric_addresses"
                                       : "the site's file gives no fabric_addresses");
    if (setting->version == 1)
        fabric_set(fabric, "NCCL_IB_ROCE_VERSION_NUM", "1", "a port has no RoCE v2 GID");
    else
        fabric_unset(fabric, "NCCL_IB_ROCE_VERSION_NUM", "RoCE v2 is NCCL's default");
}

/* Several addresses of the same kind, and nobody said which: NCCL takes the lowest index. */
static void gid_warn_several(struct fabric *fabric, const struct gid_setting *setting)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        const struct gid_table *table = &nic->gids;
        char text[GID_TEXT];
        int alike = 0;
        for (int k = 0; k < table->count; k++)
            alike += table->gid[k].type == GID_V2 && gid_is_usable(table->gid[k].raw) &&
                     gid_is_ipv4(table->gid[k].raw) == !setting->ipv6;
        if (!fabric->port[i].used || alike < 2)
            continue;
        const struct gid *taken = gid_at(table, gid_choose(table, setting));
        if (taken != NULL)
            fabric_warn(fabric, FABRIC_ODD,
                        "%s:%d has %d addresses, and NCCL takes %s; fabric_addresses in "
                        "the site's file chooses",
                        nic->device, nic->port, alike, gid_print(taken->raw, text, sizeof text));
        return;
    }
}

static void gid_none(struct fabric *fabric, const struct ranges *ranges)
{
    const struct gid_setting setting = {.version = 2};
    const struct nic_port *bad = gid_first_bad(fabric, &setting, ranges);
    gid_unset_all(fabric, "no setting gives every port a good GID");
    if (bad != NULL && bad->gids.count > 0 &&
        bad->gids.gid[bad->gids.count - 1].type == GID_MISSING)
        fabric_warn(fabric, FABRIC_WRONG,
                    "%s:%d: gid_attrs/types is missing in this container's /sys, and NCCL "
                    "fails without it: mount the host's /sys",
                    bad->device, bad->port);
    else if (bad != NULL)
        fabric_warn(fabric, FABRIC_WRONG,
                    "%s:%d: NCCL finds no RoCE v2 GID with an address%s, and no setting "
                    "helps: has its interface %s an address?",
                    bad->device, bad->port, ranges->count > 0 ? " in fabric_addresses" : "",
                    bad->netdev);
}

/* Before 2.21: one index for all ports. */
static void gid_index(struct fabric *fabric, const struct ranges *ranges)
{
    const struct nic_port *first = NULL;
    char value[16];
    int wished = -1;
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (!fabric->port[i].used)
            continue;
        int index = gid_wish(&nic->gids, ranges->range, ranges->count);
        if (index < 0 || (first != NULL && index != wished)) {
            gid_unset_all(fabric, "no index suits every port");
            fabric_warn(fabric, FABRIC_WRONG,
                        "%s:%d wants another GID index (%d) than the ports before it (%d), "
                        "and NCCL before 2.21 has one for all",
                        nic->device, nic->port, index, wished);
            return;
        }
        wished = index;
        first = first != NULL ? first : nic;
    }
    gid_unset_all(fabric, "NCCL before 2.21 does not know it");
    snprintf(value, sizeof value, "%d", wished);
    fabric_set(fabric, "NCCL_IB_GID_INDEX", value, "the lowest RoCE v2 GID; NCCL before 2.21");
}

/* What each port will have: by index where one is set, else by NCCL's rule. */
static void gid_foresee(struct fabric *fabric, const struct gid_setting *setting)
{
    const struct fabric_variable *fixed = fabric_find(fabric, "NCCL_IB_GID_INDEX");
    bool by_index = fixed->value[0] >= '0' && fixed->value[0] <= '9';
    long index =
        strtol(fixed->value, NULL, 10); /* the user's: any number, and no port has so many */
    for (int i = 0; i < fabric->ports; i++) {
        struct fabric_port *port = &fabric->port[i];
        if (port->used && by_index)
            port->gid = index > INT_MAX ? INT_MAX : (int)index;
        else if (port->used && setting != NULL)
            port->gid = gid_choose(&port->nic->gids, setting);
    }
}

int fabric_gid_decide(struct fabric *fabric, const struct fabric_input *input,
                      struct sft_error *err)
{
    struct ranges ranges = {0};
    struct gid_range around[2];
    struct gid_setting found;
    bool users = false;
    if (input->site->addresses[0] != '\0' &&
        (ranges.count = gid_ranges_parse(input->site->addresses, ranges.range, err)) < 0)
        return sft_error_prefix(err, "fabric_addresses");
    for (size_t i = 0; i < GID_NAMES; i++)
        users |= fabric_is_kept(fabric, gid_names[i]);
    if (fabric->infiniband) {
        gid_unset_all(fabric, "InfiniBand: no RoCE GID to choose");
        return 0;
    }
    bool old = input->nccl > 0 && input->nccl < FABRIC_NCCL_GID, any = false;
    if (users)
        gid_unset_all(fabric, "the user chooses the GID by another variable");
    else if (old)
        gid_index(fabric, &ranges);
    else if ((any = gid_search(fabric, &ranges, &found, around)) == false)
        gid_none(fabric, &ranges);
    else
        gid_write(fabric, &found, &ranges);
    if (any && ranges.count == 0)
        gid_warn_several(fabric, &found);
    gid_foresee(fabric, any ? &found : NULL);
    return 0;
}
