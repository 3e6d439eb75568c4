/* SPDX-License-Identifier: Apache-2.0 */
/* sft-report: show the records that sft-bench left in Slurm's accounting. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/compare.h"
#include "accounts/csv.h"
#include "report/group_print.h"
#include "accounts/folder.h"
#include "accounts/json.h"
#include "accounts/load.h"
#include "report/options.h"
#include "report/output.h"
#include "report/page.h"
#include "report/page_verify.h"
#include "report/table.h"
#include "report/verify_print.h"
#include "accounts/text.h"
#include "lib/figures.h"

enum { EXIT_NONE_FOUND = 1, EXIT_BAD = 2 };

static void print_keys(void)
{
    printf("%-14s %-10s %-10s %s\n", "KEY", "UNIT", "ORIGIN", "MEANING");
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        const char *unit = *figure->unit == '\0' ? "-" : figure->unit;
        printf("%-14s %s%*s %-10s %s\n", figure->name, unit, 10 - text_width(unit), "",
               sft_origin_name(figure->origin), figure->help);
    }
}

/* Columns of the terminal; 0, no limit, where the output goes elsewhere. */
static int output_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void say_none(const struct options *options)
{
    const struct filter *filter = &options->filter;
    char since[64] = "";
    time_t from = filter->since;
    struct tm tm;
    if (from > 1 && localtime_r(&from, &tm) != NULL)
        strftime(since, sizeof since, " since %Y-%m-%d %H:%M", &tm);
    fputs("sft-report: no sft-bench records found", stderr);
    for (size_t i = 0; i < options->inputs; i++)
        fprintf(stderr, "%s%s", i == 0 ? " in " : ", ",
                strcmp(options->files[i], "-") == 0 ? "standard input" : options->files[i]);
    for (size_t i = 0; i < filter->job_count; i++)
        fprintf(stderr, "%s%lld", i == 0 ? " for job " : ", ", filter->jobs[i]);
    if (filter->user != NULL)
        fprintf(stderr, " of user %s", filter->user);
    if (filter->sweep != NULL)
        fprintf(stderr, " of sweep %s", filter->sweep);
    if (filter->model != NULL)
        fprintf(stderr, " with model %s", filter->model);
    if (filter->state != NULL)
        fprintf(stderr, " in state %s", filter->state);
    fprintf(stderr, "%s\n", since);
}

/* What the user sees of records that are none: only how many. */
static void say_broken(const struct rows *rows)
{
    if (rows->broken > 0)
        fprintf(stderr, "sft-report: %zu broken record%s left out\n", rows->broken,
                rows->broken == 1 ? "" : "s");
}

static void say_nameless(const struct rows *rows, const struct options *options)
{
    if (rows->nameless > 0)
        fprintf(
            stderr,
            "sft-report: %zu record%s without a user's name in the file %s taken for those of %s\n",
            rows->nameless, rows->nameless == 1 ? "" : "s", rows->nameless == 1 ? "is" : "are",
            options->filter.user);
}

static int write_groups(const struct options *options, const struct rows *rows,
                        const struct rows *verifies, FILE *out, struct sft_error *err)
{
    struct groups groups;
    int rc = groups_make(&groups, rows, err);
    if (rc == 0 && options->form > OPTIONS_JSON)
        rc = page_write(&groups, verifies, options, out, err);
    else if (rc == 0)
        rc = group_print(&groups, options->form, out, err);
    groups_clear(&groups);
    return rc;
}

static int write_rows(const struct options *options, const struct rows *rows,
                      const struct rows *verifies, FILE *out, struct sft_error *err)
{
    if (options->groups || options->form > OPTIONS_JSON)
        return write_groups(options, rows, verifies, out, err);
    if (options->form == OPTIONS_JSON)
        return json_write(rows, out, err);
    if (options->form == OPTIONS_CSV)
        return csv_write(rows, out, err);
    if (rows->count > 0)
        table_write(rows, options->wide || options->output != NULL ? 0 : output_width(), out);
    return 0;
}

/* A full disk or a closed pipe shows only when the last bytes leave. */
static int finish_output(struct sft_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sft_error_set(err, "standard output: %s", strerror(errno));
    return 0;
}

static void say_queued(const struct rows *rows)
{
    if (rows->queued)
        fputs(
            "sft-report: note: this cluster has no accounting (slurmdbd): these are the jobs that "
            "slurmctld still knows; read older ones' result.json with --input\n",
            stderr);
}

static void say_untrained(size_t count)
{
    if (count > 0)
        fprintf(stderr,
                "sft-report: note: %zu run%s of verify left out: --verify shows its verify.json\n",
                count, count == 1 ? "" : "s");
}

/* A suite's page tells what verify said before its runs; other pages and groups are of trainings.
 */
static int take_untrained(struct rows *rows, struct rows *verifies, const struct options *options,
                          struct sft_error *err)
{
    if (options->form > OPTIONS_JSON && options->filter.sweep != NULL)
        return rows_verified(rows, verifies, err);
    if (options->groups || options->form > OPTIONS_JSON)
        say_untrained(rows_trained(rows));
    return 0;
}

static int load_rows(struct rows *rows, const struct options *options, struct sft_error *err)
{
    int rc = options->inputs == 0 ? load_sacct(rows, &options->filter, err) : 0;
    for (size_t i = 0; rc == 0 && i < options->inputs; i++)
        rc = folder_load(rows, &options->filter, options->files[i], err);
    return rc;
}

static int report(const struct options *options, struct sft_error *err)
{
    struct rows rows, verifies;
    struct output output;
    int status = EXIT_BAD;
    rows_init(&rows);
    rows_init(&verifies);
    /* A wrong key is said before sacct is asked. */
    if (rows_sort(&rows, options->sort, err) < 0)
        goto out;
    if (load_rows(&rows, options, err) < 0)
        goto out;
    rows_sort(&rows, options->sort, NULL);
    say_broken(&rows);
    say_nameless(&rows, options);
    say_queued(&rows);
    if (take_untrained(&rows, &verifies, options, err) < 0)
        goto out;
    status = rows.count > 0 ? EXIT_SUCCESS : EXIT_NONE_FOUND;
    if (rows.count == 0)
        say_none(options);
    if (rows.count == 0 && (options->output != NULL || options->form > OPTIONS_JSON))
        goto out; /* an empty page is no report */
    if (output_begin(&output, options->output, err) < 0 ||
        output_end(&output, write_rows(options, &rows, &verifies, output.file, err), options->form,
                   err) < 0)
        status = EXIT_BAD;
    else if (options->dated[0] != '\0')
        puts(options->output);
out:
    rows_clear(&rows);
    rows_clear(&verifies);
    return status;
}

/* "sweep:NAME", "jobs:ID[,ID...]" or "file:PATH"; a bare word is a sweep's name. */
static int load_set(struct rows *rows, const struct options *options, const char *set,
                    struct sft_error *err)
{
    struct filter *filter = malloc(sizeof *filter);
    int rc = 0;
    if (filter == NULL)
        return sft_error_set(err, "no memory");
    *filter = options->filter;
    if (strncmp(set, "file:", 5) == 0) {
        filter->since = 1;
        rc = folder_load(rows, filter, set + 5, err);
    } else {
        if (strncmp(set, "jobs:", 5) == 0)
            rc = filter_set_jobs(filter, set + 5, err);
        else
            filter->sweep = strncmp(set, "sweep:", 6) == 0 ? set + 6 : set;
        filter->since = filter->sweep != NULL ? 1 : 0;
        if (rc == 0)
            rc = load_sacct(rows, filter, err);
    }
    free(filter);
    say_broken(rows);
    rows_trained(rows);
    if (rc == 0 && rows->count == 0)
        rc = sft_error_set(err, "--compare: no sft-bench records in %s", set);
    return rc;
}

static int write_compared(const struct options *options, const struct groups groups[2], FILE *out,
                          struct sft_error *err)
{
    struct compare compare;
    int rc = compare_make(&compare, &groups[0], &groups[1], options->across, err);
    if (rc == 0)
        rc = options->form > OPTIONS_JSON ? page_compare(&compare, options, out, err)
                                          : compare_print(&compare, options->form, out, err);
    compare_clear(&compare);
    return rc;
}

static int compare(const struct options *options, struct sft_error *err)
{
    struct rows rows[2];
    struct groups groups[2] = {{0}, {0}};
    struct output output;
    int rc = 0;
    for (int i = 0; i < 2; i++)
        rows_init(&rows[i]);
    for (int i = 0; rc == 0 && i < 2; i++)
        if ((rc = load_set(&rows[i], options, options->compare[i], err)) == 0)
            rc = groups_make(&groups[i], &rows[i], err);
    if (rc == 0 && (rc = output_begin(&output, options->output, err)) == 0)
        rc = output_end(&output, write_compared(options, groups, output.file, err), options->form,
                        err);
    for (int i = 0; i < 2; i++) {
        groups_clear(&groups[i]);
        rows_clear(&rows[i]);
    }
    return rc == 0 ? EXIT_SUCCESS : EXIT_BAD;
}

static void say_verifies(const struct verifies *verifies)
{
    if (verifies->broken > 0)
        fprintf(stderr, "sft-report: %zu file%s left out: no verify.json\n", verifies->broken,
                verifies->broken == 1 ? "" : "s");
    if (verifies->left_out > 0)
        fprintf(stderr, "sft-report: note: the newest %d runs are read, %zu older ones are not\n",
                VERIFY_FILES, verifies->left_out);
}

static int write_verifies(const struct options *options, const struct verifies *verifies, FILE *out,
                          struct sft_error *err)
{
    if (options->form > OPTIONS_JSON)
        return page_verify(verifies, options->node, options, out, err);
    return verify_print(verifies, options->node, (enum grid_form)options->form, out, err);
}

static int verify(const struct options *options, struct sft_error *err)
{
    struct verifies verifies = {0};
    struct output output;
    int status = EXIT_BAD;
    if (verifies_load(&verifies, options->verify, err) == 0) {
        say_verifies(&verifies);
        if (verifies.count == 0)
            status = EXIT_NONE_FOUND;
        else if (output_begin(&output, options->output, err) == 0 &&
                 output_end(&output, write_verifies(options, &verifies, output.file, err),
                            options->form, err) == 0)
            status = EXIT_SUCCESS;
    }
    verifies_clear(&verifies);
    return status;
}

static int act(const struct options *options, struct sft_error *err)
{
    switch (options->action) {
    case OPTIONS_HELP:
        options_help(stdout);
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        puts("sft-report " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_KEYS:
        print_keys();
        return EXIT_SUCCESS;
    case OPTIONS_COMPARE:
        return compare(options, err);
    case OPTIONS_VERIFY:
        return verify(options, err);
    case OPTIONS_REPORT:
        break;
    }
    return report(options, err);
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct options *options = malloc(sizeof *options);
    int status = EXIT_BAD;
    setlocale(LC_CTYPE, ""); /* widths of characters; numbers stay with a point */
    if (options == NULL)
        sft_error_set(&err, "no memory");
    else if (options_parse(options, argc, argv, time(NULL), &err) == 0)
        status = act(options, &err);
    if (status != EXIT_BAD && finish_output(&err) < 0)
        status = EXIT_BAD;
    text_make_plain(err.text);
    if (status == EXIT_BAD)
        fprintf(stderr, "sft-report: %s\n", err.text);
    if (options != NULL)
        options_clear(options);
    free(options);
    return status;
}
