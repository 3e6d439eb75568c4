/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: vasprintf */
#include "accounts/grid.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/csv.h"
#include "accounts/json.h"
#include "accounts/text.h"

void grid_init(struct grid *grid, const struct grid_column *column)
{
    memset(grid, 0, sizeof *grid);
    grid->column = column;
    while (column[grid->columns].name != NULL)
        grid->columns++;
}

void grid_clear(struct grid *grid)
{
    for (size_t i = 0; i < grid->lines * grid->columns; i++)
        free(grid->cell[i]);
    free(grid->cell);
    grid->cell = NULL;
    grid->lines = grid->room = 0;
}

int grid_line(struct grid *grid)
{
    if (grid->lines == grid->room) {
        size_t room = grid->room == 0 ? 16 : 2 * grid->room;
        char **grown = realloc(grid->cell, room * grid->columns * sizeof *grown);
        if (grown == NULL)
            return -1;
        grid->cell = grown;
        grid->room = room;
    }
    char **line = grid->cell + grid->lines * grid->columns;
    for (size_t c = 0; c < grid->columns; c++) {
        line[c] = strdup("");
        if (line[c] == NULL) {
            while (c > 0)
                free(line[--c]);
            return -1;
        }
    }
    grid->lines++;
    return 0;
}

int grid_set(struct grid *grid, const char *name, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -1;
    for (size_t c = 0; c < grid->columns; c++)
        if (strcmp(grid->column[c].name, name) == 0) {
            char **cell = &grid->cell[(grid->lines - 1) * grid->columns + c];
            free(*cell);
            text_make_utf8(text, strlen(text));
            *cell = text;
            return 0;
        }
    free(text);
    return -1;
}

int grid_set_real(struct grid *grid, const char *name, double value, int digits)
{
    return isfinite(value) ? grid_set(grid, name, "%.*f", digits, value) : 0;
}

static const char *grid_text(const struct grid *grid, size_t line, size_t c)
{
    return grid->cell[line * grid->columns + c];
}

/* Lines 0 and 1 are titles and units. */
static void table_cell(const struct grid *grid, size_t line, size_t c, char *cell, size_t size)
{
    const char *text = line == 0   ? grid->column[c].title
                       : line == 1 ? grid->column[c].unit
                                   : grid_text(grid, line - 2, c);
    snprintf(cell, size, "%s", line > 1 && *text == '\0' ? "-" : text);
    text_make_printable(cell);
}

static bool has_units(const struct grid *grid)
{
    for (size_t c = 0; c < grid->columns; c++)
        if (grid->column[c].unit[0] != '\0')
            return true;
    return false;
}

static void table_write_grid(const struct grid *grid, FILE *out)
{
    char cell[512];
    int *width = calloc(grid->columns, sizeof *width);
    for (size_t line = 0; width != NULL && line < grid->lines + 2; line++)
        for (size_t c = 0; c < grid->columns; c++) {
            table_cell(grid, line, c, cell, sizeof cell);
            width[c] = text_width(cell) > width[c] ? text_width(cell) : width[c];
        }
    for (size_t line = 0; width != NULL && line < grid->lines + 2; line++) {
        if (line == 1 && !has_units(grid))
            continue;
        int owed = 0; /* spaces, written only when something follows */
        for (size_t c = 0; c < grid->columns; c++) {
            table_cell(grid, line, c, cell, sizeof cell);
            int pad = width[c] - text_width(cell);
            bool words = grid->column[c].words;
            if (*cell != '\0') {
                fprintf(out, "%*s%s", owed + (words ? 0 : pad), "", cell);
                owed = words ? pad : 0;
            } else {
                owed += width[c];
            }
            owed += 2;
        }
        putc('\n', out);
    }
    free(width);
}

static void csv_write_grid(const struct grid *grid, FILE *out)
{
    for (size_t line = 0; line <= grid->lines; line++)
        for (size_t c = 0; c < grid->columns; c++) {
            if (line == 0)
                csv_heading(grid->column[c].name, grid->column[c].unit, out);
            else
                csv_field(grid_text(grid, line - 1, c), out);
            fputs(c + 1 == grid->columns ? "\r\n" : ",", out);
        }
}

static json_t *cell_json(const struct grid *grid, size_t line, size_t c)
{
    const char *text = grid_text(grid, line, c);
    return *text == '\0'           ? json_null()
           : grid->column[c].words ? json_text(text)
                                   : json_value(NULL, text);
}

static int json_write_grid(const struct grid *grid, FILE *out, struct sft_error *err)
{
    json_t *list = json_array();
    for (size_t line = 0; line < grid->lines; line++) {
        json_t *object = json_object();
        for (size_t c = 0; c < grid->columns; c++)
            json_object_set_new(object, grid->column[c].name, cell_json(grid, line, c));
        json_array_append_new(list, object);
    }
    int failed = json_dumpf(list, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0 ||
                 putc('\n', out) == EOF;
    json_decref(list);
    return failed ? sft_error_set(err, "the JSON cannot be written") : 0;
}

int grid_write(const struct grid *grid, enum grid_form form, FILE *out, struct sft_error *err)
{
    if (form == GRID_JSON)
        return json_write_grid(grid, out, err);
    if (form == GRID_CSV)
        csv_write_grid(grid, out);
    else
        table_write_grid(grid, out);
    return 0;
}
