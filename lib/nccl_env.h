/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL_IB_HCA and NCCL_SOCKET_IFNAME as NCCL reads them (parseStringList and matchIfList in its
 * misc/utils.cc), and what is wrong with a value on a node with certain ports and interfaces. */
#ifndef SFT_NCCL_ENV_H
#define SFT_NCCL_ENV_H

#include <stdbool.h>

#define NCCL_NAMES 32 /* of a list; NCCL reads no further */
#define NCCL_NAME 64
#define NCCL_LINE 256

/* "^" in front: all but these. "=" then: whole names; without it, beginnings of names. An item may
 * name one port, "mlx5_0:1". An empty list takes everything. */
struct nccl_list {
    bool except, exact;
    int count;
    struct {
        char name[NCCL_NAME];
        int port; /* -1: any */
    } item[NCCL_NAMES];
};

void nccl_list_parse(struct nccl_list *list, const char *text);
/* Does the item alone name it? port -1: an interface, which has none. */
bool nccl_list_names(const struct nccl_list *list, int item, const char *name, int port);
/* Will NCCL take it? */
bool nccl_list_takes(const struct nccl_list *list, const char *name, int port);

struct nccl_port {
    char name[NCCL_NAME]; /* mlx5_0 */
    int number;           /* 1 */
    bool active, infiniband;
    bool fit;      /* it would be used if nobody said anything */
    char why[128]; /* why not; "" fit */
};

struct nccl_netdev {
    char name[16];
    bool up;
};

/* weight: 0 the figure will be wrong or the run not start, 1 slower. The line is good for the call.
 */
typedef void nccl_say(void *data, int weight, const char *line);

/* Call say for each thing that is wrong with the value. who: "the user", "the site's file", a path.
 */
void nccl_judge_hca(const char *value, const char *who, const struct nccl_port *port, int ports,
                    nccl_say *say, void *data);
/* netdevs 0: they are not known, and nothing is said. */
void nccl_judge_ifname(const char *value, const char *who, const struct nccl_netdev *netdev,
                       int netdevs, nccl_say *say, void *data);

/* Is a variable's value one that keeps NCCL from RDMA: NCCL_IB_DISABLE=1, NCCL_NET=Socket? */
bool nccl_no_rdma(const char *name, const char *value);

/* Variables that change the figure, beside those that are decided: what sets them should be seen.
 * Ends with NULL. */
extern const char *const nccl_watched[];

#endif
