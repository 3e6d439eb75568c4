/* SPDX-License-Identifier: Apache-2.0 */
/* What the site's file says of its network and of what its hardware can do: a part of struct conf.
 */
#ifndef SFT_NODE_CONF_FABRIC_H
#define SFT_NODE_CONF_FABRIC_H

#include <stdbool.h>

#include "lib/fields.h"

#define CONF_PATH 1024
#define CONF_ENVS 16  /* lines nccl_env */
#define CONF_ENV 256  /* bytes of one, with its end */
#define CONF_LIST 512 /* bytes of a list, with its end */

/* Numbers are -1 and texts "" where the site said nothing. */
struct conf_fabric {
    bool spectrum_x;           /* the kind of fabric; generic otherwise */
    char exclude[CONF_LIST];   /* NICs: patterns of devices, device:port or interfaces */
    char addresses[CONF_LIST]; /* ranges, as gid_ranges_parse takes them */
    char socket_interface[64]; /* as the site wrote it: eth0, =eth0,eth1 or ^docker */
    int traffic_class;
    int adaptive_routing;
    int qps_per_connection;
    int split_data_on_qps;
    int cross_nic;
    char net_plugin[64];
    char topo_file[CONF_PATH];
    int envs; /* nccl_env's NAME=VALUE, in the file's order; no name stands twice */
    char env[CONF_ENVS][CONF_ENV];
    char exclude_hosts[CONF_PATH]; /* as Slurm writes lists of hosts */
    int hosts_line;                /* where the file says them */
    double nvlink_gbs, nic_gbs, peak_tflops;
};

/* The rows of the network's keys. */
const struct sft_field *conf_fabric_keys(void);

void conf_fabric_init(struct conf_fabric *fabric);

#endif
