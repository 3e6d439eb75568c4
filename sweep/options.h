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
#define SWEEP_REPEAT 3 /* runs of each, where nobody says */

enum sweep_action {
    SWEEP_RUN,
    SWEEP_PLAN,
    SWEEP_STATUS,
    SWEEP_CANCEL,
    SWEEP_REPORT,
    SWEEP_HELP,
    SWEEP_VERSION
};

/* Exit status. */
enum sweep_end { SWEEP_WHOLE, SWEEP_MISSING, SWEEP_WRONG };

struct sweep_options {
    enum sweep_action action;
    char name[SWEEP_NAME];
    bool named;         /* by the user */
    bool whole;         /* a suite: of the file, or the standard one */
    const char *suite;  /* its file; NULL: none said */
    const char *models; /* "a,b"; NULL: none said */
    const char *nodes;  /* "1,2,4" */
    int repeat;
    bool repeated; /* by the user */
    int with_count, vary_count;
    const char *with[SWEEP_WORDS];                /* "key=value" */
    const char *vary[SWEEP_WORDS];                /* "key=v1,v2" */
    const char *partition, *account, *time, *job; /* NULL: not said */
    const char *exclude; /* nodes that a suite leaves out, as sbatch takes them; NULL: none */
    bool yes, detach, beside;
    time_t now;
};

/* Texts stay in argv. Fails with one line on what cannot be read. */
int sweep_options_parse(struct sweep_options *options, int argc, char **argv, time_t now,
                        struct sft_error *err);
void sweep_options_help(FILE *out);

/* A sweep's name: letters, digits, '.', '_' and '-'. */
int sweep_name_read(char name[SWEEP_NAME], const char *text, struct sft_error *err);

/* The i-th number of nodes of a list with commas between: 1 with *nodes, 0 behind the last. Fails
 * on what is none. */
int sweep_nodes_read(const char *list, int i, int *nodes, struct sft_error *err);

/* The n-th word of a list with commas between; false when there are fewer. An empty one is a word,
 * too. */
bool sweep_word(const char *list, int n, char *word, size_t size);

#endif
