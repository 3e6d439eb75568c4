/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of cells under named columns, written as a table for people, as CSV or as JSON. */
#ifndef ACCOUNTS_GRID_H
#define ACCOUNTS_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"

enum grid_form { GRID_TABLE, GRID_CSV, GRID_JSON };

struct grid_column {
    const char *name;  /* in CSV and JSON; ends the list when NULL */
    const char *title; /* in the table */
    const char *unit;  /* below it, "" for none */
    bool words;        /* left-justified, and always a text */
};

struct grid {
    const struct grid_column *column;
    size_t columns, lines, room;
    char **cell; /* [lines * columns], never NULL */
};

void grid_init(struct grid *grid, const struct grid_column *column);
void grid_clear(struct grid *grid);

/* Begin a line of empty cells; then fill them by the column's name. -1 without memory. */
int grid_line(struct grid *grid);
int grid_set(struct grid *grid, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With so many digits behind the point; nothing where the value is not finite. */
int grid_set_real(struct grid *grid, const char *name, double value, int digits);

/* Empty cells are "-" in the table and null in JSON. */
int grid_write(const struct grid *grid, enum grid_form form, FILE *out, struct sft_error *err);

#endif
