/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/cells.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sweep_cells_put(struct sweep_cells *cells, const struct sft_request *request, const char *node,
                    struct sft_error *err)
{
    struct sweep_cell *grown = realloc(cells->cell, (cells->count + 1) * sizeof *grown);
    if (grown == NULL)
        return sft_error_set(err, "no memory for %zu configurations", cells->count + 1);
    cells->cell = grown;
    struct sweep_cell *cell = &grown[cells->count];
    memset(cell, 0, sizeof *cell);
    cell->request = *request;
    snprintf(cell->node, sizeof cell->node, "%s", node);
    cell->seconds = NAN;
    if (sft_request_format(request, cell->text, sizeof cell->text, NULL) < 0)
        return sft_error_set(
            err,
            "a request is longer than %d bytes, and the job's comment must hold it beside the "
            "record: shorten --with's values",
            SWEEP_REQUEST - 1);
    for (size_t i = 0; i < cells->count; i++)
        if (strcmp(grown[i].text, cell->text) == 0 && strcmp(grown[i].node, node) == 0)
            return sft_error_set(err, "%s stands twice", cell->text);
    for (const char *at = cell->text; *at != '\0'; at++)
        if (isspace((unsigned char)*at) || iscntrl((unsigned char)*at))
            return sft_error_set(err, "'%.60s': no white space in a sweep's values", cell->text);
    if (++cells->count > SWEEP_CELLS)
        return sft_error_set(err, "more than %d configurations", SWEEP_CELLS);
    return 0;
}

static int set_pair(struct sft_request *request, const char *option, const char *pair,
                    const char *value, struct sft_error *err)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(pair, "="), pair);
    if (strcmp(key, "nodes") == 0)
        return sft_error_set(err, "%s: nodes are --nodes'", option);
    return sft_request_set(request, key, value, err) < 0 ? sft_error_prefix(err, "%s", option) : 0;
}

/* The varied keys from the k-th on, then the nodes. */
static int cells_vary(struct sweep_cells *cells, const struct sweep_options *options,
                      const struct sft_request *request, int k, struct sft_error *err)
{
    char word[SFT_REQUEST_PATH];
    struct sft_request next = *request;
    if (k < options->vary_count) {
        const char *values = strchr(options->vary[k], '=') + 1;
        for (int i = 0; sweep_word(values, i, word, sizeof word); i++)
            if (set_pair(&next, "--vary", options->vary[k], word, err) < 0 ||
                cells_vary(cells, options, &next, k + 1, err) < 0)
                return -1;
        return 0;
    }
    for (int i = 0, rc; (rc = sweep_nodes_read(options->nodes, i, &next.nodes, err)) != 0; i++) {
        if (rc < 0)
            return sft_error_prefix(err, "--nodes");
        if (sweep_cells_put(cells, &next, "", err) < 0)
            return -1;
    }
    return 0;
}

static int cells_models(struct sweep_cells *cells, const struct sweep_options *options,
                        struct sft_error *err)
{
    char model[128];
    for (int i = 0; sweep_word(options->models, i, model, sizeof model); i++) {
        struct sft_request request;
        if (strpbrk(model, ":,=") != NULL)
            return sft_error_set(err, "--models: '%.60s' is no model's name; nodes are --nodes'",
                                 model);
        if (sft_request_parse(&request, model, err) < 0)
            return sft_error_prefix(err, "--models");
        if (request.task != SFT_TASK_TRAIN)
            return sft_error_set(err, "--models: %s trains nothing", model);
        for (int k = 0; k < options->with_count; k++)
            if (set_pair(&request, "--with", options->with[k], strchr(options->with[k], '=') + 1,
                         err) < 0)
                return -1;
        if (cells_vary(cells, options, &request, 0, err) < 0)
            return -1;
    }
    return 0;
}

int sweep_cells_make(struct sweep_cells *cells, const struct sweep_options *options,
                     struct sft_error *err)
{
    memset(cells, 0, sizeof *cells);
    if (options->models == NULL || cells_models(cells, options, err) == 0)
        return 0;
    sweep_cells_clear(cells);
    return -1;
}

void sweep_cells_clear(struct sweep_cells *cells)
{
    free(cells->cell);
    memset(cells, 0, sizeof *cells);
}

void sweep_cells_resolve(struct sweep_cells *cells, const struct conf_data *names)
{
    for (size_t i = 0; i < cells->count; i++) {
        struct sweep_cell *cell = &cells->cell[i];
        memcpy(cell->data, cell->request.data, sizeof cell->data);
        memcpy(cell->eval, cell->request.eval, sizeof cell->eval);
        conf_data_resolve(names, cell->data);
        conf_data_resolve(names, cell->eval);
    }
}

/* The record's request has the files that the site's names of data stand for. */
static bool cell_covers(const struct sweep_cell *cell, const struct sft_request *actual)
{
    struct sft_request wanted = cell->request;
    if (sft_request_covers(&wanted, actual))
        return true;
    if (cell->data[0] == '\0' && cell->eval[0] == '\0')
        return false;
    memcpy(wanted.data, cell->data, sizeof wanted.data);
    memcpy(wanted.eval, cell->eval, sizeof wanted.eval);
    return sft_request_covers(&wanted, actual);
}

static bool cell_is(const struct sweep_cell *cell, struct sft_request *actual, bool asked)
{
    char text[SFT_REQUEST_MAX];
    /* verify is of all nodes that there were, and done where it is done of fewer. */
    if (actual->task == SFT_TASK_VERIFY && cell->request.task == SFT_TASK_VERIFY)
        actual->nodes = cell->request.nodes;
    if (!asked)
        return cell_covers(cell, actual);
    return sft_request_format(actual, text, sizeof text, NULL) == 0 &&
           strcmp(cell->text, text) == 0;
}

struct sweep_cell *sweep_cells_find(struct sweep_cells *cells, const char *request, bool asked,
                                    const char *node)
{
    struct sft_request actual;
    char text[SFT_REQUEST_MAX];
    if (sft_request_parse(&actual, request, NULL) < 0 ||
        sft_request_format(&actual, text, sizeof text, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < cells->count; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        if ((cell->node[0] == '\0' || strcmp(cell->node, node) == 0) &&
            cell_is(cell, &actual, asked))
            return &cells->cell[i];
    }
    return NULL;
}

struct sweep_cell *sweep_cells_add(struct sweep_cells *cells, const char *request)
{
    struct sft_request actual;
    return sft_request_parse(&actual, request, NULL) == 0 &&
                   sweep_cells_put(cells, &actual, "", NULL) == 0
               ? &cells->cell[cells->count - 1]
               : NULL;
}
