/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/options.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/arguments.h"
#include "lib/request.h"

enum {
    OPT_SUITE = 256,
    OPT_MODELS,
    OPT_NODES,
    OPT_REPEAT,
    OPT_NAME,
    OPT_WITH,
    OPT_VARY,
    OPT_TIME,
    OPT_JOB,
    OPT_PLAN,
    OPT_DETACH,
    OPT_BESIDE,
    OPT_STATUS,
    OPT_CANCEL,
    OPT_REPORT,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"suite", required_argument, NULL, OPT_SUITE},
    {"models", required_argument, NULL, OPT_MODELS},
    {"nodes", required_argument, NULL, OPT_NODES},
    {"repeat", required_argument, NULL, OPT_REPEAT},
    {"name", required_argument, NULL, OPT_NAME},
    {"with", required_argument, NULL, OPT_WITH},
    {"vary", required_argument, NULL, OPT_VARY},
    {"partition", required_argument, NULL, 'p'},
    {"account", required_argument, NULL, 'A'},
    {"time", required_argument, NULL, OPT_TIME},
    {"job", required_argument, NULL, OPT_JOB},
    {"yes", no_argument, NULL, 'y'},
    {"plan", no_argument, NULL, OPT_PLAN},
    {"detach", no_argument, NULL, OPT_DETACH},
    {"beside", no_argument, NULL, OPT_BESIDE},
    {"status", no_argument, NULL, OPT_STATUS},
    {"cancel", no_argument, NULL, OPT_CANCEL},
    {"report-only", no_argument, NULL, OPT_REPORT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

void sweep_options_help(FILE *out)
{
    fputs(
        "Usage: sft-sweep [--suite FILE] [OPTION...]\n"
        "       sft-sweep --models MODEL[,MODEL...] --nodes N[,N...] [OPTION...]\n"
        "       sft-sweep --name NAME --status | --cancel | --report-only\n"
        "Run sft-bench as Slurm jobs of one name: a whole suite (verify, smoke trainings on every "
        "good\n"
        "node, models on numbers of nodes, the report), or every model on every number of nodes.\n"
        "The plan is shown first. The same command with the same name goes on where an "
        "interrupted\n"
        "one stopped: what sacct has already is not run again.\n"
        "\n"
        "What is run:\n"
        "      --suite FILE      the suite, sft-suite(5) [Llama 7B, 13B, 70B: what fits]\n"
        "      --models LIST     no suite: models, as in srun --sft-bench=MODEL:NODES\n"
        "      --nodes LIST      on these numbers of nodes\n"
        "      --repeat N        runs of each [3]\n"
        "      --with KEY=VALUE  for every run, as in a request; may stand several times\n"
        "      --vary KEY=V1,V2  a run for each value, too; may stand several times\n"
        "      --name NAME       of the sweep and its jobs [sweep-DATE-TIME, suite-DATE]\n"
        "\n"
        "How:\n"
        "  -p, --partition NAME  Slurm's partition\n"
        "  -A, --account NAME    Slurm's account\n"
        "      --time LIMIT      Slurm's time limit of each job\n"
        "      --job FILE        sft-bench-job, for predictions [the site's]\n"
        "      --beside          jobs may run side by side; else one after the other\n"
        "      --detach          submit and do not follow\n"
        "  -y, --yes             do not ask\n"
        "      --plan            show the plan and end\n"
        "\n"
        "      --status          what is there of a sweep\n"
        "      --cancel          cancel its pending and running jobs\n"
        "      --report-only     its report alone, from what is there\n"
        "  -h, --help            show this\n"
        "      --version         show the version\n"
        "\n"
        "Exit status: 0 when every run is complete, 1 when some are missing or failed or verify\n"
        "called nodes bad, 2 when something is wrong. See sft-sweep(1), sft-suite(5) and\n"
        "sft-report(1).\n",
        out);
}

int sweep_name_read(char name[SWEEP_NAME], const char *text, struct sft_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(text);
    if (length == 0 || length >= SWEEP_NAME || strspn(text, letters) != length || text[0] == '-')
        return sft_error_set(
            err, "'%.70s' is not of letters, digits, '.', '_' and '-', at most %d of them", text,
            SWEEP_NAME - 1);
    strcpy(name, text);
    return 0;
}

bool sweep_word(const char *list, int n, char *word, size_t size)
{
    for (; n > 0; n--) {
        list = strchr(list, ',');
        if (list == NULL)
            return false;
        list++;
    }
    snprintf(word, size, "%.*s", (int)strcspn(list, ","), list);
    return true;
}

int sweep_nodes_read(const char *list, int i, int *nodes, struct sft_error *err)
{
    char word[SFT_REQUEST_PATH], *end;
    if (!sweep_word(list, i, word, sizeof word))
        return 0;
    const char *text = word + strspn(word, " \t");
    long number = strtol(text, &end, 10);
    if (end == text || end[strspn(end, " \t")] != '\0' || number < 1 ||
        number > SFT_REQUEST_NODES_MAX)
        return sft_error_set(err, "'%.40s' is no whole number from 1 to %d%s", text,
                             SFT_REQUEST_NODES_MAX,
                             strpbrk(text, " \t") != NULL ? "; commas stand between numbers" : "");
    *nodes = (int)number;
    return 1;
}

static int set_name(struct sweep_options *options, const char *name, struct sft_error *err)
{
    if (sweep_name_read(options->name, name, err) < 0)
        return sft_error_prefix(err, "--name");
    options->named = true;
    return 0;
}

static int set_repeat(struct sweep_options *options, const char *text, struct sft_error *err)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > 1000)
        return sft_error_set(err, "--repeat: '%.40s' is no whole number from 1 to 1000", text);
    options->repeat = (int)value;
    options->repeated = true;
    return 0;
}

static int add_word(const char *list[SWEEP_WORDS], int *count, const char *option, const char *word,
                    struct sft_error *err)
{
    if (strchr(word, '=') == NULL || word[0] == '=')
        return sft_error_set(err, "%s: '%.60s' is not of the form KEY=VALUE", option, word);
    if (*count == SWEEP_WORDS)
        return sft_error_set(err, "%s: stands more than %d times", option, SWEEP_WORDS);
    list[(*count)++] = word;
    return 0;
}

static int set_flag(struct sweep_options *options, int option)
{
    switch (option) {
    case 'y':
        options->yes = true;
        return 0;
    case OPT_DETACH:
        options->detach = true;
        return 0;
    case OPT_BESIDE:
        options->beside = true;
        return 0;
    case OPT_PLAN:
        options->action = SWEEP_PLAN;
        return 0;
    case OPT_STATUS:
        options->action = SWEEP_STATUS;
        return 0;
    case OPT_CANCEL:
        options->action = SWEEP_CANCEL;
        return 0;
    case OPT_REPORT:
        options->action = SWEEP_REPORT;
        return 0;
    }
    options->action = option == 'h' ? SWEEP_HELP : SWEEP_VERSION;
    return 0;
}

static int set_option(void *context, int option, struct sft_error *err)
{
    struct sweep_options *options = context;
    if (optarg != NULL && *optarg == '\0')
        return sft_error_set(err, "an option's value is empty; see --help");
    switch (option) {
    case OPT_SUITE:
        options->suite = optarg;
        return 0;
    case OPT_MODELS:
        options->models = optarg;
        return 0;
    case OPT_NODES:
        options->nodes = optarg;
        return 0;
    case OPT_REPEAT:
        return set_repeat(options, optarg, err);
    case OPT_NAME:
        return set_name(options, optarg, err);
    case OPT_WITH:
        return add_word(options->with, &options->with_count, "--with", optarg, err);
    case OPT_VARY:
        return add_word(options->vary, &options->vary_count, "--vary", optarg, err);
    case 'p':
        options->partition = optarg;
        return 0;
    case 'A':
        options->account = optarg;
        return 0;
    case OPT_TIME:
        options->time = optarg;
        return 0;
    case OPT_JOB:
        options->job = optarg;
        return 0;
    }
    return set_flag(options, option);
}

/* A suite is what is run where no models are named; what a grid alone has is refused there. */
static int options_suite(struct sweep_options *options, struct sft_error *err)
{
    options->whole = options->suite != NULL || options->action == SWEEP_RUN ||
                     options->action == SWEEP_PLAN || options->action == SWEEP_REPORT;
    if (!options->whole)
        return 0;
    if (options->vary_count > 0)
        return sft_error_set(err, "--vary: is of --models and --nodes; a suite has a line for each "
                                  "configuration");
    if (options->detach)
        return sft_error_set(err, "--detach: a suite submits what verify lets it, so it must "
                                  "follow; the same command goes on with one that was left");
    return 0;
}

static int options_finish(struct sweep_options *options, time_t now, struct sft_error *err)
{
    struct tm tm;
    options->now = now;
    if (options->action == SWEEP_HELP || options->action == SWEEP_VERSION)
        return 0;
    if (options->suite != NULL && options->nodes != NULL && options->models == NULL)
        return sft_error_set(err,
                             "--nodes: is of --models; of a suite it is a line of the file: "
                             "nodes = %.60s",
                             options->nodes);
    if ((options->models == NULL) != (options->nodes == NULL))
        return sft_error_set(
            err, "say what to run: --models MODEL[,MODEL...] --nodes N[,N...]; see --help");
    if (options->models != NULL && options->suite != NULL)
        return sft_error_set(err, "--suite and --models exclude each other");
    if (options->models != NULL && options->action == SWEEP_REPORT)
        return sft_error_set(err,
                             "--report-only: is of --name NAME or --suite FILE, not of --models");
    if (options->models == NULL && options_suite(options, err) < 0)
        return -1;
    if ((options->action == SWEEP_STATUS || options->action == SWEEP_CANCEL) && !options->named &&
        options->suite == NULL)
        return sft_error_set(err, "--status and --cancel need --name NAME, or --suite FILE");
    if (!options->named) {
        localtime_r(&now, &tm);
        strftime(options->name, sizeof options->name,
                 options->whole ? "suite-%Y%m%d" : "sweep-%Y%m%d-%H%M%S", &tm);
    }
    return 0;
}

int sweep_options_parse(struct sweep_options *options, int argc, char **argv, time_t now,
                        struct sft_error *err)
{
    memset(options, 0, sizeof *options);
    options->repeat = SWEEP_REPEAT;
    if (arguments_read(argc, argv, ":p:A:yh", long_options, set_option, options, err) < 0)
        return -1;
    if (optind < argc)
        return sft_error_set(err, "%.60s: unexpected word; see --help", argv[optind]);
    return options_finish(options, now, err);
}
