/* SPDX-License-Identifier: Apache-2.0 */
/* What NCCL's collectives take more than their bytes: each rank that a ring passes adds its time,
 * which among thousands is more than the bytes'. By the model that NCCL chooses algorithm and
 * protocol by (src/graph/tuning.cc, the same defaults from 2.19 to 2.30, GPUs joined by NVLink).
 * NVLS and PAT, which begins with 2.23 and takes one GPU a node, are left out. Pure functions. */
#ifndef SFT_LIB_NCCL_TIME_H
#define SFT_LIB_NCCL_TIME_H

enum sft_collective_kind {
    SFT_ALL_GATHER, /* or a reduce-scatter: a ring, the one that NCCL has for them */
    SFT_ALL_REDUCE  /* a ring or a tree */
};

/* Seconds beside `transfer`, those that the bytes take of a ring that sustains its busbw, over that
 * many GPUs of each of that many nodes: of the algorithm and protocol with the least of both.
 * The bytes of an all-reduce pass twice. 0 for one rank. */
double sft_nccl_more(enum sft_collective_kind kind, int nodes, int gpus, double transfer);

#endif
