/* SPDX-License-Identifier: Apache-2.0 */
/* Folders below /tmp with the files of sysfs and proc of a described machine. One device a line:
 *
 *     gpu 0000:15/15:01.0/16:00.0/17:00.0/18:00.0 numa=0 [local=0-47] [minor=0] [uuid=GPU-...]
 *         [pcie=16x8/32x16]
 *     nic 0000:15/.../1a:00.0 numa=0 [class=0207] [model=1021] [rdma=mlx5_0:up[,down]]
 *         [net=eth0:up[,eth1:up]] [rate=400] [link=ib] [ip=10.1.0.1,fd00::1] [types=none|unknown]
 *         [pcie=16x8/32x16] [bond=bond0, the interface of the GIDs] [guid=b859:9f03:0012:3456]
 *         [board=MT_0000000838] [physfn=0000:19:00.0]
 *     net bond0:up [lower=eth0,eth1] [slaves=eth0,eth1]      an interface without a device
 *     gid mlx5_0:1 5 ::ffff:10.1.0.1 v2 eth0                 an entry in place of ip=
 *     route eth0, route6 eth0                                a default route
 *
 * (here broken, in the file one line). The path begins with the host bridge's bus and names each
 * bridge above the device. A port's GIDs are those of Linux: fe80:: and each ip as RoCE v1 and v2,
 * in this order. Without ip= a port of Ethernet has 10.0.N.1, N the number of its nic line from 1;
 * ip=none leaves fe80:: alone. A NIC of model 101e is a virtual function: without physfn= of the
 * first function of its bus that was described before it. With several ports each has its own
 * interface of net=. */
#ifndef SFT_TESTS_UNIT_NODE_MACHINE_TREE_H
#define SFT_TESTS_UNIT_NODE_MACHINE_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree {
    char root[64];
    char cpus[1024]; /* local_cpulist where a line gives none */
    int nics;
};

/* 0, or -1 with a text on stderr. tree_remove takes the folder away, also after a failure. */
int tree_create(struct tree *tree);
void tree_remove(struct tree *tree);

/* 1: made; 0: the line is of another kind; -1 with a text on stderr. */
int tree_line(struct tree *tree, const char *line);

/* A file below the root, with the folders above it. */
void tree_write(const struct tree *tree, const char *text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of " key=" in the line, or "". */
const char *tree_value(const char *line, const char *key, char *value, size_t size);

#endif
