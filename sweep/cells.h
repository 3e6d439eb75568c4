/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep runs: a cell for each combination of model, nodes and varied keys. Pure functions. */
#ifndef SWEEP_CELLS_H
#define SWEEP_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/request.h"
#include "sweep/options.h"

#define SWEEP_CELLS 1024
/* Bytes of a cell's request with its end: it stands in the job's comment, where the record must fit behind it. */
#define SWEEP_REQUEST 301
#define SWEEP_MARK "sft-sweep:" /* in front of it there */

struct sweep_cell {
    struct sft_request request;
    char text[SWEEP_REQUEST]; /* as --sft-bench= takes it */
    int had, alive, bad;      /* runs that are complete; pending or running; failed, partial or cancelled */
    double seconds;           /* of one run, estimated; NaN: not predicted */
    int gpus;                 /* of one run; 0: none, or not known */
    char refused[256];        /* why it cannot run; "" */
};

struct sweep_cells {
    size_t count;
    struct sweep_cell *cell;
};

/* By models, then varied values, then nodes. Fails on an unknown model or key, a value that is none, white space in
 * one, a combination twice, more than SWEEP_CELLS, and requests that are too long for a comment. */
int sweep_cells_make(struct sweep_cells *cells, const struct sweep_options *options, struct sft_error *err);
void sweep_cells_clear(struct sweep_cells *cells);

/* The cell that the request asks for, or a run of it was; NULL: none. The request may say more than the cell. */
struct sweep_cell *sweep_cells_find(struct sweep_cells *cells, const char *request);
/* A cell of a request that is known from a job alone; NULL where it cannot be read or there is no memory. */
struct sweep_cell *sweep_cells_add(struct sweep_cells *cells, const char *request);

#endif
