/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of verify as lines of a table, CSV or JSON. */
#include "report/verify_print.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "accounts/text.h"

static void time_text(long long at, char *text, size_t size)
{
    time_t time = (time_t)at;
    struct tm tm;
    text[0] = '\0';
    if (gmtime_r(&time, &tm) != NULL)
        strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

enum { OWN = 8, TITLE = 40 };

/* The newest run's checks are the columns: what others measured has none. */
struct columns {
    struct grid_column column[OWN + VERIFY_CHECKS + 1];
    char title[VERIFY_CHECKS][TITLE];
};

static void columns_make(struct columns *columns, const struct verify_run *run)
{
    static const struct grid_column own[] = {
        {"time", "TIME", "UTC", true},    {"step", "STEP", "", true},    {"host", "NODE", "", true},
        {"verdict", "VERDICT", "", true}, {"ratio", "RATIO", "", false},
    };
    size_t count = sizeof own / sizeof own[0];
    for (size_t i = 0; i < count; i++)
        columns->column[i] = own[i];
    for (size_t i = 0; i < run->checks; i++)
        columns->column[count++] =
            (struct grid_column){run->check[i].name, run->check[i].name, run->check[i].unit, false};
    columns->column[count++] = (struct grid_column){"finding", "FINDING", "", true};
    columns->column[count++] = (struct grid_column){"cause", "CAUSE", "", true};
    columns->column[count] = (struct grid_column){NULL, NULL, NULL, false};
}

static int digits_of(double value)
{
    double size = fabs(value);
    return size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
}

static int node_line(struct grid *grid, const struct verify_run *last, const struct verify_run *run,
                     const struct verify_node *node)
{
    char when[32];
    time_text(run->time, when, sizeof when);
    if (grid_line(grid) < 0 || grid_set(grid, "time", "%s", when) < 0 ||
        grid_set(grid, "step", "%s", run->step) < 0 ||
        grid_set(grid, "host", "%s", node->host) < 0 ||
        grid_set(grid, "verdict", "%s", verify_kind_text(node->kind)) < 0 ||
        grid_set_real(grid, "ratio", node->ratio, 2) < 0 ||
        grid_set(grid, "finding", "%s", node->finding) < 0)
        return -1;
    for (size_t i = 0; i < run->checks; i++)
        if (verify_check_find(last, run->check[i].name) >= 0 &&
            grid_set_real(grid, run->check[i].name, node->value[i], digits_of(node->value[i])) < 0)
            return -1;
    return grid_set(grid, "cause", "%s", node->cause);
}

int verify_print(const struct verifies *verifies, const char *host, enum grid_form form, FILE *out,
                 struct sft_error *err)
{
    struct columns columns;
    struct grid grid;
    const struct verify_run *last = verifies_last(verifies);
    int rc = 0;
    columns_make(&columns, last);
    grid_init(&grid, columns.column);
    for (size_t i = host == NULL ? verifies->count - 1 : 0; i < verifies->count; i++) {
        const struct verify_run *run = &verifies->run[i];
        for (size_t k = 0; rc == 0 && k < run->nodes; k++)
            if (host == NULL || strcmp(run->node[k].host, host) == 0)
                rc = node_line(&grid, last, run, &run->node[k]);
    }
    if (rc == 0 && grid.lines == 0)
        rc = sft_error_set(err, "--node %s: in none of %zu runs of verify", host, verifies->count);
    else if (rc < 0)
        sft_error_set(err, "no memory for a table");
    else
        rc = grid_write(&grid, form, out, err);
    grid_clear(&grid);
    return rc;
}
