/* SPDX-License-Identifier: Apache-2.0 */
/* How a step of many GPUs passes: compute from a device's ceilings, collectives from the fabric's
 * bandwidths, laid on a timeline as the training would schedule them. Pure functions;
 * doc/scaling.md tells the assumptions. */
#ifndef SFT_LIB_TIMELINE_H
#define SFT_LIB_TIMELINE_H

#include "lib/predict.h"

/* Who keeps what of weights, gradients and optimizer states (Rajbhandari et al., ZeRO, 2020). */
enum sft_zero {
    SFT_ZERO_0,      /* every rank all of them */
    SFT_ZERO_1,      /* states over all ranks */
    SFT_ZERO_2,      /* gradients too */
    SFT_ZERO_3,      /* weights too */
    SFT_ZERO_HYBRID, /* weights and gradients over the node's ranks, states over all */
    SFT_ZERO_COUNT
};

/* Bus bandwidths as nccl-tests defines busbw. */
struct sft_fabric {
    double nvlink_gbs; /* collectives inside of a node, of one GPU */
    double nic_gbs;    /* collectives across nodes, of a whole node, all its NICs together */
    bool hops;         /* ranks that a collective passes take time, lib/nccl_time.h */
    int measured[2];   /* inside of a node, across nodes: on so many nodes, whose ranks' time is in
                          the bandwidth; 0: on none */
    bool nvlink_assumed, nic_assumed; /* neither said nor measured */
    const char *source;
};

/* 8 x H200 with NVLink, 2 x 400GbE a node. */
struct sft_fabric sft_fabric_default(void);

/* Inside of nodes of another device: what it has by its data sheet as an H200 has of its own. The
 * same where nothing is known of its links. */
void sft_fabric_of(struct sft_fabric *fabric, const char *device_name);

/* Of a run on so many nodes, what was measured of busbw with that device, at the size of a layer's
 * weights, in place of what fabric says; its start is in it. Nothing where it was not measured. */
void sft_fabric_measured(struct sft_fabric *fabric, const struct sft_ceiling *ceiling,
                         const struct sft_preset *shape, int nodes);

struct sft_layout {
    int nodes, gpus; /* gpus a node, all with one rank */
    enum sft_zero zero;
};

/* "0", "1", "2", "3", "hybrid" */
const char *sft_zero_name(enum sft_zero zero);

/* One steady step; seconds. */
struct sft_timeline {
    double step;
    double compute; /* forward and backward of all micro-batches, and the rank's part of AdamW */
    double exposed; /* of the step, waiting for collectives: step - compute */
    double nvlink, nic; /* busy */
    double tok_s;       /* tokens processed a second by all ranks */
    const char *bound;  /* what is busy longest: "compute", "NVLink" or "network" */
};

/* `work` is that of one rank. Fails never: sizes must be positive. */
struct sft_timeline sft_timeline_make(const struct sft_preset *shape, const struct sft_work *work,
                                      const struct sft_ceiling *ceiling,
                                      const struct sft_fabric *fabric,
                                      const struct sft_layout *layout);

#endif
