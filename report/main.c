/* SPDX-License-Identifier: Apache-2.0 */
/* sft-report: show the records that sft-bench left in Slurm's accounting. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/csv.h"
#include "report/json.h"
#include "report/load.h"
#include "report/options.h"
#include "report/table.h"

enum { EXIT_NONE_FOUND = 1, EXIT_BAD = 2 };

static void print_keys(void)
{
    printf("%-14s %-10s %-10s %s\n", "KEY", "UNIT", "ORIGIN", "MEANING");
    for (const struct sft_record_key *key = sft_record_keys(); key->name != NULL; key++)
        printf("%-14s %-10s %-10s %s\n", key->name, *key->unit == '\0' ? "-" : key->unit,
               json_origin(key->origin), key->help);
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
    if (options->input != NULL)
        fprintf(stderr, " in %s", strcmp(options->input, "-") == 0 ? "standard input" : options->input);
    for (size_t i = 0; i < filter->job_count; i++)
        fprintf(stderr, "%s%lld", i == 0 ? " for job " : ", ", filter->jobs[i]);
    if (filter->user != NULL)
        fprintf(stderr, " of user %s", filter->user);
    if (filter->model != NULL)
        fprintf(stderr, " with model %s", filter->model);
    if (filter->state != NULL)
        fprintf(stderr, " in state %s", filter->state);
    fprintf(stderr, "%s\n", since);
}

static int write_rows(const struct options *options, const struct rows *rows, struct sft_error *err)
{
    int rc = 0;
    if (options->form == OPTIONS_JSON)
        rc = json_write(rows, stdout, err);
    else if (options->form == OPTIONS_CSV)
        rc = csv_write(rows, stdout, err);
    else if (rows->count > 0)
        table_write(rows, options->wide ? 0 : output_width(), stdout);
    return rc;
}

/* A full disk or a closed pipe shows only when the last bytes leave. */
static int finish_output(struct sft_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return sft_error_set(err, "standard output: %s", strerror(errno));
    return 0;
}

static int report(const struct options *options, struct sft_error *err)
{
    struct rows rows;
    int status = EXIT_BAD;
    rows_init(&rows);
    /* A wrong key is said before sacct is asked. */
    if (rows_sort(&rows, options->sort, err) < 0)
        goto out;
    if ((options->input != NULL ? load_file(&rows, &options->filter, options->input, err)
                                : load_sacct(&rows, &options->filter, err))
        < 0)
        goto out;
    rows_sort(&rows, options->sort, NULL);
    if (write_rows(options, &rows, err) < 0)
        goto out;
    status = rows.count > 0 ? EXIT_SUCCESS : EXIT_NONE_FOUND;
    if (rows.count == 0)
        say_none(options);
out:
    rows_clear(&rows);
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
    case OPTIONS_REPORT:
        break;
    }
    return report(options, err);
}

int main(int argc, char **argv)
{
    struct sft_error err = { "" };
    struct options *options = malloc(sizeof *options);
    int status = EXIT_BAD;
    setlocale(LC_CTYPE, ""); /* widths of characters; numbers stay with a point */
    if (options == NULL)
        sft_error_set(&err, "no memory");
    else if (options_parse(options, argc, argv, time(NULL), &err) == 0)
        status = act(options, &err);
    if (status != EXIT_BAD && finish_output(&err) < 0)
        status = EXIT_BAD;
    if (status == EXIT_BAD)
        fprintf(stderr, "sft-report: %s\n", err.text);
    free(options);
    return status;
}
