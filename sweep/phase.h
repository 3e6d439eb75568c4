/* SPDX-License-Identifier: Apache-2.0 */
/* A suite's phases, one after the other, and the cells of each. Pure functions: what is complete,
 * pending and missing is counted in the cells, as a sweep's, so that a phase is known by Slurm
 * alone. */
#ifndef SWEEP_PHASE_H
#define SWEEP_PHASE_H

#include "sweep/cells.h"
#include "sweep/names.h"
#include "sweep/state.h"
#include "sweep/suite.h"

/* The report, which has no cells, follows. */
enum phase { PHASE_VERIFY, PHASE_SMOKE, PHASE_MODELS, PHASES };

const char *phase_title(enum phase phase);

/* Runs of each cell. */
int phase_repeat(enum phase phase, const struct sweep_options *options);

/* Which nodes a suite uses, and why not the others. */
struct phase_nodes {
    struct words good;       /* on which it runs; before verify has said anything: all there are */
    struct words away;       /* down or drained now */
    struct words bad;        /* by verify */
    struct words unknown;    /* verify could not tell; good all the same */
    struct words unverified; /* there, and not in the run of verify */
    struct words verified;   /* all that were in it */
    struct words absent;     /* the suite's, and not there now: their runs are missing */
    int reach;               /* how many there are, with the bad ones and the absent ones */
};

/* Of the nodes that are there and that are not, by what verify found; NULL: nobody has verified
 * them. The suite's are those that verify did not call bad, or, without it, those in `ran`. Fails
 * without memory, and where the record does not name all that are bad, or others than Slurm's. To
 * be cleared in any case. */
int phase_nodes_choose(struct phase_nodes *nodes, const struct words *there,
                       const struct words *away, const struct sweep_verify *verify,
                       const struct words *ran, struct sft_error *err);

/* The nodes of Slurm on which it must not place a run: those that verify has not called good, also
 * where they come back later. */
void phase_nodes_exclude(struct words *out, const struct phase_nodes *nodes,
                         const struct words *there);
void phase_nodes_clear(struct phase_nodes *nodes);

/* The nodes on which jobs of the name run, ran or must run. */
void phase_nodes_ran(struct words *ran, const struct sweep_state *state);

/* The cells: verify on all nodes that are there (`count`); a smoke training on each of the good and
 * of the absent ones; the models on each number of nodes that they, or the suite, are to run on,
 * with the absent ones, too. Fails on requests that cannot be, and on one that smoke trainings and
 * models share. */
int phase_cells(struct sweep_cells cells[PHASES], enum phase phase, const struct suite *suite,
                const struct sweep_options *options, const struct phase_nodes *nodes, int count,
                struct sft_error *err);

/* Refuse the cells of absent nodes. */
void phase_cells_refuse(struct sweep_cells *cells, const struct phase_nodes *nodes);

/* Cells that are refused and have not all their runs. */
int phase_refused(const struct sweep_cells cells[PHASES], const struct sweep_options *options);

/* The first phase that is not whole, where all have been counted; PHASES: the report is next. */
enum phase phase_next(const struct sweep_cells cells[PHASES], const struct sweep_options *options);

/* Has somebody cancelled a job since `begun`? Then nothing more is to be submitted. */
bool phase_was_cancelled(const struct sweep_state *begun, const struct sweep_state *now);

/* Has the accounting every complete run's record? Until then neither a verdict nor a report is
 * whole. */
bool phase_is_accounted(const struct sweep_state *state);

#endif
