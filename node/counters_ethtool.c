/* SPDX-License-Identifier: Apache-2.0 */
/* An interface's own statistics: three ioctls that any user may make. The driver says how many
 * there are, gives their names, then their values. */
#include "node/counters.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATISTICS_MOST 65536 /* more than any driver has */

static int ask(int sock, const char *netdev, void *command)
{
    struct ifreq request = {.ifr_data = command};
    strncpy(request.ifr_name, netdev, IFNAMSIZ - 1);
    return ioctl(sock, SIOCETHTOOL, &request);
}

/* How many the interface has; 0: none. */
static uint32_t statistics_count(int sock, const char *netdev)
{
    struct ethtool_sset_info *set = calloc(1, sizeof *set + sizeof set->data[0]);
    uint32_t count = 0;
    if (set == NULL)
        return 0;
    set->cmd = ETHTOOL_GSSET_INFO;
    set->sset_mask = 1ULL << ETH_SS_STATS;
    if (ask(sock, netdev, set) == 0 && set->sset_mask != 0 && set->data[0] <= STATISTICS_MOST)
        count = set->data[0];
    free(set);
    return count;
}

static void statistics_find(struct counters *counters, const struct ethtool_gstrings *names,
                            const struct ethtool_stats *values)
{
    uint32_t count = names->len < values->n_stats ? names->len : values->n_stats;
    for (uint32_t k = 0; k < count; k++)
        for (int i = 0; i < COUNTERS; i++)
            if (counter_table[i].place == COUNTER_ETHTOOL &&
                strncmp((const char *)names->data + (size_t)k * ETH_GSTRING_LEN,
                        counter_table[i].name, ETH_GSTRING_LEN) == 0) {
                counters->known[i] = true;
                counters->value[i] = values->data[k];
            }
}

/* Drivers may write more than they said a moment ago, where queues were added: twice the room. */
static void statistics_read(struct counters *counters, int sock, const char *netdev, size_t count)
{
    struct ethtool_gstrings *names = calloc(1, sizeof *names + 2 * count * ETH_GSTRING_LEN);
    struct ethtool_stats *values = calloc(1, sizeof *values + 2 * count * sizeof(uint64_t));
    if (names != NULL && values != NULL) {
        names->cmd = ETHTOOL_GSTRINGS;
        names->string_set = ETH_SS_STATS;
        names->len = (uint32_t)count;
        values->cmd = ETHTOOL_GSTATS;
        values->n_stats = (uint32_t)count;
        if (ask(sock, netdev, names) == 0 && ask(sock, netdev, values) == 0)
            statistics_find(counters, names, values);
    }
    free(names);
    free(values);
}

void counters_ethtool(struct counters *counters, const char *netdev)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint32_t count = sock < 0 ? 0 : statistics_count(sock, netdev);
    if (count > 0)
        statistics_read(counters, sock, netdev, count);
    if (sock >= 0)
        close(sock);
}
