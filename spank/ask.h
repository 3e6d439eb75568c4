/* SPDX-License-Identifier: Apache-2.0 */
/* What the user's own options, and their variables, say of nodes, tasks, GPUs and CPUs. Pure. */
#ifndef SFT_SPANK_ASK_H
#define SFT_SPANK_ASK_H

#include <stdbool.h>

#include "lib/request.h"
#include "spank/cmdline.h"
#include "node/gres.h"
#include "lib/words.h"

/* Numbers are 0, of GPUs -1, and texts NULL where the user said nothing. */
struct ask {
    const char *partition, *nodelist, *exclude, *features, *reservation, *account, *qos;
    struct words with, without; /* nodelist's and exclude's hosts */
    bool step;                  /* srun's words: tasks start with them */
    int nodes;                  /* -N; -1: not one number */
    int ntasks, tasks_per_node;
    bool tasks_by_gpu; /* --ntasks-per-gpu=1: Slurm counts the tasks */
    int gpus;          /* on each node */
    int gpus_total;
    bool gpus_by_task;    /* --gpus-per-task=1 */
    char type[GRES_TYPE]; /* of the GPUs, "": any */
    char said[96];        /* the words on GPUs, for messages: "--gres=gpu:1" */
    int threads;          /* of a core that may be used */
    long mem_per_cpu;     /* MB; -1: memory was said in another way */
    bool cpus;            /* the CPUs of a task are the user's to say */
};

/* Which program: its variables begin with SLURM_, SBATCH_ or SALLOC_. */
enum ask_program { ASK_SRUN, ASK_SBATCH, ASK_SALLOC };

/* Read options, and outside of an allocation variables. Fails on what can make no plan: two ranks
 * on a GPU, two GPUs of a rank, --gpus-per-socket. ask_clear always. */
int ask_read(struct ask *ask, const struct cmdline *user, enum ask_program program, bool allocated,
             struct sft_error *err);
void ask_clear(struct ask *ask);

/* The value of one option or of its variable, NULL. */
const char *ask_value(const struct cmdline *user, enum ask_program program, const char *option,
                      const char *variable);

/* Put -N and the number of --nodelist's hosts into the request that says no nodes; fails where both
 * say a number and they differ, and for a step where -N is a range. */
int ask_nodes(const struct ask *ask, struct sft_request *request, struct sft_error *err);

/* Decide on nodes and GPUs of each: the request's numbers and the user's in one, or a refusal that
 * names the key to use. most: GPUs of the node with the most; *tasks gets tasks on each node
 * without GPUs. */
int ask_settle(const struct ask *ask, struct sft_request *request, int most, int *tasks,
               struct sft_error *err);

/* The words from which the GPUs of a node follow, for messages: "--gres=gpu:4", "-n 4". */
const char *ask_words(const struct ask *ask, char *text, size_t size);

#endif
