/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL_IB_HCA and NCCL_SOCKET_IFNAME as NCCL reads them (parseStringList and matchIfList in its
 * misc/utils.cc), and what is wrong with a value on a node with certain ports and interfaces. */
#ifndef SFT_LIB_NCCL_ENV_H
#define SFT_LIB_NCCL_ENV_H

#include <stdbool.h>

#define NCCL_NAMES 32 /* of a list; NCCL reads no further */
#define NCCL_NAME 64
#define NCCL_LINE 256

/* "^" in front: all but these. "=" then: whole names; without it, beginnings of names. An item may
 * name one port, "mlx5_0:1". An empty list takes everything. */
struct sft_nccl_list {
    bool except, exact;
    int count;
    struct {
        char name[NCCL_NAME];
        int port; /* -1: any */
    } item[NCCL_NAMES];
};

void sft_nccl_list_parse(struct sft_nccl_list *list, const char *text);
/* Does the item alone name it? port -1: an interface, which has none. */
bool sft_nccl_list_names(const struct sft_nccl_list *list, int item, const char *name, int port);
/* Will NCCL take it? */
bool sft_nccl_list_takes(const struct sft_nccl_list *list, const char *name, int port);

struct sft_nccl_port {
    char name[NCCL_NAME]; /* mlx5_0 */
    int number;           /* 1 */
    bool active, infiniband;
    bool fit;      /* it would be used if nobody said anything */
    char why[128]; /* why not; "" fit */
};

struct sft_nccl_netdev {
    char name[16];
    bool up;
};

/* weight: 0 the figure will be wrong or the run not start, 1 slower. The line is good for the call.
 */
typedef void sft_nccl_say(void *data, int weight, const char *line);

/* Call say for each thing that is wrong with the value. who: "the user", "the site's file", a path.
 */
void sft_nccl_judge_hca(const char *value, const char *who, const struct sft_nccl_port *port,
                        int ports, sft_nccl_say *say, void *data);
/* netdevs 0: they are not known, and nothing is said. */
void sft_nccl_judge_ifname(const char *value, const char *who, const struct sft_nccl_netdev *netdev,
                           int netdevs, sft_nccl_say *say, void *data);

/* Is a variable's value one that keeps NCCL from RDMA: NCCL_IB_DISABLE=1, NCCL_NET=Socket? */
bool sft_nccl_no_rdma(const char *name, const char *value);

/* Variables that change the figure, beside those that are decided: what sets them should be seen.
 * Ends with NULL. */
extern const char *const sft_nccl_watched[];

#endif
