/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of sft-bench-job: REQUEST [--KEY VALUE]... */
#ifndef SFT_JOB_RUN_OPTIONS_H
#define SFT_JOB_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/request.h"

enum options_mode {
    OPTIONS_RUN,
    OPTIONS_CHECK, /* --check: request, data and tokenizer only */
    OPTIONS_PLAN,  /* --plan: print what would run */
    OPTIONS_JSON,  /* no mode: --json, which goes with any */
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

struct options {
    enum options_mode mode;
    bool json;                  /* --json: explain and --plan print JSON */
    const char *goals;          /* --goals FILE, with --plan; NULL: none */
    struct sft_request request; /* keys of the command line over those of REQUEST */
};

int job_options_parse(struct options *options, int argc, char **argv, struct sft_error *err);
void job_options_help(FILE *out);

#endif
