/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: getopt_long */
#include "report/options.h"

#include <getopt.h>
#include <string.h>

enum { OPT_SINCE = 256, OPT_UNTIL, OPT_JSON, OPT_CSV, OPT_KEYS, OPT_VERSION };

static const struct option long_options[] = {
    { "job", required_argument, NULL, 'j' },
    { "model", required_argument, NULL, 'm' },
    { "since", required_argument, NULL, OPT_SINCE },
    { "until", required_argument, NULL, OPT_UNTIL },
    { "user", required_argument, NULL, 'u' },
    { "all-users", no_argument, NULL, 'a' },
    { "state", required_argument, NULL, 's' },
    { "sort", required_argument, NULL, 'S' },
    { "json", no_argument, NULL, OPT_JSON },
    { "csv", no_argument, NULL, OPT_CSV },
    { "wide", no_argument, NULL, 'w' },
    { "input", required_argument, NULL, 'i' },
    { "keys", no_argument, NULL, OPT_KEYS },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 },
};

void options_help(FILE *out)
{
    fprintf(out,
            "Usage: sft-report [OPTION...]\n"
            "Show the records that sft-bench left in Slurm's accounting: your own of the last %d\n"
            "days (root: everyone's), or those of the jobs that you name.\n"
            "\n"
            "Which records:\n"
            "  -j, --job ID[,ID...]   only these jobs, however old\n"
            "  -m, --model NAME       only this model\n"
            "      --since TIME       only jobs that started at TIME or later\n"
            "      --until TIME       only jobs that started at TIME or earlier\n"
            "  -u, --user NAME        only this user's jobs\n"
            "  -a, --all-users        everyone's jobs, as far as Slurm shows them to you\n"
            "  -s, --state STATE      complete, partial, failed, running, or all [all]\n"
            "      --input FILE       read what `sacct --json` printed from FILE; -: stdin\n"
            "\n"
            "How they are shown:\n"
            "      --sort KEY         job, date, user, state or a record's key [job]; -KEY: downwards\n"
            "      --json             as JSON, with unit and origin of each figure\n"
            "      --csv              as CSV (RFC 4180), every key a column\n"
            "  -w, --wide             every column, also where the terminal is narrower\n"
            "\n"
            "      --keys             list the record's keys: unit, origin, meaning\n"
            "  -h, --help             show this\n"
            "      --version          show the version\n"
            "\n"
            "TIME is YYYY-MM-DD, YYYY-MM-DDTHH:MM[:SS], today, yesterday, now, or 7d, 12h, 30m: that\n"
            "long ago. Exit status: 0, 1 when no record was found, 2 when something failed.\n"
            "See sft-report(1) and sft-record(5).\n",
            FILTER_DAYS);
}

static int set_form(struct options *options, enum options_form form, struct sft_error *err)
{
    if (options->form != OPTIONS_TABLE && options->form != form)
        return sft_error_set(err, "--json and --csv exclude each other");
    options->form = form;
    return 0;
}

static int set_text(const char **field, const char *name, const char *value, struct sft_error *err)
{
    if (*value == '\0')
        return sft_error_set(err, "--%s: needs a value", name);
    *field = value;
    return 0;
}

static int set_time(struct options *options, int option, time_t now, struct sft_error *err)
{
    bool end = option == OPT_UNTIL;
    time_t *field = end ? &options->filter.until : &options->filter.since;
    if (filter_parse_time(optarg, end, now, field, err) < 0)
        return sft_error_prefix(err, end ? "--until" : "--since");
    return 0;
}

static int set_option(struct options *options, int option, time_t now, struct sft_error *err)
{
    switch (option) {
    case 'j':
        return filter_set_jobs(&options->filter, optarg, err);
    case 'm':
        return set_text(&options->filter.model, "model", optarg, err);
    case OPT_SINCE:
    case OPT_UNTIL:
        return set_time(options, option, now, err);
    case 'u':
        return set_text(&options->filter.user, "user", optarg, err);
    case 'a':
        options->filter.all_users = true;
        return 0;
    case 's':
        return filter_set_state(&options->filter, optarg, err);
    case 'S':
        return set_text(&options->sort, "sort", optarg, err);
    case OPT_JSON:
        return set_form(options, OPTIONS_JSON, err);
    case OPT_CSV:
        return set_form(options, OPTIONS_CSV, err);
    case 'w':
        options->wide = true;
        return 0;
    case 'i':
        return set_text(&options->input, "input", optarg, err);
    }
    options->action = option == 'h'            ? OPTIONS_HELP
                      : option == OPT_VERSION ? OPTIONS_VERSION
                                              : OPTIONS_KEYS;
    return 0;
}

int options_parse(struct options *options, int argc, char **argv, time_t now,
                  struct sft_error *err)
{
    int option;
    memset(options, 0, sizeof *options);
    options->sort = "job";
    optind = 0; /* glibc: start anew, for the tests */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":j:m:u:as:wh", long_options, NULL)) != -1) {
        if (option == ':')
            return sft_error_set(err, "%s: needs a value; see --help", argv[optind - 1]);
        if (option == '?' && optopt != 0 && optopt < 256)
            return sft_error_set(err, "-%c: no such option; see --help", optopt);
        if (option == '?')
            return sft_error_set(err, "%s: no such option, or one that takes no value; see --help",
                                 argv[optind - 1]);
        if (set_option(options, option, now, err) < 0)
            return -1;
    }
    if (optind < argc)
        return sft_error_set(err, "%s: unexpected word; name jobs with --job, see --help",
                             argv[optind]);
    if (options->filter.user != NULL && options->filter.all_users)
        return sft_error_set(err, "--user and --all-users exclude each other");
    /* A saved file is shown whole unless a time was said. */
    if (options->input != NULL && options->filter.since == 0)
        options->filter.since = 1;
    return filter_finish(&options->filter, now, err);
}
