/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: open_memstream */
#include "report/chart.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/spawn.h"
#include "accounts/text.h"
#include "report/chart_ids.h"
#include "report/html.h"

enum { WIDTH = 900, HEIGHT = 380 };

static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000", "#F0E442"};
static const int points[] = {7, 5, 9, 13, 11, 15, 6, 4};

struct chart_line *chart_add(struct chart *chart, const char *name, size_t count, bool errors)
{
    if (chart->lines == CHART_LINES)
        return NULL;
    struct chart_line *line = &chart->line[chart->lines];
    double *all = calloc(4 * (count + 1), sizeof *all);
    if (all == NULL)
        return NULL;
    chart->lines++;
    for (size_t i = 0; i < 4 * (count + 1); i++)
        all[i] = NAN;
    *line = (struct chart_line){.count = count, .x = all, .y = all + count + 1};
    if (errors) {
        line->low = all + 2 * (count + 1);
        line->high = all + 3 * (count + 1);
    }
    snprintf(line->name, sizeof line->name, "%s", name);
    return line;
}

void chart_clear(struct chart *chart)
{
    for (size_t i = 0; i < chart->lines; i++)
        free(chart->line[i].x);
    free(chart->label);
    chart->lines = 0;
    chart->label = NULL;
}

bool chart_possible(void)
{
    return spawn_has("gnuplot");
}

/* In single quotes gnuplot reads no escapes; what could end them, or be a command anywhere, is left
 * out. */
static void put_text(FILE *out, const char *text)
{
    char *copy = strdup(text);
    putc('\'', out);
    if (copy != NULL)
        text_make_plain(copy);
    for (const char *at = copy; at != NULL && *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c >= 0x80 || strchr(" .,:;/%()+-_=<>", c) != NULL;
        putc(plain ? c : '?', out);
    }
    putc('\'', out);
    free(copy);
}

static double chart_most(const struct chart *chart)
{
    double most = 0;
    for (size_t i = 0; i < chart->lines; i++)
        for (size_t k = 0; k < chart->line[i].count; k++)
            most = fmax(most, isfinite(chart->line[i].y[k]) ? chart->line[i].y[k] : 0);
    return most;
}

/* At the points alone: there is nothing at three nodes where nobody ran three. Of many, as steps
 * are, gnuplot chooses. */
static void put_tics(FILE *out, const struct chart *chart)
{
    enum { FEW = 16 };
    bool first = true;
    for (size_t i = 0; i < chart->lines; i++)
        if (chart->line[i].count > FEW)
            return;
    fprintf(out, "set xtics (");
    for (size_t i = 0; i < chart->lines; i++)
        for (size_t k = 0; k < chart->line[i].count; k++)
            if (isfinite(chart->line[i].x[k]) && isfinite(chart->line[i].y[k])) {
                fprintf(out, "%s%.9g", first ? "" : ", ", chart->line[i].x[k]);
                first = false;
            }
    fprintf(out, ")\nset offsets 0.3, 0.3, 0, 0\n");
}

/* Letters of all labels: about 90 stand side by side. */
static size_t labels_length(const struct chart *chart)
{
    size_t length = 0;
    for (size_t i = 0; i < chart->labels; i++)
        length += strlen(chart->label[i]) + 2;
    return length;
}

/* 1, 2 or 5 times a power of ten, so that about five stand on the axis. */
static double nice_step(double most)
{
    double step = pow(10, floor(log10(most / 5)));
    return step * (most / step > 25 ? 5 : most / step > 10 ? 2 : 1);
}

/* Large values as "12,500": rounded to thousands two ticks could look alike. */
static void put_y_tics(FILE *out, double most)
{
    if (most < 1000 || most > 1e15)
        return;
    double step = nice_step(most);
    fprintf(out, "set ytics (");
    for (int i = 0; i * step < most + step; i++) {
        char text[80];
        html_number_text(i * step, 0, text, sizeof text);
        fprintf(out, "%s'%s' %.9g", i > 0 ? ", " : "", text, i * step);
    }
    fprintf(out, ")\n");
}

static void put_axes(FILE *out, const struct chart *chart)
{
    fprintf(out,
            "set encoding utf8\nset termoption noenhanced\nset border 3 lc rgb '#444444'\nset tics "
            "nomirror\n"
            "set grid ytics lc rgb '#dddddd' lt 1\nset yrange [0:*]\nset format y '%%g'\n"
            "set key outside top left horizontal Left reverse samplen 2\n");
    put_y_tics(out, chart_most(chart));
    fprintf(out, "set xlabel ");
    put_text(out, chart->x_title);
    fprintf(out, "\nset ylabel ");
    put_text(out, chart->y_title);
    fprintf(out, "\n");
    if (chart->labels > 0) {
        fprintf(out, "set xtics (");
        for (size_t i = 0; i < chart->labels; i++) {
            fprintf(out, "%s", i > 0 ? ", " : "");
            put_text(out, chart->label[i]);
            fprintf(out, " %zu", i);
        }
        fprintf(out, ")%s\nset xrange [-0.6:%g]\n",
                labels_length(chart) > 90 ? " rotate by -25" : "", (double)chart->labels - 0.4);
    } else if (chart->bars) {
        /* whole numbers, about 16 of them */
        fprintf(out, "set xtics %zu\nset xrange [-0.6:%g]\n", chart->line[0].count / 16 + 1,
                (double)chart->line[0].count - 0.4);
    } else {
        put_tics(out, chart);
    }
}

static void put_data(FILE *out, const struct chart *chart)
{
    for (size_t i = 0; i < chart->lines; i++) {
        const struct chart_line *line = &chart->line[i];
        fprintf(out, "$d%zu << EOD\n", i);
        for (size_t k = 0; k < line->count; k++)
            if (isfinite(line->x[k]) && isfinite(line->y[k]))
                fprintf(out, "%.9g %.9g %.9g %.9g\n", line->x[k], line->y[k],
                        line->low != NULL ? line->low[k] : line->y[k],
                        line->high != NULL ? line->high[k] : line->y[k]);
        fprintf(out, "EOD\n");
    }
}

static bool line_is_empty(const struct chart_line *line)
{
    for (size_t k = 0; k < line->count; k++)
        if (isfinite(line->x[k]) && isfinite(line->y[k]))
            return false;
    return true;
}

static void put_line(FILE *out, const struct chart *chart, size_t i)
{
    const struct chart_line *line = &chart->line[i];
    size_t colour = i % (sizeof colours / sizeof colours[0]);
    bool grouped = chart->labels > 0 && !chart->stacked;
    double width = grouped ? 0.8 / (double)chart->lines : 0.8;
    if (line->low != NULL)
        fprintf(out, "$d%zu using 1:2:3:4 with yerrorbars lc rgb '%s' lw 1.5 pt -1 notitle, ", i,
                colours[colour]);
    if (chart->bars)
        fprintf(out, "$d%zu using ($1%+.4f):2:(%.4f) with boxes lc rgb '%s' fs %s title ", i,
                grouped ? ((double)i - ((double)chart->lines - 1) / 2) * width : 0.0, 0.9 * width,
                line->marked ? colours[1] : colours[colour],
                i == 0 && !line->marked ? "solid 0.85 noborder" : "pattern 4");
    else if (line->ideal)
        fprintf(out, "$d%zu using 1:2 with lines lc rgb '#777777' dt 2 lw 1.5 title ", i);
    else
        fprintf(out, "$d%zu using 1:2 with linespoints lc rgb '%s' dt %zu lw 2 pt %d ps 0.9 title ",
                i, colours[colour], i % 5 + 1, points[colour]);
    put_text(out, line->name);
}

/* The name begins the ids inside, which must differ between the charts of a page; it may have no
 * '-'. */
static void put_svg_terminal(FILE *out, const char *id)
{
    fprintf(out, "set terminal svg size %d,%d dynamic font 'sans-serif,14' name '", WIDTH, HEIGHT);
    for (; *id != '\0'; id++)
        putc(*id == '-' ? '_' : *id, out);
    fprintf(out, "'\n");
}

static int chart_script(const struct chart *chart, bool png, char **script)
{
    size_t size;
    *script = NULL;
    FILE *out = open_memstream(script, &size);
    if (out == NULL)
        return -1;
    if (png)
        fprintf(out, "set terminal pngcairo size %d,%d font 'sans,16' background rgb 'white'\n",
                2 * WIDTH, 2 * HEIGHT);
    else
        put_svg_terminal(out, chart->id);
    put_axes(out, chart);
    put_data(out, chart);
    fprintf(out, "plot ");
    bool any = false;
    for (size_t i = 0; i < chart->lines; i++)
        if (!line_is_empty(&chart->line[i])) {
            fprintf(out, "%s", any ? ", " : "");
            put_line(out, chart, i);
            any = true;
        }
    if (chart->goal > 0) {
        fprintf(out, "%s%.9g with lines lc rgb '#777777' dt 3 lw 1.5 title ", any ? ", " : "",
                chart->goal);
        put_text(out, chart->goal_name);
    }
    fprintf(out, "\n");
    return fclose(out) == 0 ? 0 : -1;
}

/* In UTF-8, as the script is: by the user's own locale, "C" say, gnuplot complains of a degree sign
 * to whoever waits for a report, and counts widths in bytes. */
static int gnuplot_run(const char *script, char **text, size_t *length, struct sft_error *err)
{
    const char *argv[] = {"gnuplot", "-", NULL}, *locale = getenv("LC_ALL");
    char *mine = locale != NULL ? strdup(locale) : NULL;
    setenv("LC_ALL", "C.UTF-8", 1);
    int rc = spawn_read(argv, script, text, length, err);
    if (mine != NULL)
        setenv("LC_ALL", mine, 1);
    else
        unsetenv("LC_ALL");
    free(mine);
    return rc;
}

static int chart_run(const struct chart *chart, bool png, char **text, size_t *length,
                     struct sft_error *err)
{
    char *script;
    int rc = chart_script(chart, png, &script) < 0 ? sft_error_set(err, "no memory for a chart")
                                                   : gnuplot_run(script, text, length, err);
    free(script);
    return rc;
}

int chart_svg(const struct chart *chart, char **svg, struct sft_error *err)
{
    size_t length;
    char *text;
    *svg = NULL;
    if (chart_run(chart, false, &text, &length, err) < 0)
        return -1;
    char *begin = strstr(text, "<svg");
    *svg = begin != NULL ? chart_ids(begin, chart->id) : NULL;
    free(text);
    return *svg != NULL ? 0 : sft_error_set(err, "gnuplot made no SVG");
}

/* Written under a name that nobody knows, then renamed: what stands there, a link too, is replaced
 * and not written. */
static int file_write(const char *folder, const char *id, const char *end, const char *text,
                      size_t length, struct sft_error *err)
{
    char path[4096], beside[sizeof path + 8];
    if ((size_t)snprintf(path, sizeof path, "%s/%s.%s", folder, id, end) >= sizeof path)
        return sft_error_set(err, "--charts: the folder's name is too long");
    snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    int fd = mkstemp(beside);
    mode_t mask = umask(0);
    umask(mask);
    FILE *file = fd < 0 || fchmod(fd, 0666 & ~mask) < 0 ? NULL : fdopen(fd, "w");
    bool good = file != NULL && fwrite(text, 1, length, file) == length;
    good = file != NULL && fclose(file) == 0 && good && rename(beside, path) == 0;
    int saved = errno;
    if (file == NULL && fd >= 0)
        close(fd);
    if (!good && fd >= 0)
        unlink(beside);
    return good ? 0 : sft_error_set(err, "--charts: %s: %s", path, strerror(saved));
}

int chart_files(const struct chart *chart, const char *svg, const char *folder,
                struct sft_error *err)
{
    size_t length;
    char *png;
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return sft_error_set(err, "--charts: %s: %s", folder, strerror(errno));
    if (file_write(folder, chart->id, "svg", svg, strlen(svg), err) < 0 ||
        chart_run(chart, true, &png, &length, err) < 0)
        return -1;
    int rc = file_write(folder, chart->id, "png", png, length, err);
    free(png);
    return rc;
}
