/* SPDX-License-Identifier: Apache-2.0 */
/* What ports' counters say of a run: bytes, congestion, trouble. A pure function. */
#ifndef SFT_NODE_COUNTERS_JUDGE_H
#define SFT_NODE_COUNTERS_JUDGE_H

#include "node/counters.h"

#define COUNTERS_HOST 64
#define COUNTERS_TROUBLE 600 /* bytes of its text */

/* A port that collectives use, with what its counters have grown by. */
struct counters_port {
    int node;                 /* from 0 */
    char host[COUNTERS_HOST]; /* of that node */
    char name[NIC_NAME + 4];  /* mlx5_0:1 */
    double grown[COUNTERS];   /* as counters_grown */
};

struct counters_sums {
    double sent, received; /* bytes of all ports; NAN where no port tells */
    double congested;      /* packets marked by switches, as the receivers saw them; NAN */
    double paused; /* share of the time that the port was held which was held longest; NAN */
    char trouble[COUNTERS_TROUBLE]; /* "HOST mlx5_0:1 packet_seq_err 12; ..."; "" none */
    int troubles;                   /* ports, or nodes, in it */
};

/* `expected`: bytes that each node's collectives should have sent, by node, NAN or NULL: not known.
 * Trouble are faults; what is resent a GB more than five times as often as the median of three
 * ports or more; held for more than 1% of `seconds`; pauses asked for; and a node whose ports sent
 * less than nine tenths of what its collectives needed (they went elsewhere), or more than a
 * quarter above it (others use the ports). */
void counters_judge(struct counters_sums *sums, const struct counters_port *ports, int count,
                    const double *expected, int nodes, double seconds);

#endif
