/* SPDX-License-Identifier: Apache-2.0 */
/* Described clusters for the judge: what each node measures and says. */
#ifndef SFT_TESTS_UNIT_VERIFY_CLUSTER_H
#define SFT_TESTS_UNIT_VERIFY_CLUSTER_H

#include <stdint.h>

#include "job/verify/judge.h"

enum { CLUSTER_NODES = 64, CLUSTER_GPUS = 8 };

struct cluster {
    struct judge_input input;
    int gpus;
    double noise;   /* of each measurement, a part of it, normal */
    uint64_t drawn; /* random numbers so far */
    uint64_t seed;
    double speed[CLUSTER_NODES * CLUSTER_GPUS][CHECKS]; /* of a rank, of a healthy one's 1 */
    struct judge_node node[CLUSTER_NODES];
    struct judge_rank rank[CLUSTER_NODES * CLUSTER_GPUS];
    struct judge_pair pair[CLUSTER_NODES * JUDGE_ROUNDS / 2];
    struct verdict verdict[CLUSTER_NODES];
    int passes; /* of all checks together, after the first */
    int paired; /* pairs after the first round */
};

/* Healthy H200 nodes with so many GPUs, named as the customer's: fukushimadc-02-hgx-0001 and so
 * on, 0008 left out. */
void cluster_make(struct cluster *c, int nodes, int gpus, double noise, uint64_t seed);
/* The node with that number in its name has that part of the others' speed in the checks of the
 * mask; on all of its GPUs, or on that one. */
void cluster_slow(struct cluster *c, int number, unsigned checks, double speed);
void cluster_slow_gpu(struct cluster *c, int number, int gpu, unsigned checks, double speed);
/* Facts of a node, and of its GPU. */
struct node_facts *cluster_node(struct cluster *c, int number);
struct gpu_facts *cluster_gpu(struct cluster *c, int number, int gpu);
/* Measures all, what the judge wants again, the pairs; and judges. */
void cluster_verify(struct cluster *c);
struct verdict *cluster_verdict(struct cluster *c, int number);
/* Nodes called that. */
int cluster_count(const struct cluster *c, enum verdict_kind kind);

#endif
