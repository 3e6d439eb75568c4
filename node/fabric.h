/* SPDX-License-Identifier: Apache-2.0 */
/* NCCL's environment for a node, each variable with its reason, from what sysfs says of its network
 * and what the site's file says (sft-bench.conf(5)). The user's own value of a variable always
 * wins, and the site's nccl_env wins over what is decided here.
 *
 * Each node decides for itself: device names and GID tables may differ between nodes.
 *
 *     nics = nic_list_create(NULL, &err)
 *     input = { nics, &conf.fabric, .nodes = ..., .get = ... }
 *     fabric = fabric_create(&input, &err)
 *     for each variable with decision FABRIC_SET: spank_setenv(name, value, 1)
 *     said_write_fabric (node/said.h) for the program in the task
 *
 * Nothing of this may fail a step: on NULL, log the text and leave the environment as it is. */
#ifndef SFT_NODE_FABRIC_H
#define SFT_NODE_FABRIC_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/nccl_env.h"
#include "node/conf_fabric.h"
#include "node/nic.h"

#define FABRIC_VARIABLES 64
#define FABRIC_WARNINGS 64
#define FABRIC_NOTES 4
#define FABRIC_VALUE 1280 /* 32 devices, as many as NCCL takes, with their ports */
#define FABRIC_TEXT 256

enum fabric_decision {
    FABRIC_UNSET, /* left alone; reason says why */
    FABRIC_SET,   /* to be set to value */
    FABRIC_KEPT,  /* the user has set it: value is the user's, cut at FABRIC_VALUE */
};

struct fabric_variable {
    char name[64];
    char value[FABRIC_VALUE]; /* "" when unset */
    char reason[FABRIC_TEXT];
    enum fabric_decision decision;
};

/* Why a port carries no collectives. */
enum fabric_why {
    FABRIC_FIT,      /* it does */
    FABRIC_EXCLUDED, /* by the site's file */
    FABRIC_DOWN,
    FABRIC_FOREIGN, /* neither Ethernet nor InfiniBand */
    FABRIC_NO_ADDRESS,
    FABRIC_VIRTUAL,    /* another function of its card does */
    FABRIC_SLAVE,      /* its bond does */
    FABRIC_OTHER_LINK, /* Ethernet beside InfiniBand, or the reverse */
    FABRIC_SLOW,
    FABRIC_ROUTE,
    FABRIC_APART,  /* near no GPU, while each GPU has a port near it */
    FABRIC_CHOICE, /* a variable of the user or the site says otherwise */
};

/* How much a warning matters. */
enum fabric_weight {
    FABRIC_WRONG,  /* the figure will be wrong, or the run not start */
    FABRIC_SLOWER, /* something is slower than it could be */
    FABRIC_ODD,    /* to be known */
};

/* A port of nics, in the same order. */
struct fabric_port {
    const struct nic_port *nic;
    bool used;
    enum fabric_why why;
    bool loud;                /* it should be warned of */
    char reason[FABRIC_TEXT]; /* why not; "" when used */
    int alike; /* how many rows of the same card's virtual functions this one stands for in tables;
                  -1: its row is another's */
    int gid;   /* index that NCCL takes as things are set; -1: none, or not known */
};

struct fabric {
    int variables; /* in a fixed order, one of each name; nccl_env's other ones at the end */
    struct fabric_variable variable[FABRIC_VARIABLES];
    int warnings; /* those that matter most first */
    char warning[FABRIC_WARNINGS][FABRIC_TEXT];
    enum fabric_weight weight[FABRIC_WARNINGS];
    int notes; /* what is as it should be, and worth a line */
    char note[FABRIC_NOTES][FABRIC_TEXT];
    int ports;
    struct fabric_port *port;
    int used;        /* ports that carry collectives by the decision above; 0: sockets */
    int rate;        /* of the used ports together, Gb/s, a card's link once; 0 unknown */
    int nodes;       /* as in the input */
    bool infiniband; /* a used port is */
    bool sockets;    /* a variable of the user or the site turns RDMA off */
    struct sft_nccl_netdev *netdev; /* the node's interfaces */
    int netdevs;                    /* 0 when they are not known */
};

struct fabric_input {
    const struct nic_list *nics;    /* must outlive the result */
    const struct conf_fabric *site; /* NULL: no file */
    int nccl;         /* as NCCL_VERSION_CODE has it, 22105 is 2.21.5; 0: 2.21 or later */
    int nodes;        /* of the job */
    bool verify;      /* rather fail than fall back to sockets */
    bool pinned;      /* the task is bound to cores near its GPU */
    const char *root; /* that of nics, for files that the site names; NULL: this machine */
    /* The value that the user has given, and in a few words where; NULL unset. NULL: none is given.
     */
    const char *(*get)(void *data, const char *name, const char **where);
    void *data;
};

/* The caller destroys it. NULL: out of memory, or addresses in site that conf would have refused.
 */
struct fabric *fabric_create(const struct fabric_input *input, struct sft_error *err);
void fabric_destroy(struct fabric *fabric);

/* NULL when the table has no such name. */
const struct fabric_variable *fabric_find(const struct fabric *fabric, const char *name);

/* "set", "user's" or "unset". */
const char *fabric_decision_name(enum fabric_decision decision);

#endif
