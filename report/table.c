/* SPDX-License-Identifier: Apache-2.0 */
#include "report/table.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "accounts/text.h"
#include "lib/figures.h"

#define CELL 128 /* bytes of a cell; longer words are cut */
#define GAP 2    /* spaces between columns */

/* A column: a figure's, by its row, or one of our own between them. */
struct column {
    int place;
    const char *title;
    int yields;
    bool words; /* left-justified */
    void (*text)(const struct row *row, char *cell);
    const struct sft_figure *figure;
};

static void cell_job(const struct row *row, char *cell);
static void cell_state(const struct row *row, char *cell);
static void cell_marks(const struct row *row, char *cell);
static void cell_steps(const struct row *row, char *cell);
static void cell_user(const struct row *row, char *cell);
static void cell_date(const struct row *row, char *cell);

static const struct column own[] = {
    {10, "JOB", 0, false, cell_job, NULL},   {20, "STATE", 0, true, cell_state, NULL},
    {30, "MARK", 0, true, cell_marks, NULL}, {110, "STEPS", 4, false, cell_steps, NULL},
    {210, "USER", 6, true, cell_user, NULL}, {220, "DATE", 5, true, cell_date, NULL},
};
#define OWN (sizeof own / sizeof *own)
#define COLUMNS (OWN + SFT_VIEW_MAX)

static const struct mark {
    unsigned bit;
    char letter;
    const char *meaning;
} marks[] = {
    {ROW_PARTIAL, 'P', "partial: the run ended early; its figures are over the steps that it did"},
    {ROW_SYNTHETIC, 'S', "synthetic: trained on generated data, not on instruction records"},
    {ROW_EDITED, 'E',
     "edited: the job's comment says other figures than the step daemon published, shown here"},
    {ROW_COMMENT_ALONE, 'C',
     "comment: no step daemon published it; the job's owner can write anything there"},
    {ROW_FILE, 'R', "result.json: read from a file, for which nobody but its writer stands"},
    {ROW_MEDIAN, 'M', "median: an older record; its throughput is work over the median step"},
    {ROW_UNSTEADY, 'U', "unsteady: throughput is more than 2% off that of the median step"},
    {ROW_PEAK, 'K', "peak: MFU is of a peak that user or site said, not of the data sheet's"},
    {ROW_DOUBTED, 'D', "doubted: at odds with what Slurm and root saw, and counted nowhere"},
};
#define MARKS (sizeof marks / sizeof *marks)

struct table {
    const struct rows *rows;
    size_t columns;
    struct column column[COLUMNS];
    int width[COLUMNS];
    bool shown[COLUMNS];
};

static void cell_job(const struct row *row, char *cell)
{
    const char *step = row_step(row);
    char job[ROW_JOB];
    snprintf(cell, CELL, "%s%s%.32s", row_job(row, job), *step == '\0' ? "" : ".", step);
}

static void cell_state(const struct row *row, char *cell)
{
    snprintf(cell, CELL, "%s", row->state);
}

static void cell_marks(const struct row *row, char *cell)
{
    for (size_t i = 0; i < MARKS; i++)
        if (row->marks & marks[i].bit)
            *cell++ = marks[i].letter;
    *cell = '\0';
}

static void cell_steps(const struct row *row, char *cell)
{
    const char *asked = sft_record_get(&row->record, "steps");
    const char *done = sft_record_get(&row->record, "steps_done");
    if (asked != NULL || done != NULL)
        snprintf(cell, CELL, "%.32s/%.32s", done == NULL ? "-" : done, asked == NULL ? "-" : asked);
}

static void cell_user(const struct row *row, char *cell)
{
    snprintf(cell, CELL, "%.100s", row->user);
}

static void cell_date(const struct row *row, char *cell)
{
    time_t at = (time_t)(row->started != 0 ? row->started : row->submitted);
    struct tm tm;
    if (at != 0 && localtime_r(&at, &tm) != NULL)
        strftime(cell, CELL, "%Y-%m-%d %H:%M", &tm);
}

void table_number(const char *value, char *text, size_t size)
{
    long long whole;
    double real;
    if (sft_number_read(value, &whole, &real) != SFT_REAL) {
        snprintf(text, size, "%.100s", value);
        return;
    }
    double big = fabs(real);
    if (big != 0 && (big < 0.001 || big >= 1e9))
        snprintf(text, size, "%.3g", real);
    else
        snprintf(text, size, "%.*f", big >= 1000 ? 0 : big >= 100 ? 1 : big >= 10 ? 2 : 3, real);
}

static void fill_cell(const struct row *row, const struct column *column, char *cell)
{
    const char *value =
        column->figure == NULL ? NULL : sft_record_get(&row->record, column->figure->name);
    *cell = '\0';
    if (value == NULL && column->figure != NULL && strcmp(column->figure->name, "model") == 0)
        value = sft_record_get(&row->record, "task"); /* verify has none */
    if (column->text != NULL)
        column->text(row, cell);
    else if (value != NULL && column->words)
        snprintf(cell, CELL, "%.100s", value);
    else if (value != NULL)
        table_number(value, cell, CELL);
    if (*cell == '\0' && column->text != cell_marks)
        strcpy(cell, "-");
    text_make_printable(cell);
}

static struct column column_of(const struct sft_figure *figure)
{
    const struct sft_show *show = &figure->show[SFT_TABLE];
    bool words = figure->type == SFT_TEXT || figure->type == SFT_LIST;
    return (struct column){show->place, show->title, show->yields, words, NULL, figure};
}

static void table_columns(struct table *table)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    size_t count = sft_figures_shown(SFT_TABLE, shown), f = 0, i = 0;
    while (f < count || i < OWN)
        table->column[table->columns++] =
            i == OWN || (f < count && shown[f]->show[SFT_TABLE].place < own[i].place)
                ? column_of(shown[f++])
                : own[i++];
}

/* Lines 0 and 1 are the header: titles and units. */
static void header_cell(size_t line, const struct column *column, char *cell)
{
    snprintf(cell, CELL, "%.32s",
             line == 0                ? column->title
             : column->figure == NULL ? ""
                                      : column->figure->unit);
}

/* Cells are made when they are measured and again when they are written: a table of any length
 * takes no memory. */
static void table_cell(const struct table *table, size_t line, size_t c, char *cell)
{
    if (line < 2)
        header_cell(line, &table->column[c], cell);
    else
        fill_cell(table->rows->row[line - 2], &table->column[c], cell);
}

/* Measure a column. One in which no row has anything tells nothing and is not shown. */
static void table_measure(struct table *table, size_t c)
{
    char cell[CELL];
    for (size_t line = 0; line < table->rows->count + 2; line++) {
        table_cell(table, line, c, cell);
        int width = text_width(cell);
        table->width[c] = width > table->width[c] ? width : table->width[c];
        if (line >= 2 && *cell != '\0' && strcmp(cell, "-") != 0)
            table->shown[c] = true;
    }
}

static int table_width(const struct table *table)
{
    int width = 0;
    for (size_t c = 0; c < table->columns; c++)
        if (table->shown[c])
            width += table->width[c] + (width > 0 ? GAP : 0);
    return width;
}

/* Choose what is shown; returns how many columns the width left no room for. */
static int table_fit(struct table *table, int width)
{
    int hidden = 0;
    while (width > 0 && table_width(table) > width) {
        size_t least = 0;
        for (size_t c = 0; c < table->columns; c++)
            if (table->shown[c] && table->column[c].yields > 0 &&
                table->column[c].yields >= table->column[least].yields)
                least = c;
        if (table->column[least].yields == 0)
            break;
        table->shown[least] = false;
        hidden++;
    }
    return hidden;
}

static void write_line(const struct table *table, size_t line, FILE *out)
{
    int owed = 0; /* spaces, written only when something follows: no line ends with them */
    for (size_t c = 0; c < table->columns; c++) {
        bool words = table->column[c].words;
        char cell[CELL];
        if (!table->shown[c])
            continue;
        table_cell(table, line, c, cell);
        int pad = table->width[c] - text_width(cell);
        if (*cell == '\0') {
            owed += table->width[c] + GAP;
            continue;
        }
        fprintf(out, "%*s%s", owed + (words ? 0 : pad), "", cell);
        owed = GAP + (words ? pad : 0);
    }
    putc('\n', out);
}

/* `gap` goes before the first line. */
static void write_marks(const struct rows *rows, const char *gap, FILE *out)
{
    unsigned all = 0;
    for (size_t i = 0; i < rows->count; i++)
        all |= rows->row[i]->marks;
    for (size_t i = 0; i < MARKS; i++)
        if (all & marks[i].bit) {
            fprintf(out, "%s%c  %s\n", gap, marks[i].letter, marks[i].meaning);
            gap = "";
        }
}

static void write_reason(const struct row *row, const char *word, const char *key, FILE *out)
{
    const char *why = sft_record_get(&row->record, key);
    char job[CELL], text[1024];
    if (why == NULL || *why == '\0')
        return;
    cell_job(row, job);
    text_make_printable(job);
    snprintf(text, sizeof text, "%s%s", word, why);
    text_make_printable(text);
    fprintf(out, "%s: %s\n", job, text);
}

static void write_reasons(const struct rows *rows, FILE *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        write_reason(rows->row[i], "", "fail", out);
        write_reason(rows->row[i], "doubted: ", "doubted", out);
    }
}

void table_write(const struct rows *rows, int width, FILE *out)
{
    struct table table = {.rows = rows};
    table_columns(&table);
    for (size_t c = 0; c < table.columns; c++)
        table_measure(&table, c);
    int hidden = table_fit(&table, width);
    for (size_t line = 0; line < rows->count + 2; line++)
        write_line(&table, line, out);
    if (hidden > 0)
        fprintf(out, "\n%d more column%s: --wide\n", hidden, hidden == 1 ? "" : "s");
    write_marks(rows, hidden > 0 ? "" : "\n", out);
    write_reasons(rows, out);
}
