/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin says of a node to the program in its tasks, by the environment: written and read
 * here alone. Both texts begin with SAID_OPENING, a magic word with the form's version, because
 * plugin and program may come from two releases.
 *
 * Of the task's GPU, cores and memory (SFT_BENCH_PLACE), words with a blank between, of which the
 * last goes to the text's end:
 *
 *     sft-node/1 cuda=0,1 gpu=0000:18:00.0 cpus=0-11 numa=0 nics=mlx5_0 distance=PIX pool=...
 * why=...
 *
 * Of NCCL's network (SFT_BENCH_FABRIC), lines of a kind and its fields, a tab between, "" for what
 * is not known; what decides stands before what may be long:
 *
 *     sft-node/1
 *     rate  800
 *     warn  text  weight (a number, 0 matters most)
 *     note  text
 *     var   NCCL_IB_HCA  set|user's|unset  value  why
 *     port  mlx5_0:1  yes|no  interface  Gb/s  NUMA node  GID's index  GID  why not  up|down ib|eth
 *           how many more virtual functions of the card the line stands for, "" none
 *     ifs   eth0:up,eth1:down
 *     cut   yes             something did not fit: nothing may be concluded from what is missing
 */
#ifndef SFT_NODE_SAID_H
#define SFT_NODE_SAID_H

#include <stdio.h>

#include "lib/error.h"
#include "node/fabric.h"

#define SAID_MAGIC "sft-node/"
#define SAID_FORM "1" /* another one with each change of what is written */
#define SAID_OPENING SAID_MAGIC SAID_FORM
#define SAID_PLACE_ENV "SFT_BENCH_PLACE"
#define SAID_FABRIC_ENV "SFT_BENCH_FABRIC"
/* The plugin's argument root=, where there is one: a described machine's files. */
#define SAID_ROOT_ENV "SFT_BENCH_ROOT"
/* The release of the plugin that srun has, and of the one on the node. */
#define SAID_SRUN_ENV "SFT_BENCH_SRUN"
#define SAID_NODE_ENV "SFT_BENCH_NODE"
#define SAID_PLACE 2600 /* bytes of the texts */
#define SAID_FABRIC 12288
#define SAID_CUDA 301

/* Fields of a line "port" and of a line "var". */
enum said_port {
    SAID_PORT_NAME,
    SAID_PORT_USED,
    SAID_PORT_NETDEV,
    SAID_PORT_RATE,
    SAID_PORT_NUMA,
    SAID_PORT_INDEX,
    SAID_PORT_GID,
    SAID_PORT_WHY,
    SAID_PORT_STATE,
    SAID_PORT_LINK,
    SAID_PORT_MORE,
    SAID_PORT_FIELDS
};
enum said_var { SAID_VAR_NAME, SAID_VAR_WHO, SAID_VAR_VALUE, SAID_VAR_WHY };

/* The words that a task's place ends with; texts that are too long are cut. */
struct said_task {
    const char *gpu, *cpus, *numa, *nics, *distance, *pool, *why;
};
void said_write_task(const struct said_task *task, char *text, size_t size);
/* The whole text; words: of said_write_task, or "why=..." alone; cuda: CUDA_VISIBLE_DEVICES, NULL
 * unset. */
void said_write_place(const char *cuda, const char *words, char *text, size_t size);
/* The word cuda=: "unset", or no blanks in it and cut. */
void said_cuda(const char *value, char text[SAID_CUDA]);

/* What does not fit is left out by whole lines. Control characters of values become '?'. */
void said_write_fabric(const struct fabric *fabric, char *text, size_t size);
/* Nothing was decided, and why. */
void said_write_no_fabric(const char *why, char *text, size_t size);

/* Behind the opening; "" where nothing was said (NULL). NULL, and err in one line, of another
 * version or none. */
const char *said_open(const char *text, struct sft_error *err);

/* The value of key= in what said_open gave of a place; the last key, why, goes to the text's end.
 * "" when it is missing. */
void said_word(const char *place, const char *key, char *value, size_t size);

/* The fields of the next line of that kind; NULL at the end. *cursor begins as what said_open gave
 * of a network. */
const char *said_next(const char **cursor, const char *kind);
/* The n-th field, from 0, of what said_next gave; "" when it is missing. */
void said_field(const char *line, int n, char *value, size_t size);

/* The ports, the variables and the notes of a network as tables. Nothing of an empty text. */
void said_print(FILE *out, const char *text);

#endif
