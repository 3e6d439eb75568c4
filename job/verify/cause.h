/* SPDX-License-Identifier: Apache-2.0 */
/* The causes that an ordinary user can read off a node, a row each. */
#ifndef SFT_JOB_VERIFY_CAUSE_H
#define SFT_JOB_VERIFY_CAUSE_H

#include "job/verify/judge_internal.h"

/* What it is worth where the node is not slow, or not by it. */
enum cause_alone { ALONE_NOTHING, ALONE_WARNING, ALONE_BAD };

struct seen {
    char text[160];  /* "HW power brake in 40 of 41 samples, SM clock 900 MHz, others 1755" */
    double expected; /* the ratio that it would make; NAN: the row's `lowest` and up */
    double ratio;    /* of the node, by what is seen alone: GPUs that are missing; 1 */
};

struct cause {
    const char *name;
    unsigned explains; /* CHECK_BIT of the checks that it can make slow */
    double lowest;     /* ratio: nothing slower is explained by it */
    enum cause_alone alone;
    bool of_node; /* any rank tells it for all of the node's */
    bool (*look)(const struct scene *scene, const struct judge_rank *rank, struct seen *seen);
    const char *command; /* to look closer */
};

/* Ended by one without a name; where two explain the same the first is taken. */
extern const struct cause causes[];

/* What the other nodes have: medians, and what most of them say. 0, NAN or "": nobody tells. */
double typical_gpu(const struct scene *scene, double (*get)(const struct gpu_facts *facts));
double typical_node(const struct scene *scene, double (*get)(const struct node_facts *facts));
/* The text that more than half of the nodes have which tell one. */
const char *typical_text(const struct scene *scene, enum fact_text which);

#endif
