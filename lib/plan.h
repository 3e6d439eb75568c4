/* SPDX-License-Identifier: Apache-2.0 */
/* From what was asked and what the cluster has to what will run. Pure functions. */
#ifndef SFT_LIB_PLAN_H
#define SFT_LIB_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/preset.h"
#include "lib/request.h"

/* What is known of the cluster. 0 or "" where unknown. */
struct sft_cluster {
    char partition[64];        /* where the job will run, for messages */
    char narrowed[64];         /* what beside it says which nodes: " (with -w)" */
    int nodes;                 /* nodes that the partition, or the allocation we are in, has */
    bool allocated;            /* we are inside an allocation: its shape is fixed */
    int gpus_per_node;         /* GPUs that every node has */
    int gpus_least, gpus_most; /* of the nodes with any, where they differ */
    int cpus_per_node;         /* CPUs that every node has, to be shared out to its tasks; */
    int cpus_per_task;         /* or what each task can have */
    int tasks_per_node;        /* on each node without GPUs, where the user says more than one, */
    int ranks;                 /* and of all of them together */
};

/* Where seconds say how long is measured: these steps however long they take, since a median of
 * fewer says little, and no more than those. */
enum { SFT_PLAN_STEPS_LEAST = 5, SFT_PLAN_STEPS_MOST = 1000000 };

/* Of another task than training only what stands before seq is set, and preset is NULL. */
struct sft_plan {
    enum sft_task task;
    const struct sft_preset *preset;
    int nodes;
    int tasks_per_node;
    int gpus_per_node; /* 0: CPU only */
    int cpus_per_task; /* 0: leave to Slurm */
    int ranks;         /* nodes * tasks_per_node */
    int seq;           /* tokens of one packed sequence */
    int micro_batch;   /* sequences of one forward pass on one rank */
    int accumulation;  /* forward passes of one rank in one step */
    bool chooses;      /* the micro-batch is to be chosen: 1 until sft_plan_micro_batch says it */
    int global_batch;  /* ranks * micro_batch * accumulation */
    int steps;         /* measured; 0: as many as `seconds` take */
    double seconds;    /* measured at least; 0: `steps` say */
    double epochs;     /* passes over the data; 0: those say. Without sft_plan_epochs steps is 0 */
    int warmup;        /* steps before them */
    double lr;
    int lr_warmup;
    double weight_decay, clip;
    bool sgd; /* in place of AdamW */
    uint64_t seed;
    enum sft_method method;
    struct sft_adapters adapters; /* of method=full none */
};

/* Fill every default in and check that the parts fit: nodes against the partition or allocation,
 * gpus against the nodes', global_batch divisible by ranks * micro_batch (the message names the
 * nearest that would do). */
int sft_plan_make(struct sft_plan *plan, const struct sft_request *request,
                  const struct sft_cluster *cluster, struct sft_error *err);

/* Another size of the micro-batch, which divides micro_batch * accumulation: the step keeps its
 * sequences. */
void sft_plan_micro_batch(struct sft_plan *plan, int size);

/* Steps of the plan's epochs, where it has any, of data with so many sequences: rounded up to whole
 * ones, those of warm-up among them. A warm-up that was not asked for leaves at least one to be
 * measured. */
int sft_plan_epochs(struct sft_plan *plan, const struct sft_request *request, long sequences,
                    struct sft_error *err);

/* The same for a job that already runs with `ranks` ranks over `nodes` nodes. */
int sft_plan_make_running(struct sft_plan *plan, const struct sft_request *request, int nodes,
                          int ranks, struct sft_error *err);

#endif
