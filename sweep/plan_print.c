/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/plan.h"

#include <math.h>
#include <string.h>

#include "accounts/grid.h"

int plan_missing(const struct sweep_cell *cell, int repeat)
{
    int missing = repeat - cell->had - sweep_cell_alive(cell);
    return cell->refused[0] != '\0' || missing < 0 ? 0 : missing;
}

static const struct grid_column columns[] = {
    {"request", "REQUEST", "", true},     {"gpus", "GPUS", "", false},
    {"had", "COMPLETE", "", false},       {"alive", "QUEUED", "", false},
    {"bad", "FAILED", "", false},         {"todo", "TO RUN", "", false},
    {"seconds", "EACH", "s", false},      {"all", "ALL", "s", false},
    {"gpu_hours", "GPU", "hours", false}, {NULL, NULL, NULL, false},
};

static void cell_line(struct grid *grid, const struct sweep_cell *cell, int repeat)
{
    int todo = plan_missing(cell, repeat);
    if (grid_line(grid) < 0)
        return;
    grid_set(grid, "request", "%s%s%s", cell->text, cell->node[0] != '\0' ? " on " : "",
             cell->node);
    if (cell->gpus > 0)
        grid_set(grid, "gpus", "%d", cell->gpus);
    grid_set(grid, "had", "%d", cell->had);
    grid_set(grid, "alive", "%d", sweep_cell_alive(cell));
    grid_set(grid, "bad", "%d", cell->bad);
    grid_set(grid, "todo", "%d", todo);
    grid_set_real(grid, "seconds", cell->seconds, 0);
    grid_set_real(grid, "all", cell->seconds * todo, 0);
    grid_set_real(grid, "gpu_hours", cell->seconds * todo * cell->gpus / 3600, 2);
}

void plan_gpus(const struct sweep_cells *cells, const struct plan_nodes *nodes, int repeat,
               FILE *out)
{
    const char *named = NULL;
    bool others = false;
    for (size_t i = 0; i < cells->count; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        if (isnan(cell->seconds) || plan_missing(cell, repeat) == 0)
            continue;
        const char *model = cell->request.gpu_model;
        others |= model[0] == '\0';
        if (model[0] == '\0' || (named != NULL && strcmp(named, model) == 0))
            continue;
        fprintf(out, "the estimates are for %s, as gpu_model= says\n", model);
        named = model;
    }
    if (others && nodes->gpu[0] == '\0')
        fprintf(out, "the estimates are for H200: Slurm does not say which GPUs partition %s has\n",
                nodes->partition);
    else if (others)
        fprintf(out, "the estimates are for %s, as Slurm names the GPUs of partition %s\n",
                nodes->gpu, nodes->partition);
}

void plan_add(struct plan_sum *sum, const struct sweep_cells *cells, int repeat)
{
    const char *last = ""; /* the cells of one request on nodes of their own are together */
    for (size_t i = 0; i < cells->count; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        int todo = plan_missing(cell, repeat);
        bool beside = cell->node[0] != '\0' && strcmp(last, cell->text) == 0;
        sum->jobs += todo;
        if (isnan(cell->seconds)) {
            sum->open += todo;
            continue;
        }
        sum->seconds += beside ? 0 : cell->seconds * todo;
        sum->gpu_hours += cell->seconds * todo * cell->gpus / 3600;
        if (todo > 0)
            last = cell->text;
    }
}

static void print_time(double seconds, FILE *out)
{
    if (seconds < 2 * 3600)
        fprintf(out, "%.0f min", seconds / 60);
    else
        fprintf(out, "%.1f hours", seconds / 3600);
}

void plan_sums(const struct plan_sum *sum, const struct plan_nodes *nodes, FILE *out)
{
    fprintf(out, "%d job%s to submit", sum->jobs, sum->jobs == 1 ? "" : "s");
    if (sum->jobs > sum->open) {
        fprintf(out, "; estimated ");
        print_time(sum->seconds, out);
        fprintf(out, " one after the other, %.2f GPU-hours, with %d s for a run's start assumed",
                sum->gpu_hours, PLAN_START_S);
    }
    if (sum->open > 0)
        fprintf(out, "; time not predicted of %d", sum->open);
    fprintf(out, "\n");
    if (sum->open > 0 && !nodes->can_ask && nodes->job[0] != '\0')
        fprintf(out, "no estimates: there is no %s here; --job names another\n", nodes->job);
}

void plan_table(const struct sweep_cells *cells, int repeat, FILE *out)
{
    struct grid grid;
    grid_init(&grid, columns);
    for (size_t i = 0; i < cells->count; i++)
        cell_line(&grid, &cells->cell[i], repeat);
    grid_write(&grid, GRID_TABLE, out, NULL);
    grid_clear(&grid);
    plan_refused(cells, repeat, out);
}

void plan_refused(const struct sweep_cells *cells, int repeat, FILE *out)
{
    for (size_t i = 0; i < cells->count; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        if (cell->refused[0] != '\0' && cell->had < repeat)
            fprintf(out, "refused: %s%s%s: %s\n", cell->text, cell->node[0] != '\0' ? " on " : "",
                    cell->node, cell->refused);
    }
}

int plan_print(const struct sweep_cells *cells, const struct plan_nodes *nodes,
               const struct sweep_options *options, FILE *out)
{
    struct plan_sum sum = {0};
    fprintf(out, "sweep %s on partition %s: %zu configurations, %d runs of each\n", options->name,
            nodes->partition, cells->count, options->repeat);
    plan_table(cells, options->repeat, out);
    plan_add(&sum, cells, options->repeat);
    plan_sums(&sum, nodes, out);
    plan_gpus(cells, nodes, options->repeat, out);
    return sum.jobs;
}
