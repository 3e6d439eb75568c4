/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of RDMA ports, as the kernel's ABI documents and mlx5's driver have them; no root is
 * needed. What is read before and after some work tells what it moved and what went wrong. */
#ifndef SFT_NODE_COUNTERS_H
#define SFT_NODE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "node/nic.h"

enum counter_meaning {
    COUNTER_BYTES,     /* moved */
    COUNTER_FAULT,     /* a fault wherever it grows */
    COUNTER_RESENT,    /* sent again, which adaptive routing does: against the other ports, a GB */
    COUNTER_CONGESTED, /* packets marked, or told of marks: busy, no fault */
    COUNTER_PAUSED,    /* microseconds in which the switch held this port */
    COUNTER_PAUSING    /* pauses that this host asked for: it drains slowly */
};

/* Where a counter stands: below ports/N of sysfs, or among the interface's ethtool statistics. */
enum counter_place { COUNTER_PORT, COUNTER_HW, COUNTER_ETHTOOL };

struct counter {
    const char *name;
    enum counter_place place;
    enum counter_meaning meaning;
    int unit; /* bytes of one, of COUNTER_BYTES; else 1 */
};

enum { COUNTER_SENT, COUNTER_RECEIVED, COUNTERS = 19 };

extern const struct counter counter_table[COUNTERS];

/* One port's at one moment. */
struct counters {
    bool known[COUNTERS];
    uint64_t value[COUNTERS];
};

/* Of port `port` of the device ("mlx5_0"), and of its interface ("" none). root as for
 * nic_list_create; the interface's come from the kernel where root is this machine, else from the
 * lines "name: value" of the file sys/class/net/NETDEV/statistics.ethtool. */
void counters_read(struct counters *counters, const char *root, const char *device, int port,
                   const char *netdev);

/* What each has grown by, in units of 1 (bytes, microseconds, events); NAN where it is not known at
 * both moments. Counters of 32 bits wrap around; what is less for another reason (a driver loaded
 * anew) has grown by what it has. */
void counters_grown(double grown[COUNTERS], const struct counters *before,
                    const struct counters *after);

/* Values of an interface's ethtool statistics, as many as have a name of the table. Nothing where
 * the driver has none. */
void counters_ethtool(struct counters *counters, const char *netdev);

#endif
