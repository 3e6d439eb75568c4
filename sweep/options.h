/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of sft-sweep. */
#ifndef SWEEP_OPTIONS_H
#define SWEEP_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "lib/error.h"

#define SWEEP_NAME 61 /* bytes of a sweep's name, with its end */
#define SWEEP_WORDS 32

enum sweep_action { SWEEP_RUN, SWEEP_PLAN, SWEEP_STATUS, SWEEP_CANCEL, SWEEP_HELP, SWEEP_VERSION };

struct sweep_options {
    enum sweep_action action;
    char name[SWEEP_NAME];
    bool named;         /* by the user */
    const char *models; /* "a,b"; NULL: none said */
    const char *nodes;  /* "1,2,4" */
    int repeat;
    int with_count, vary_count;
    const char *with[SWEEP_WORDS];                /* "key=value" */
    const char *vary[SWEEP_WORDS];                /* "key=v1,v2" */
    const char *partition, *account, *time, *job; /* NULL: not said */
    bool yes, detach, beside;
};

/* Texts stay in argv. Fails with one line on what cannot be read. */
int sweep_options_parse(struct sweep_options *options, int argc, char **argv, time_t now,
                        struct sft_error *err);
void sweep_options_help(FILE *out);

#endif
