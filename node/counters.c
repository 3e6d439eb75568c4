/* SPDX-License-Identifier: Apache-2.0 */
#include "node/counters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/sysfs.h"

const struct counter counter_table[COUNTERS] = {
    [COUNTER_SENT] = {"port_xmit_data", COUNTER_PORT, COUNTER_BYTES, 4},
    [COUNTER_RECEIVED] = {"port_rcv_data", COUNTER_PORT, COUNTER_BYTES, 4},
    {"link_downed", COUNTER_PORT, COUNTER_FAULT, 1},
    {"local_ack_timeout_err", COUNTER_HW, COUNTER_FAULT, 1},
    {"req_transport_retries_exceeded", COUNTER_HW, COUNTER_FAULT, 1},
    {"rx_icrc_encapsulated", COUNTER_HW, COUNTER_FAULT, 1},
    {"packet_seq_err", COUNTER_HW, COUNTER_FAULT, 1},
    {"rx_discards_phy", COUNTER_ETHTOOL, COUNTER_FAULT, 1},
    {"rx_pcs_symbol_err_phy", COUNTER_ETHTOOL, COUNTER_FAULT, 1},
    {"tx_pause_storm_error_events", COUNTER_ETHTOOL, COUNTER_FAULT, 1},
    {"roce_adp_retrans", COUNTER_HW, COUNTER_RESENT, 1},
    {"roce_slow_restart", COUNTER_HW, COUNTER_RESENT, 1},
    {"np_ecn_marked_roce_packets", COUNTER_HW, COUNTER_CONGESTED, 1},
    {"np_cnp_sent", COUNTER_HW, COUNTER_CONGESTED, 1},
    {"rp_cnp_handled", COUNTER_HW, COUNTER_CONGESTED, 1},
    {"rx_prio3_pause_duration", COUNTER_ETHTOOL, COUNTER_PAUSED, 1},
    {"rx_global_pause_duration", COUNTER_ETHTOOL, COUNTER_PAUSED, 1},
    {"tx_prio3_pause", COUNTER_ETHTOOL, COUNTER_PAUSING, 1},
    {"tx_global_pause", COUNTER_ETHTOOL, COUNTER_PAUSING, 1},
};

/* A counter that cannot be read says EINVAL, or nothing. */
static bool number_read(uint64_t *value, const char *line)
{
    char *end;
    if (line[0] < '0' || line[0] > '9')
        return false;
    *value = strtoull(line, &end, 10);
    return *end == '\0' || *end == '\n';
}

static void file_read(struct counters *counters, int i, const char *root, const char *device,
                      int port)
{
    const char *folder = counter_table[i].place == COUNTER_HW ? "hw_counters" : "counters";
    char line[32];
    if (sysfs_line(line, sizeof line, "%s/sys/class/infiniband/%s/ports/%d/%s/%s", root, device,
                   port, folder, counter_table[i].name) > 0)
        counters->known[i] = number_read(&counters->value[i], line);
}

/* The lines of a described machine, as `ethtool -S` prints them. */
static void lines_read(struct counters *counters, const char *root, const char *netdev)
{
    size_t length;
    char *text = sysfs_text(&length, "%s/sys/class/net/%s/statistics.ethtool", root, netdev);
    char *rest = text;
    for (char *line; text != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " \t");
        char *colon = strstr(line, ": ");
        if (colon == NULL)
            continue;
        *colon = '\0';
        for (int i = 0; i < COUNTERS; i++)
            if (counter_table[i].place == COUNTER_ETHTOOL &&
                strcmp(counter_table[i].name, line) == 0)
                counters->known[i] = number_read(&counters->value[i], colon + 2);
    }
    free(text);
}

void counters_read(struct counters *counters, const char *root, const char *device, int port,
                   const char *netdev)
{
    *counters = (struct counters){.known = {false}};
    root = root == NULL ? "" : root;
    for (int i = 0; i < COUNTERS; i++)
        if (counter_table[i].place != COUNTER_ETHTOOL)
            file_read(counters, i, root, device, port);
    if (netdev[0] == '\0')
        return;
    if (root[0] == '\0')
        counters_ethtool(counters, netdev);
    else
        lines_read(counters, root, netdev);
}

static double value_grown(uint64_t before, uint64_t after)
{
    const uint64_t wrap = UINT64_C(1) << 32;
    if (after >= before)
        return (double)(after - before);
    /* half of the way round is more than a run's steps take a fast counter */
    if (before < wrap && wrap - before + after < wrap / 2)
        return (double)(wrap - before + after);
    return (double)after;
}

void counters_grown(double grown[COUNTERS], const struct counters *before,
                    const struct counters *after)
{
    for (int i = 0; i < COUNTERS; i++)
        grown[i] = before->known[i] && after->known[i]
                       ? counter_table[i].unit * value_grown(before->value[i], after->value[i])
                       : NAN;
}
