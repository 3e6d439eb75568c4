/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: reallocarray */
#include "report/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/arguments.h"
#include "lib/preset.h"

enum {
    OPT_SINCE = 256,
    OPT_UNTIL,
    OPT_JSON,
    OPT_CSV,
    OPT_KEYS,
    OPT_VERSION,
    OPT_SWEEP,
    OPT_FORMAT,
    OPT_GROUPS,
    OPT_COMPARE,
    OPT_LANG,
    OPT_CHARTS,
    OPT_PRICE,
    OPT_ONLY,
    OPT_GOALS,
    OPT_TITLE,
    OPT_SITE,
    OPT_TOKENS,
    OPT_ACROSS,
    OPT_VERIFY,
    OPT_NODE
};

#ifndef SFT_SYSCONFDIR
#define SFT_SYSCONFDIR "/etc"
#endif
#define SITE_GOALS SFT_SYSCONFDIR "/sft-goals.conf"

static const struct option long_options[] = {
    {"job", required_argument, NULL, 'j'},
    {"model", required_argument, NULL, 'm'},
    {"sweep", required_argument, NULL, OPT_SWEEP},
    {"since", required_argument, NULL, OPT_SINCE},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"user", required_argument, NULL, 'u'},
    {"all-users", no_argument, NULL, 'a'},
    {"state", required_argument, NULL, 's'},
    {"input", required_argument, NULL, 'i'},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"json", no_argument, NULL, OPT_JSON},
    {"csv", no_argument, NULL, OPT_CSV},
    {"groups", no_argument, NULL, OPT_GROUPS},
    {"compare", required_argument, NULL, OPT_COMPARE},
    {"across", required_argument, NULL, OPT_ACROSS},
    {"verify", required_argument, NULL, OPT_VERIFY},
    {"node", required_argument, NULL, OPT_NODE},
    {"report-only", no_argument, NULL, OPT_ONLY},
    {"lang", required_argument, NULL, OPT_LANG},
    {"output", required_argument, NULL, 'o'},
    {"charts", required_argument, NULL, OPT_CHARTS},
    {"price", required_argument, NULL, OPT_PRICE},
    {"tokens", required_argument, NULL, OPT_TOKENS},
    {"goals", required_argument, NULL, OPT_GOALS},
    {"title", required_argument, NULL, OPT_TITLE},
    {"site", required_argument, NULL, OPT_SITE},
    {"sort", required_argument, NULL, 'S'},
    {"wide", no_argument, NULL, 'w'},
    {"keys", no_argument, NULL, OPT_KEYS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char *const forms[] = {"table", "csv", "json", "html", "pdf"};

void options_clear(struct options *options)
{
    free(options->files);
    options->files = NULL;
}

void options_help(FILE *out)
{
    fprintf(
        out,
        "Usage: sft-report [OPTION...]\n"
        "       sft-report --compare A B [OPTION...]\n"
        "       sft-report --verify PATH [--node NAME] [OPTION...]\n"
        "Show the records that sft-bench left in Slurm's accounting: your own of the last %d\n"
        "days (root: everyone's), or those of the jobs that you name.\n"
        "\n"
        "Which records:\n"
        "  -j, --job ID[,ID...]   only these jobs, however old\n"
        "  -m, --model NAME       only this model\n"
        "      --sweep NAME       only the jobs of this name, as sft-sweep gives it\n"
        "      --since TIME       only jobs that started at TIME or later\n"
        "      --until TIME       only jobs that started at TIME or earlier\n"
        "  -u, --user NAME        only this user's jobs\n"
        "  -a, --all-users        everyone's jobs, as far as Slurm shows them to you\n"
        "  -s, --state STATE      complete, partial, failed, running, or all [all]\n"
        "      --input FILE...    read result.json files, folders of them, or what `sacct --json`\n"
        "                         printed; -: stdin\n"
        "\n"
        "How they are shown:\n"
        "      --format FORM      table, csv, json, html or pdf [table]\n"
        "      --json             short for --format json\n"
        "      --csv              short for --format csv\n"
        "      --groups           repeats side by side: throughput, spread, scaling efficiency\n"
        "      --compare A B      two sets: ratio and confidence interval. A set is sweep:NAME,\n"
        "                         jobs:ID[,ID...] or file:PATH\n"
        "      --across WHAT      of these what differs, too: precision, method or "
        "precision,method\n"
        "      --verify PATH      verify's nodes: a verify.json, or the site's history of them\n"
        "      --node NAME        of --verify: this node's weeks\n"
        "      --report-only      the page of everyone's records into sft-report-DATE.html\n"
        "      --lang LANGUAGE    of the page: en or ja [en]\n"
        "  -o, --output FILE      write there; pdf needs it\n"
        "      --charts DIR       also write the page's charts there, as SVG and PNG\n"
        "      --price P[:CUR]    of a GPU for an hour: cost of a million tokens [CUR: USD]\n"
        "      --tokens N[k|M|G|T]  of your own fine-tuning, all epochs: its time and cost\n"
        "      --goals FILE       hold the runs against these goals, sft-goals(5); none: not even\n"
        "                         the site's\n"
        "      --title TEXT       of the page\n"
        "      --site TEXT        who ran it [the cluster's name]\n"
        "      --sort KEY         job, date, user, state or a record's key [job]; -KEY: downwards\n"
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
        return sft_error_set(err, "--json and --csv exclude each other, and another --format");
    options->form = form;
    return 0;
}

static int set_format(struct options *options, const char *name, struct sft_error *err)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(name, forms[i]) == 0)
            return set_form(options, (enum options_form)i, err);
    return sft_error_set(err, "--format: '%.40s' is none of table, csv, json, html, pdf", name);
}

static int set_lang(struct options *options, const char *name, struct sft_error *err)
{
    options->japanese = strcmp(name, "ja") == 0;
    return options->japanese || strcmp(name, "en") == 0
               ? 0
               : sft_error_set(err, "--lang: '%.40s' is neither en nor ja", name);
}

static int set_across(struct options *options, const char *words, struct sft_error *err)
{
    for (const char *at = words; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (length == 9 && strncmp(at, "precision", 9) == 0)
            options->across |= OPTIONS_PRECISION;
        else if (length == 6 && strncmp(at, "method", 6) == 0)
            options->across |= OPTIONS_METHOD;
        else
            break;
        at += length;
        if (*at == '\0')
            return 0;
    }
    return sft_error_set(err, "--across: '%.40s' is neither precision, method nor both", words);
}

static int set_price(struct options *options, const char *text, struct sft_error *err)
{
    return text_price(text, &options->price, options->currency, err) < 0
               ? sft_error_prefix(err, "--price")
               : 0;
}

/* "66000000", "66M" or "1.2G" */
static int set_tokens(struct options *options, const char *text, struct sft_error *err)
{
    static const char units[] = "kMGT";
    char *end;
    options->tokens = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (end == text || (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return sft_error_set(err, "--tokens: '%.40s' is not of the form 66000000, 66M or 1.2G",
                             text);
    if (unit != NULL)
        options->tokens *= pow(1000, (double)(unit - units + 1));
    if (!isfinite(options->tokens) || options->tokens < 1 || options->tokens > 1e18)
        return sft_error_set(err, "--tokens: '%.40s' is no number of tokens", text);
    return 0;
}

static int set_text(const char **field, const char *name, const char *value, struct sft_error *err)
{
    if (*value == '\0')
        return sft_error_set(err, "--%s: needs a value", name);
    *field = value;
    return 0;
}

static int add_input(struct options *options, char *path, struct sft_error *err)
{
    if (*path == '\0')
        return sft_error_set(err, "--input: needs a value");
    char **grown = reallocarray(options->files, options->inputs + 1, sizeof *grown);
    if (grown == NULL)
        return sft_error_set(err, "no memory");
    options->files = grown;
    options->files[options->inputs++] = path;
    return 0;
}

/* Records have our own names of models. */
static int set_model(struct filter *filter, const char *value, struct sft_error *err)
{
    const struct sft_preset *preset = sft_preset_find(value);
    return set_text(&filter->model, "model", preset != NULL ? preset->name : value, err);
}

static int set_time(struct options *options, int option, time_t now, struct sft_error *err)
{
    bool end = option == OPT_UNTIL;
    time_t *field = end ? &options->filter.until : &options->filter.since;
    if (filter_parse_time(optarg, end, now, field, err) < 0)
        return sft_error_prefix(err, end ? "--until" : "--since");
    return 0;
}

/* The page of all that is there, into a file of today's name. */
static int set_only(struct options *options, time_t now)
{
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(options->dated, sizeof options->dated, "sft-report-%Y-%m-%d.html", &tm);
    options->filter.all_users = true;
    return 0;
}

static int set_page_option(struct options *options, int option, time_t now, struct sft_error *err)
{
    switch (option) {
    case OPT_FORMAT:
        return set_format(options, optarg, err);
    case OPT_LANG:
        return set_lang(options, optarg, err);
    case OPT_ACROSS:
        return set_across(options, optarg, err);
    case OPT_VERIFY:
        options->action = OPTIONS_VERIFY;
        return set_text(&options->verify, "verify", optarg, err);
    case OPT_NODE:
        return set_text(&options->node, "node", optarg, err);
    case OPT_PRICE:
        return set_price(options, optarg, err);
    case OPT_TOKENS:
        return set_tokens(options, optarg, err);
    case OPT_GOALS:
        return set_text(&options->goals_file, "goals", optarg, err);
    case OPT_TITLE:
        return set_text(&options->title, "title", optarg, err);
    case OPT_SITE:
        return set_text(&options->site, "site", optarg, err);
    case OPT_CHARTS:
        return set_text(&options->charts, "charts", optarg, err);
    case 'o':
        return set_text(&options->output, "output", optarg, err);
    case OPT_GROUPS:
        options->groups = true;
        return 0;
    case OPT_ONLY:
        return set_only(options, now);
    }
    options->action = option == 'h'           ? OPTIONS_HELP
                      : option == OPT_VERSION ? OPTIONS_VERSION
                                              : OPTIONS_KEYS;
    return 0;
}

struct command_line {
    struct options *options;
    time_t now; /* that times of the command line are relative to */
};

static int set_option(void *context, int option, struct sft_error *err)
{
    const struct command_line *line = context;
    struct options *options = line->options;
    switch (option) {
    case 'j':
        return filter_set_jobs(&options->filter, optarg, err);
    case 'm':
        return set_model(&options->filter, optarg, err);
    case OPT_SWEEP:
        return set_text(&options->filter.sweep, "sweep", optarg, err);
    case OPT_SINCE:
    case OPT_UNTIL:
        return set_time(options, option, line->now, err);
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
        return add_input(options, optarg, err);
    case OPT_COMPARE:
        options->action = OPTIONS_COMPARE;
        return set_text(&options->compare[0], "compare", optarg, err);
    }
    return set_page_option(options, option, line->now, err);
}

/* A mistake in them is said before the accounting is asked. */
static int load_goals(struct options *options, struct sft_error *err)
{
    const char *path = options->goals_file;
    if (options->form <= OPTIONS_JSON || options->action != OPTIONS_REPORT)
        return path == NULL
                   ? 0
                   : sft_error_set(err,
                                   "--goals: are of the report as a page: --format html or pdf");
    if (path == NULL && access(SITE_GOALS, F_OK) == 0)
        path = SITE_GOALS;
    if (path == NULL || strcmp(path, "none") == 0)
        return 0;
    return sft_goals_load(&options->goals, path, err);
}

/* What goes with what. */
static int options_finish(struct options *options, int argc, char **argv, time_t now,
                          struct sft_error *err)
{
    if (options->action == OPTIONS_COMPARE && optind + 1 == argc)
        options->compare[1] = argv[optind++];
    if (options->action == OPTIONS_COMPARE && options->compare[1] == NULL)
        return sft_error_set(err,
                             "--compare: needs two sets: sweep:NAME, jobs:ID[,ID...] or file:PATH");
    /* `--input runs/NAME` with a star in it: the shell made several words of it. */
    while (options->inputs > 0 && optind < argc)
        if (add_input(options, argv[optind++], err) < 0)
            return -1;
    if (optind < argc)
        return sft_error_set(err, "%s: unexpected word; name jobs with --job, see --help",
                             argv[optind]);
    if (options->node != NULL && options->verify == NULL)
        return sft_error_set(err, "--node: is of --verify PATH");
    if (options->filter.user != NULL && options->filter.all_users)
        return sft_error_set(err, "--user and --all-users exclude each other");
    if (options->dated[0] != '\0' && options->form == OPTIONS_TABLE)
        options->form = OPTIONS_HTML;
    if (options->dated[0] != '\0' && options->output == NULL) {
        if (options->form == OPTIONS_PDF)
            strcpy(strrchr(options->dated, '.'), ".pdf");
        options->output = options->dated;
    }
    if (options->form == OPTIONS_PDF && options->output == NULL)
        return sft_error_set(err, "--format pdf: needs --output FILE");
    if (options->across != 0 && options->action != OPTIONS_COMPARE)
        return sft_error_set(err, "--across: is of --compare A B");
    if (load_goals(options, err) < 0)
        return -1;
    /* A saved file is shown whole unless a time was said. */
    if (options->inputs > 0 && options->filter.since == 0)
        options->filter.since = 1;
    return filter_finish(&options->filter, now, err);
}

int options_parse(struct options *options, int argc, char **argv, time_t now, struct sft_error *err)
{
    struct command_line line = {options, now};
    memset(options, 0, sizeof *options);
    options->sort = "job";
    if (arguments_read(argc, argv, ":j:m:u:as:o:wh", long_options, set_option, &line, err) < 0)
        return -1;
    return options_finish(options, argc, argv, now, err);
}
