/* SPDX-License-Identifier: Apache-2.0 */
/* The words that srun, sbatch or salloc was started with. No Slurm in here: the table of options
 * is the caller's. */
#ifndef SFT_SPANK_CMDLINE_H
#define SFT_SPANK_CMDLINE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define CMDLINE_OPTION "sft-bench"
#define CMDLINE_SEEN 128

struct cmdline_seen {
    const char *name;  /* long name, as in the table */
    const char *value; /* NULL: none */
};

struct cmdline {
    char *text;   /* the words' memory */
    char **words; /* ended by NULL */
    int count;
    /* The rest by cmdline_scan. */
    int options; /* words before this index are the program's name, its options and their values */
    int rest;    /* index of the first word behind the options, and behind `--` if that was there */
    bool dashes; /* the options ended with `--` */
    int seen_count;
    struct cmdline_seen seen[CMDLINE_SEEN];
};

/* Read this process's words. */
int cmdline_read(struct cmdline *cmdline, struct sft_error *err);

/* Take `length` bytes of NUL-ended words. */
int cmdline_set(struct cmdline *cmdline, const char *text, size_t length, struct sft_error *err);

void cmdline_clear(struct cmdline *cmdline);

/* Cheap: may the option be among the words? False is certain. */
bool cmdline_hints(const struct cmdline *cmdline);

/* Walk over the options just as getopt_long does for the program itself, with its own table.
 * An option that the table does not know is stepped over: the program will complain of it. */
int cmdline_scan(struct cmdline *cmdline, const struct option *table, const char *letters,
                 struct sft_error *err);

/* Was the option with this long name given? */
bool cmdline_has(const struct cmdline *cmdline, const char *name);

/* The value that it was given last; NULL: not given, or without a value. */
const char *cmdline_value(const struct cmdline *cmdline, const char *name);

#endif
