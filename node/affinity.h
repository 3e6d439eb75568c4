/* SPDX-License-Identifier: Apache-2.0 */
/* Which cores, memory and NICs belong to each task of a node: those near its GPU.
 *
 * A plan is made for all of the node's tasks at once, because they share a NUMA node's cores, and a
 * task applies its own entry. The same input gives every task the same plan, so each may make it
 * for itself: slurm_spank_task_init is the place, in the task, as the user, after Slurm's cgroup
 * and its own binding and before exec. There is one thread then, which affinity_machine_create
 * wants.
 *
 *     a user's --cpu-bind, in words or as SLURM_CPU_BIND in srun's environment: leave all this out
 *     allowed = affinity_allowed(SLURM_CPU_BIND_TYPE is "mask_cpu:" ? SLURM_CPU_BIND_LIST : NULL)
 *     machine = affinity_machine_create(NULL)
 *     plan = affinity_plan_for(machine, what each of the node's tasks was told of its GPUs)
 *     affinity_apply(&plan->task[local rank]); log task[local rank].reason
 *
 * None of this may fail a step: on -1 or NULL, log the text and start the task as it is. */
#ifndef SFT_NODE_AFFINITY_H
#define SFT_NODE_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"

#define AFFINITY_GPUS 64 /* on one node; with more, create refuses */
#define AFFINITY_TASKS 1024
#define AFFINITY_TEXT 320

/* A node's cores, NUMA nodes, GPUs and NICs. */
struct affinity_machine;

/* Where to read it; NULL members mean this machine. For tests: hwloc's synthetic description of
 * cores and NUMA nodes, and the folder that holds sys/ and proc/. */
struct affinity_source {
    const char *synthetic;
    const char *root;
};

/* source NULL: this machine. PCI devices are read from sysfs and not through hwloc, whose discovery
 * reads each device's configuration space: up to a millisecond a device in a virtual machine.
 * Sets and unsets HWLOC_PLUGINS_PATH (no plugin of hwloc is wanted: some open CUDA or X), so no
 * other thread may read the environment meanwhile. NULL on failure. */
struct affinity_machine *affinity_machine_create(const struct affinity_source *source,
                                                 struct sft_error *err);
void affinity_machine_destroy(struct affinity_machine *machine);

/* The GPUs that the tasks see, in the order of their CUDA device numbers. */
struct affinity_gpus {
    int count;                /* 0: the node has none, or none is left to the step */
    int gpu[AFFINITY_GPUS];   /* the machine's GPUs in PCI order, from 0 */
    char note[AFFINITY_TEXT]; /* how they were found, and what is uncertain about it */
    int pools;                /* the GPUs among which CUDA's indices count, by index */
    int pool[AFFINITY_GPUS];
};

/* cuda: CUDA_VISIBLE_DEVICES: indices or UUIDs (or their beginnings), "" or -1 for none. slurm:
 * SLURM_STEP_GPUS or SLURM_JOB_GPUS: the node's device minors. Either may be NULL, unset: with
 * neither, all GPUs in PCI order, which is CUDA's under CUDA_DEVICE_ORDER=PCI_BUS_ID and for equal
 * GPUs. Where Slurm confines devices, CUDA's indices count the step's GPUs from 0; they are read so
 * when they are 0..n-1 of the n GPUs that slurm names. -1: a text that is not of that form, MIG (an
 * instance has no cores of its own), a GPU not there. */
int affinity_gpus_find(const struct affinity_machine *machine, const char *cuda, const char *slurm,
                       struct affinity_gpus *gpus, struct sft_error *err);

struct affinity_task {
    char gpus[AFFINITY_TEXT]; /* PCI addresses, comma between */
    bool pinned;              /* without it, the task stays where it was: reason says why */
    char *cpus;               /* "0-11,96-107"; "" when not pinned */
    int cores;                /* distinct cores in cpus */
    char numa[64];            /* NUMA nodes for its memory, "0" or "0-1"; "" when not pinned */
    char distance[8]; /* of the nearest NICs: PIX, PXB, PHB, NODE or SYS (man nvidia-smi); "" */
    char nics[AFFINITY_TEXT]; /* their names, comma between; "" when there is none or it is unknown
                               */
    char reason[AFFINITY_TEXT];
};

struct affinity_plan {
    int count; /* the node's tasks */
    struct affinity_task *task;
    char note[AFFINITY_TEXT]; /* affinity_gpus' */
    char pool[AFFINITY_TEXT]; /* of affinity_plan_for's rank: PCI addresses by CUDA's index; "" too
                                 many */
};

/* Task i has the gpus_per_task GPUs from i * gpus_per_task on, beginning again when they run out.
 * allowed: CPUs as in "0-11,96-107"; NULL: all of the machine.
 * The allowed cores of a NUMA node are divided among the GPUs in use there, and a GPU's share among
 * its tasks: whole cores with their hyper-threads, in runs whose sizes differ by one at most. With
 * fewer cores than tasks hyper-threads are divided; with fewer hyper-threads than tasks nobody
 * there is pinned. If a GPU's share were too small for its tasks while others' are not, tasks
 * instead of GPUs share evenly. No CPU is in two tasks, and none outside of allowed. NULL on a bad
 * argument. */
struct affinity_plan *affinity_plan_create(const struct affinity_machine *machine,
                                           const struct affinity_gpus *gpus, int tasks,
                                           int gpus_per_task, const char *allowed,
                                           struct sft_error *err);
/* The same with each task's GPUs: uses[i] has bit g for gpus->gpu[g], 0 for none. */
struct affinity_plan *affinity_plan_create_uses(const struct affinity_machine *machine,
                                                const struct affinity_gpus *gpus,
                                                const uint64_t *uses, int tasks,
                                                const char *allowed, struct sft_error *err);

/* What a task was told of its GPUs, as affinity_gpus_find takes it. */
struct affinity_told {
    const char *cuda, *slurm;
};

struct affinity_ask {
    int tasks, rank;                  /* on this node; the plan is for this rank */
    const struct affinity_told *told; /* [tasks] */
    bool alone;                       /* only told[rank] is known */
    int step_gpus; /* the step's GPUs on this node, of all tasks together; 0: not known */
    const char *allowed;
};

/* Task i's GPU is the one that sft-bench-job takes: of its list the i-th, beginning again. Tasks
 * that were told the same share that list in turn; tasks with lists of their own (--gpus-per-task,
 * --ntasks-per-gpu, --gpu-bind) have the part of the cores that belongs to their GPUs. alone, and
 * the list is a task's own: its GPU's part as if all GPUs of the node were in use, so that no two
 * tasks overlap whatever the others have; the plan has a task for each GPU then. NULL when the
 * rank's own list is no good; of others' lists, that of no GPU. */
struct affinity_plan *affinity_plan_for(const struct affinity_machine *machine,
                                        const struct affinity_ask *ask, struct sft_error *err);
void affinity_plan_destroy(struct affinity_plan *plan);

/* A table with one line a task, and the note before it when there is one. */
void affinity_print(FILE *file, const struct affinity_plan *plan);

/* The CPUs that this process may use, as "0-11,96-107"; the caller frees. masks: Slurm's binding of
 * all the node's tasks, "0xf,0xf0": their union, as far as the cpuset allows it, because Slurm has
 * narrowed each task to its own already. NULL: this process's own mask. Leaves the mask as it was.
 */
char *affinity_allowed(const char *masks, struct sft_error *err);

/* Bind the calling thread to the task's CPUs and prefer its NUMA nodes' memory (an allocation still
 * succeeds elsewhere). Nothing when it is not pinned. When only the memory fails, the CPUs stay
 * bound. */
int affinity_apply(const struct affinity_task *task, struct sft_error *err);

#endif
