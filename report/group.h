/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that may be compared, side by side: a series is the same work (model, method, precision,
 * data, tokenizer, shape of a rank's work) with the same software on the same kind of device; its
 * cells are its numbers of nodes; a cell's runs are repeats of one thing: the same work done in the
 * same way. A plan may share and recompute otherwise on other numbers of nodes, which is marked;
 * runs of several ways on one number of nodes are a series each. What may not be counted with the
 * others stands beside them with a reason, and is never averaged in. All figures of the page, the
 * table of groups and the comparison come from here, so that they agree. Pure: nothing is read or
 * written. */
#ifndef REPORT_GROUP_H
#define REPORT_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "accounts/rows.h"

#define GROUP_REPEATS 3 /* fewer are marked */

/* Why a run is not counted; a run may have several. */
enum group_aside {
    GROUP_NOT_COMPLETE = 1,  /* running, partial, failed or unknown */
    GROUP_COMMENT_ALONE = 2, /* stands in the user's comment alone */
    GROUP_IMPOSSIBLE = 4, /* tflops, or what tok_s needs at least, above the roofline of its device,
                           * mfu above 100%, or no finite positive step_ms, tok_s and samples_s */
    GROUP_INCONSISTENT = 8, /* its own figures contradict each other (tok_s * its steps against
                             * global_batch * seq, tflops / peak_tflops against mfu) by over 1% */
    GROUP_DOUBTED = 16, /* the step daemon found program, nodes, ranks or time at odds with it */
};

/* What a reader must know of a cell or a series before using its figures. */
enum group_mark {
    GROUP_FEW = 1,  /* fewer than GROUP_REPEATS counted runs */
    GROUP_WAYS = 2, /* states, sharing, recomputation or the version of collectives are not those
                     * of the first cell */
    GROUP_SYNTHETIC = 4, /* generated data */
    GROUP_EDITED = 8,    /* a counted run's comment was edited; the figure is the admin comment's */
    GROUP_ASIDE = 16,    /* runs stand aside */
    GROUP_SPREAD = 32,   /* the counted runs' tok_s differ: (max - min) / median over 5% */
    GROUP_OUTLIER = 128, /* one of the counted runs' tok_s stands apart from the others */
    GROUP_DRIFT = 256,   /* they rise or fall from run to run */
    GROUP_UNSTEADY = 512, /* a counted run's throughput is not that of its median step */
    GROUP_OLD = 1024,     /* records of the first form: throughput over the median step */
    GROUP_FILES = 2048,   /* a counted run was read from a result.json */
    GROUP_PEAK = 4096,    /* a counted run's MFU is of a peak that was said */
    GROUP_LAST = GROUP_PEAK,
    GROUP_OTHERS = 64, /* repeats differ in what is left out by choice: hosts, seed, length, NCCL's
                        * variables */
};

/* A figure over a cell's counted runs that have it. */
struct group_figure {
    size_t count; /* 0: nobody has it, the rest is NaN */
    double median, min, max;
    double mad; /* median absolute deviation, not scaled */
};

struct group_cell {
    int nodes;
    int ranks;
    size_t count; /* counted runs, by start, job and step */
    const struct row **run;
    size_t aside;
    const struct row **aside_run;
    unsigned *aside_why; /* [aside] of enum group_aside */
    unsigned marks;      /* of enum group_mark */
    /* tok_s a rank over that of the series' smallest number of nodes with counted runs, %; NaN
     * where there are none. Derived; base_nodes says of what. */
    double efficiency;
};

/* What else the same work is, what software did it, and in which way: keys of the record. */
enum {
    GROUP_WORK_KEYS = 11,       /* from 0 */
    GROUP_SOFTWARE_KEYS = 14,   /* from there */
    GROUP_COLLECTIVE_KEYS = 18, /* the way: states, sharing, recomputation, pinning, */
    GROUP_KEYS = 20, /* and the libraries of collectives, which a lone rank has none of */
};
extern const char *const group_keys[GROUP_KEYS];

struct group_series {
    const char *model, *method, *precision, *data, *device, *backend; /* "" unknown; of its rows */
    int seq, micro_batch, accumulation;                               /* 0: not in the record */
    int ranks_per_node;
    /* Of its first row, "" not in the record; the way is every cell's only where no cell has
     * GROUP_WAYS. */
    const char *key[GROUP_KEYS];
    int base_nodes;   /* efficiency's; 0: no counted runs */
    unsigned marks;   /* of all its cells */
    unsigned differs; /* in what from others of its model, method and precision; group_title.c */
    size_t count;     /* cells, by nodes */
    struct group_cell *cell;
};

struct groups {
    size_t count; /* by the models' size, then name, method, precision, the rest */
    struct group_series *series;
    const struct rows *rows;
    size_t runs, counted; /* rows, and those of them that count */
};

/* The rows must outlive the groups and not change. Fails only without memory. */
int groups_make(struct groups *groups, const struct rows *rows, struct sft_error *err);
void groups_clear(struct groups *groups); /* NULL does nothing */

/* A cell with counted runs, and its series. */
struct group_place {
    const struct group_series *series;
    const struct group_cell *cell;
};

/* The next cell with counted runs after *place (all NULL: the first); false at the end. */
bool group_next(const struct groups *groups, struct group_place *place);

/* A record's key over the cell's counted runs. */
struct group_figure group_figure(const struct group_cell *cell, const char *key);

/* Words for a single bit, untranslated: "partial or failed", "fewer than 3 repeats". */
const char *group_aside_text(unsigned bit);
const char *group_mark_text(unsigned bit);

#endif
