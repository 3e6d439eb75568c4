/* SPDX-License-Identifier: Apache-2.0 */
#include "report/group_print.h"

#include <string.h>

#include "accounts/grid.h"
#include "accounts/text.h"
#include "lib/figures.h"

/* What stands between the figures that are shown here. */
static const struct {
    int place;
    struct grid_column column;
} own[] = {
    {10, {"series", "SERIES", "", true}},
    {20, {"nodes", "NODES", "", false}},
    {30, {"ranks", "RANKS", "", false}},
    {40, {"runs", "RUNS", "", false}},
    {60, {"tok_s_min", "MIN", "tokens/s", false}},
    {70, {"tok_s_max", "MAX", "tokens/s", false}},
    {90, {"efficiency", "SCALING", "%", false}},
    {900, {"marks", "MARK", "", true}},
    {910, {"jobs", "JOBS", "", true}},
};
#define OWN (sizeof own / sizeof *own)

/* The figures of a cell: medians over its counted runs. */
struct shown {
    const struct sft_figure *figure[SFT_VIEW_MAX];
    size_t count;
};

static void columns_make(const struct shown *shown, struct grid_column *column)
{
    for (size_t f = 0, i = 0; f < shown->count || i < OWN; column++) {
        if (f == shown->count ||
            (i < OWN && own[i].place < shown->figure[f]->show[SFT_GROUPS].place)) {
            *column = own[i++].column;
            continue;
        }
        const struct sft_figure *next = shown->figure[f++];
        *column = (struct grid_column){next->name, next->show[SFT_GROUPS].title, next->unit, false};
    }
    column->name = NULL;
}

char group_mark_letter(unsigned bit)
{
    static const char letters[] = "FWSEAVOLDUMRK";
    for (int i = 0; letters[i] != '\0'; i++)
        if (bit == 1u << i)
            return letters[i];
    return '?';
}

void group_letters(unsigned marks, char text[16])
{
    for (unsigned bit = 1; bit <= GROUP_LAST; bit <<= 1)
        if (marks & bit)
            *text++ = group_mark_letter(bit);
    *text = '\0';
}

void group_jobs(const struct group_cell *cell, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < cell->count; i++) {
        char id[32], job[ROW_JOB];
        int length = snprintf(id, sizeof id, "%s%s", i > 0 ? " " : "", row_job(cell->run[i], job));
        if (used + (size_t)length + 5 > size) {
            snprintf(text + used, size - used, " ...");
            return;
        }
        strcpy(text + used, id);
        used += (size_t)length;
    }
}

static int cell_figures(struct grid *grid, const struct shown *shown, const struct group_cell *cell)
{
    int rc = 0;
    for (size_t f = 0; f < shown->count; f++)
        rc |= grid_set_real(grid, shown->figure[f]->name,
                            group_figure(cell, shown->figure[f]->name).median,
                            shown->figure[f]->show[SFT_GROUPS].digits);
    return rc;
}

static int cell_add(struct grid *grid, const struct shown *shown, const struct group_series *series,
                    const struct group_cell *cell)
{
    char title[256], jobs[256], marks[16];
    struct group_figure speed = group_figure(cell, "tok_s");
    group_title(series, title, sizeof title);
    group_jobs(cell, jobs, sizeof jobs);
    group_letters(cell->marks, marks);
    return grid_line(grid) < 0
               ? -1
               : grid_set(grid, "series", "%s", title) |
                     grid_set(grid, "nodes", "%d", cell->nodes) |
                     grid_set(grid, "ranks", "%d", cell->ranks) |
                     grid_set(grid, "runs", "%zu", cell->count) | cell_figures(grid, shown, cell) |
                     grid_set_real(grid, "tok_s_min", speed.min, 0) |
                     grid_set_real(grid, "tok_s_max", speed.max, 0) |
                     grid_set_real(grid, "efficiency", cell->efficiency, 1) |
                     grid_set(grid, "marks", "%s", marks) | grid_set(grid, "jobs", "%s", jobs);
}

unsigned group_all_marks(const struct groups *groups)
{
    unsigned all = 0;
    for (size_t i = 0; i < groups->count; i++)
        all |= groups->series[i].marks;
    return all;
}

void group_print_marks(unsigned marks, FILE *out)
{
    for (unsigned bit = 1; bit <= GROUP_LAST; bit <<= 1)
        if (marks & bit)
            fprintf(out, "%c  %s\n", group_mark_letter(bit), group_mark_text(bit));
}

static void print_cell_aside(const struct group_cell *cell, const char *whose, FILE *out)
{
    for (size_t i = 0; i < cell->aside; i++) {
        char model[128], job[ROW_JOB];
        const char *name = sft_record_get(&cell->aside_run[i]->record, "model");
        snprintf(model, sizeof model, "%.100s", name != NULL ? name : "?");
        text_make_printable(model);
        fprintf(out, "not counted%s: job %s, %s on %d node%s:", whose,
                row_job(cell->aside_run[i], job), model, cell->nodes, cell->nodes == 1 ? "" : "s");
        for (unsigned bit = 1; bit <= GROUP_DOUBTED; bit <<= 1)
            if (cell->aside_why[i] & bit)
                fprintf(out, " %s;", group_aside_text(bit));
        fprintf(out, " state %s\n", cell->aside_run[i]->state);
    }
}

void group_print_aside(const struct groups *groups, const char *whose, FILE *out)
{
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++)
            print_cell_aside(&groups->series[i].cell[k], whose, out);
}

int group_print(const struct groups *groups, enum options_form form, FILE *out,
                struct sft_error *err)
{
    struct grid_column column[OWN + SFT_VIEW_MAX + 1];
    struct shown shown;
    struct grid grid;
    int rc = 0;
    shown.count = sft_figures_shown(SFT_GROUPS, shown.figure);
    columns_make(&shown, column);
    grid_init(&grid, column);
    for (size_t i = 0; rc == 0 && i < groups->count; i++)
        for (size_t k = 0; rc == 0 && k < groups->series[i].count; k++)
            rc = cell_add(&grid, &shown, &groups->series[i], &groups->series[i].cell[k]);
    rc = rc < 0 ? sft_error_set(err, "no memory for the groups")
                : grid_write(&grid, (enum grid_form)form, out, err);
    grid_clear(&grid);
    if (rc < 0 || form != OPTIONS_TABLE)
        return rc;
    group_print_marks(group_all_marks(groups), out);
    group_print_aside(groups, "", out);
    return 0;
}
