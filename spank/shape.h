/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a job can get, and the best shape that they have in common. Pure: tables in, numbers
 * out. */
#ifndef SFT_SPANK_SHAPE_H
#define SFT_SPANK_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/plan.h"
#include "node/gres.h"
#include "lib/words.h"

/* CPUs of a task on a GPU at the most: it drives one GPU, and more would only be kept from others.
 */
#define SHAPE_GPU_TASK_CPUS 32

/* Texts are the caller's and may be NULL; numbers are 0 where nothing is known or nothing limits.
 */
struct shape_node {
    const char *name, *features, *gres;
    int cpus;             /* that jobs can have: without what is kept for the system */
    int sockets, threads; /* threads of CPUs on each core */
    long memory;          /* MB that jobs can have */
    bool down;            /* away or drained */
};

struct shape_partition {
    const char *name;      /* NULL: all nodes, of whatever partition */
    const int32_t *ranges; /* pairs of first and last index of nodes, ended by -1; NULL: all */
    int max_nodes;         /* of a job */
    int cpus_per_node, cpus_per_socket; /* MaxCPUsPerNode, MaxCPUsPerSocket */
    long mem_per_cpu;                   /* MB that a CPU brings along, where memory is given out */
};

struct shape_site {
    struct shape_node *node;
    int nodes;
};

/* What narrows the nodes, and what the tasks want of them. */
struct shape_wish {
    const char *features;        /* --constraint; NULL */
    const struct words *with;    /* --nodelist: these, and others only if more are wanted; NULL */
    const struct words *without; /* --exclude, or the site's; NULL */
    const struct words *within;  /* a reservation's, or those that Slurm named; NULL: any */
    int nodes;                   /* wanted; 0: any number */
    int gpus;                    /* GPUs, and so tasks, on each node; -1: what there is */
    int tasks;                   /* tasks on each node without GPUs; 0: one */
    const char *type;            /* only GPUs of this type; "" or NULL: whole ones of any */
    int threads;                 /* CPUs of a core that may be used; 0: all */
    long mem_per_cpu;            /* --mem-per-cpu, MB; -1: memory does not go by CPUs */
    int cpus;                    /* CPUs on a node by a limit on the user's jobs; 0: none */
    int site_gpus;               /* GPUs of every node, in place of what gres says; -1: none said */
};

/* What was found. */
struct shape {
    int nodes; /* nodes that have it; what a job of the partition can have at the most */
    int gpus;  /* of each: the wanted number, the most if that is too much, or what most nodes have
                */
    int most;  /* GPUs of the node with the most */
    int least; /* and with the fewest, of those with any */
    int cpus_per_task;
    int narrowed; /* nodes of the partition that the wish left over */
    char
        type[GRES_TYPE]; /* to be asked for by name, because the nodes have others beside; "": no */
    char slice[GRES_TYPE]; /* the nodes have no whole GPU, but such slices; "": no */
    bool short_of_cpus;    /* no node has a CPU for each of the tasks */
    const char *limit; /* then: what keeps the CPUs back, "MaxCPUsPerNode=1"-like name, or NULL */
};

/* Look through the partition's nodes. Of nodes that are down only as many count as are wanted
 * beyond the others. Always answers. */
void shape_make(struct shape *shape, const struct shape_site *site,
                const struct shape_partition *partition, const struct shape_wish *wish);

#endif
