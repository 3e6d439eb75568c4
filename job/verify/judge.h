/* SPDX-License-Identifier: Apache-2.0 */
/* From what was measured of each rank and what each node says of itself to a verdict on each node:
 * pure functions of memory.
 *
 * A rank is slow in a check below the floor of its kind of GPU, or beside the others: with the
 * ranks of other nodes where there are four nodes or more, 5% less than their median; of two or
 * three nodes, 15%, and 5% beside the GPUs of its own node where that has four. It is called bad
 * only after it was measured again, when it is so far off that the noise of its own repeats does
 * not explain it (JUDGE_SIGMAS standard errors of both medians), and, of four nodes or more, that
 * the spread between the others does not either: robust z = 0.6745 (x - median) / MAD under -3.5
 * (Iglewicz and Hoaglin). What is slow and not bad after JUDGE_PASSES is a warning.
 *
 * Pairs of nodes: what a node reaches with its best partner, beside pairs without it. Bad only with
 * two partners, by the same distance.
 *
 * A check among several ranks that never gave a figure in time, though all of them were there, says
 * nothing of a node: nobody can tell whether it is good. */
#ifndef SFT_JOB_VERIFY_JUDGE_H
#define SFT_JOB_VERIFY_JUDGE_H

#include <stdbool.h>

#include "job/control/net.h"
#include "job/verify/check.h"
#include "job/verify/facts.h"

enum { JUDGE_REPEATS = 5, JUDGE_PASSES = 12, JUDGE_SERIES = JUDGE_REPEATS * JUDGE_PASSES };
enum { JUDGE_ROUNDS = 24, JUDGE_FINDINGS = 8, JUDGE_TEXT = 320, JUDGE_LATE = 120 };

#define JUDGE_SIGMAS 4.0
#define JUDGE_DOUBT 1.5 /* standard errors: nearer to the limit than that is measured again */
#define JUDGE_Z (-3.5)

/* Figures of one check, JUDGE_REPEATS or fewer a pass. */
struct series {
    int count;
    int first; /* of these are of the first pass */
    double value[JUDGE_SERIES];
};

/* One more pass; what has no room is left out. */
void series_add(struct series *series, const double *values, int count);
double series_median(const struct series *series); /* NAN: empty */
/* The passes after the first: NAN: there are none. */
double series_median_again(const struct series *series);

struct judge_rank {
    int node;
    int gpu;                      /* number in its node */
    struct series series[CHECKS]; /* CHECK_PAIR's stay empty */
    struct gpu_facts facts;
    int hung; /* enum check in which it did not come back, CHECK_WORDS: its start; -1: none */
    char failed[JUDGE_TEXT]; /* why it could not go on; "" */
    enum check failed_in;
    unsigned
        late; /* CHECK_BITs: of a team all of whose ranks are there some did not come in time */
    char late_text[JUDGE_LATE]; /* what it said of that last */
};

struct judge_node {
    char name[NET_HOST];
    struct node_facts facts;
};

/* Ranks of node a with those of node b, a < b; all that was measured of the two. */
struct judge_pair {
    int a, b;
    int late; /* tries that gave no figure in time; where none did the series is empty */
    struct series series;
    double median, sigma; /* judge_pair_add's */
};

struct judge_input {
    int nodes, ranks, pairs;
    struct judge_node *node;
    struct judge_rank *rank;
    struct judge_pair
        *pair; /* with room for nodes * (nodes - 1) / 2, or JUDGE_ROUNDS * nodes / 2 */
};

enum verdict_kind { VERDICT_GOOD, VERDICT_WARNING, VERDICT_BAD, VERDICT_UNKNOWN };

enum finding_by { BY_FLOOR, BY_NODES, BY_GPUS };

/* One check in which a node is slow: its slowest rank. */
struct finding {
    enum check check;
    enum finding_by by;
    bool bad;  /* else a warning */
    int gpu;   /* number; -1: more than half of the node's, or it has one */
    int other; /* ranks of the node that are slow in it */
    double value, reference, ratio;
};

struct verdict {
    enum verdict_kind kind;
    int findings;
    struct finding finding[JUDGE_FINDINGS]; /* the slowest first */
    double ratio;                           /* the smallest of a finding; 1 without */
    const char *cause;                      /* "hw-power-brake"; "" none found */
    char finding_text[JUDGE_TEXT];          /* "GEMMs 331 TFLOP/s, 0.50 of the other nodes' 662" */
    char evidence[JUDGE_TEXT];              /* why, or what else stands out; "" */
    char command[JUDGE_TEXT];               /* to look closer; "" */
    char drain[JUDGE_TEXT];                 /* for the admin, of a bad node; "" */
};

/* Which checks of `among` are to be measured again, on all nodes: a CHECK_BIT each, CHECK_PAIR
 * apart. 0: all is decided, or was measured JUDGE_PASSES times. */
unsigned judge_again(const struct judge_input *input, unsigned among);

/* Pairs that are to be measured next, none of which share a node; into pair[nodes / 2]; returns how
 * many. `round`s begin with 0: each node with another; then nodes that were slow, with others,
 * until they are cleared or convicted. usable: [nodes]. 0: nothing left to learn. */
int judge_pairs_next(const struct judge_input *input, int round, const bool *usable,
                     struct judge_pair *pair);
/* What a pair measured, beside what it did before. */
void judge_pair_add(struct judge_input *input, int a, int b, const double *values, int count);
/* It gave no figure in time: twice, and it is not tried again. */
void judge_pair_late(struct judge_input *input, int a, int b);
bool judge_pair_measured(const struct judge_pair *pair);

void judge_nodes(const struct judge_input *input, struct verdict *verdicts);

/* Exit status of monitoring tools: 0 all good, 1 warning, 2 bad, 3 could not tell. */
int judge_status(const struct verdict *verdicts, int nodes);
/* Of bad, could not tell, warning, good: the first that a node has. */
enum verdict_kind judge_worst(const struct verdict *verdicts, int nodes);
const char *verdict_name(enum verdict_kind kind);

#endif
