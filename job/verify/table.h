/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, for the terminal and as verify.json. */
#ifndef SFT_JOB_VERIFY_TABLE_H
#define SFT_JOB_VERIFY_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "job/verify/judge.h"
#include "job/verify/probe.h"

/* A collective of one size, as nccl-tests counts it: bytes of the larger side, and of all ranks the
 * slowest; of the nodes, where each has its own, the slowest. */
enum { TABLE_SIZES = 160 };

struct table_size {
    enum collective_kind kind;
    bool in_node;
    int ranks;
    size_t bytes;
    double seconds, algbw, busbw; /* GB/s; the median of the repeats */
};

struct table_sizes {
    int count, nodes;
    struct table_size *size; /* [count], by place, kind and size */
};

/* A line a node: its verdict and, of each check, the least (of launch time the most) of its ranks;
 * below it of those that are not good the finding, the evidence and what to type. Then the
 * collectives by size. */
void table_print(FILE *out, const struct judge_input *input, const struct verdict *verdicts,
                 const struct table_sizes *sizes);
/* Is there a figure of any node? */
bool table_has(const struct judge_input *input, enum check check);
/* Its slowest rank's, of pairs what it reaches with its best partner; NAN: none. */
double table_figure(const struct judge_input *input, int node, enum check check);
const char *table_kind(enum collective_kind kind); /* "all-reduce" */

enum { TABLE_FORM = 1 }; /* of verify.json */
/* The same, with each rank's figures; NULL: no memory. */
json_t *table_json(const struct judge_input *input, const struct verdict *verdicts,
                   const struct table_sizes *sizes);

#endif
