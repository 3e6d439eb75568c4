/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep runs: a cell for each combination of model, nodes and varied keys. Pure functions.
 */
#ifndef SWEEP_CELLS_H
#define SWEEP_CELLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/request.h"
#include "spank/conf_data.h"
#include "sweep/options.h"

#define SWEEP_CELLS 1024
/* Bytes of a cell's request with its end: it stands in the job's comment, where the record must fit
 * behind it. */
#define SWEEP_REQUEST 301

#define SWEEP_NODE 65 /* bytes of a node's name with its end */

struct sweep_cell {
    struct sft_request request;
    char node[SWEEP_NODE];    /* that it must run on; "": any */
    char text[SWEEP_REQUEST]; /* as --sft-bench= takes it */
    int had, pending, running,
        bad;        /* runs: complete; not yet begun; under way; failed, partial or cancelled */
    double seconds; /* of one run, estimated; NaN: not predicted */
    int gpus;       /* of one run; 0: none, or not known */
    char refused[SFT_ERROR_SIZE]; /* why it cannot run; "" */
    bool unfit;                   /* because it does not fit into the GPUs' memory */
    char data[SFT_REQUEST_PATH], eval[SFT_REQUEST_PATH]; /* as the plugin has the request's,
                                                            sweep_cells_resolve; else "" */
};

struct sweep_cells {
    size_t count;
    struct sweep_cell *cell;
};

/* By models, then varied values, then nodes. Fails on an unknown model or key, a value that is
 * none, white space in one, a combination twice, more than SWEEP_CELLS, and requests that are too
 * long for a comment. */
int sweep_cells_make(struct sweep_cells *cells, const struct sweep_options *options,
                     struct sft_error *err);
void sweep_cells_clear(struct sweep_cells *cells);

/* The site's names in data= and eval= stand for files, which records have. */
void sweep_cells_resolve(struct sweep_cells *cells, const struct conf_data *names);

/* One more, on that node ("": any), which no other is alike. */
int sweep_cells_put(struct sweep_cells *cells, const struct sft_request *request, const char *node,
                    struct sft_error *err);

/* The cell of a run on `node`; NULL: none. `request` is what was asked for (`asked`), the same as
 * the cell's, or a record's, where the site may have added to it (sft_request_covers). A run of
 * verify is of the cell for any number of nodes. */
struct sweep_cell *sweep_cells_find(struct sweep_cells *cells, const char *request, bool asked,
                                    const char *node);
/* Runs of the cell that Slurm still has before it or at work. */
static inline int sweep_cell_alive(const struct sweep_cell *cell)
{
    return cell->pending + cell->running;
}

/* A cell of a request that is known from a job alone; NULL where it cannot be read or there is no
 * memory. */
struct sweep_cell *sweep_cells_add(struct sweep_cells *cells, const char *request);

#endif
