/* SPDX-License-Identifier: Apache-2.0 */
/* Slurm's texts of generic resources and CPUs. */
#ifndef SFT_NODE_GRES_H
#define SFT_NODE_GRES_H

#include <stdbool.h>

#define GRES_TYPES 8 /* types of GPUs on one node, or in one option; more are added to the last */
#define GRES_TYPE 64

struct gres_gpus {
    char type[GRES_TYPE]; /* "": none was named */
    int count;
    bool slice; /* a part of a GPU (MIG), by its type's name */
};

/* The GPUs of `gpu:h100:8(S:0-1),gpu:1g.10gb:7,nic:2` (a node's), `gpu:2(IDX:0,3)` (a job's on one
 * node), `gres/gpu=4` (tres) or `gpu:h100:4` (an option's), by type, each type once. NULL is none.
 */
int gres_list(const char *text, struct gres_gpus list[GRES_TYPES]);

/* Does the text speak of GPUs at all? `gpu:0` does. */
bool gres_names_gpus(const char *text);

/* Is it the name of a MIG slice: 1g.10gb, nvidia_a100_3g.20gb, mig-7g? */
bool gres_is_slice(const char *type);

/* Whole GPUs of the text, slices not counted. */
int gres_gpus(const char *text);

/* The fewest CPUs of a node in `72(x2),36` (SLURM_JOB_CPUS_PER_NODE). NULL, or a text that is not
 * of that form, is 0. */
int gres_cpus(const char *text);

#endif
