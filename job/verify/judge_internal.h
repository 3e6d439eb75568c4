/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the judge. */
#ifndef SFT_JOB_VERIFY_JUDGE_INTERNAL_H
#define SFT_JOB_VERIFY_JUDGE_INTERNAL_H

#include "job/verify/judge.h"

enum { JUDGE_FEW_NODES = 4 };

#define JUDGE_SIGMA_LEAST 1e-3 /* of a repeat: five of them never tell that it is less */

/* Standard deviation of one repeat, as a part of the median. */
double series_sigma(const struct series *series);
/* Of a median of so many, sigma each. */
double median_error(double sigma, int count);

/* How one rank, or one pair, stands beside the others in a check. */
struct compared {
    bool measured;
    bool held;    /* against something */
    bool suspect; /* slow, as far as is known */
    bool again;   /* slow, or so near to it that noise may hide it */
    bool bad;     /* slow, and nothing else explains it */
    enum finding_by by;
    double value, reference, ratio;
    double sigma; /* series_sigma's */
};

/* All ranks: one structure each. */
void judge_compare(const struct judge_input *input, enum check check, struct compared *ranks);
/* All pairs, once for all nodes. */
struct paired {
    double sigma; /* of one repeat, typical */
    double *room; /* [pairs] */
};

int paired_make(struct paired *paired, const struct judge_input *input); /* -1: no memory */
void paired_free(struct paired *paired);
struct compared judge_node_pairs(const struct judge_input *input, const struct paired *paired,
                                 int node);

/* What a node's figures are, beside the others'. */
struct scene {
    const struct judge_input *input;
    int node;
    struct compared worst[CHECKS]; /* of its ranks */
    int slow[CHECKS];              /* ranks that are suspect */
    int gpu[CHECKS];               /* number of the worst */
    int ranks;                     /* of the node */
};

void scene_make(struct scene *scene, const struct judge_input *input,
                struct compared *const compared[CHECKS], const struct paired *paired, int node);

/* Why: sets cause, evidence and command of a verdict whose findings stand, and its kind where a
 * fact alone is enough. */
void cause_find(const struct scene *scene, struct verdict *verdict);

#endif
