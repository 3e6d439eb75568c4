/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/options.h"

#include <string.h>

#include "lib/request_help.h"

static const struct {
    const char *word;
    enum options_mode mode;
    const char *help;
} modes[] = {
    {"--check", OPTIONS_CHECK, "check request, data and tokenizer; no training"},
    {"--plan", OPTIONS_PLAN,
     "print what would be trained and how, memory and predicted speed; no training"},
    {"--json", OPTIONS_JSON, "of explain[:NODES] and --plan: print JSON"},
    {"--help", OPTIONS_HELP, "print this help"},
    {"--version", OPTIONS_VERSION, "print the version"},
};

#define MODES (sizeof modes / sizeof modes[0])

void job_options_help(FILE *out)
{
    fprintf(out, "usage: sft-bench-job MODEL[:NODES][,KEY=VALUE...] [--KEY VALUE]...\n"
                 "Fine-tune MODEL and report its throughput. Under Slurm: "
                 "srun --sft-bench=MODEL:NODES\n\n");
    sft_request_help(out, true);
    fprintf(out, "\nother options:\n");
    for (size_t i = 0; i < MODES; i++)
        fprintf(out, "  %-22s %s\n", modes[i].word, modes[i].help);
    fprintf(out, "  %-22s %s\n", "--goals FILE",
            "of --plan: hold the goals of the file against it");
}

static int mode_take(struct options *options, const char *word)
{
    for (size_t i = 0; i < MODES; i++) {
        if (strcmp(word, modes[i].word) == 0) {
            if (modes[i].mode == OPTIONS_JSON)
                options->json = true;
            else
                options->mode = modes[i].mode;
            return 1;
        }
    }
    return 0;
}

/* `--key value` or `--key=value`; returns how many words it took, -1 on an error. */
static int key_take(struct options *options, char **words, struct sft_error *err)
{
    char key[64];
    const char *equals = strchr(words[0], '=');
    const char *value = equals != NULL ? equals + 1 : words[1];
    size_t length = equals != NULL ? (size_t)(equals - words[0]) : strlen(words[0]);
    snprintf(key, sizeof key, "%.*s", (int)(length - 2), words[0] + 2);
    if (value == NULL)
        return sft_error_set(err, "%s needs a value; see sft-bench-job --help", words[0]);
    if (strcmp(key, "goals") == 0 && *value == '\0')
        return sft_error_set(err, "--goals needs a file");
    if (strcmp(key, "goals") == 0)
        options->goals = value;
    else if (sft_request_set(&options->request, key, value, err) < 0)
        return -1;
    return equals != NULL ? 1 : 2;
}

int job_options_parse(struct options *options, int argc, char **argv, struct sft_error *err)
{
    const char *text = NULL;
    memset(options, 0, sizeof *options);
    if (argc > 1 && strcmp(argv[1], SFT_REQUEST_HELP) == 0) {
        options->mode = OPTIONS_HELP;
        return 0;
    }
    for (int i = 1; i < argc; i++)
        if (mode_take(options, argv[i]) &&
            (options->mode == OPTIONS_HELP || options->mode == OPTIONS_VERSION))
            return 0;
    if (argc > 1 && argv[1][0] != '-')
        text = argv[1];
    else if (argc > 2 && mode_take(options, argv[1]) && argv[2][0] != '-')
        text = argv[2];
    if (text == NULL)
        return sft_error_set(err, "no model; write sft-bench-job MODEL[:NODES][,KEY=VALUE...], or "
                                  "--help");
    if (sft_request_parse(&options->request, text, err) < 0)
        return -1;
    for (int i = text == argv[1] ? 2 : 3; i < argc;) {
        int taken = mode_take(options, argv[i]);
        if (taken == 0 && strncmp(argv[i], "--", 2) != 0)
            return sft_error_set(err, "'%.64s' is no option; write --KEY VALUE", argv[i]);
        if (taken == 0)
            taken = key_take(options, argv + i, err);
        if (taken < 0)
            return -1;
        i += taken;
    }
    if (options->goals != NULL && options->mode != OPTIONS_PLAN)
        return sft_error_set(err, "--goals goes with --plan");
    return 0;
}
