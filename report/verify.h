/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of verify, sft-verify(7), out of verify.json and out of a site's history. Anybody may have
 * written such a file: what is none is counted and left out. */
#ifndef REPORT_VERIFY_H
#define REPORT_VERIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

enum { VERIFY_CHECKS = 24, VERIFY_FILES = 2000, VERIFY_BYTES = 64 << 20 };

/* The worst last. */
enum verify_kind { VERIFY_GOOD, VERIFY_WARNING, VERIFY_UNKNOWN, VERIFY_BAD, VERIFY_KINDS };

/* Texts are the file's and never NULL. */
struct verify_check {
    const char *name, *title, *unit;
    bool less; /* the smaller the better */
};

struct verify_node {
    const char *host;
    enum verify_kind kind;
    double ratio;
    const char *finding, *cause, *evidence, *command, *drain;
    double value[VERIFY_CHECKS]; /* of the run's checks, its worst rank's; NaN: none */
};

struct verify_run {
    json_t *root;
    long long time; /* seconds since 1970 */
    const char *step, *version, *request;
    enum verify_kind kind; /* the worst of its nodes */
    size_t checks, nodes;
    struct verify_check check[VERIFY_CHECKS];
    struct verify_node *node; /* [nodes] */
};

struct verifies {
    size_t count, room;
    struct verify_run *run; /* by time */
    size_t broken;          /* files that are no verify.json */
    size_t left_out;        /* older files of a folder that has more than VERIFY_FILES */
};

/* A file, or all verify*.json of a folder, the newest VERIFY_FILES by their names. Adds to what is
 * there, to be cleared also after a failure; a file that was named itself must be one. */
int verifies_load(struct verifies *verifies, const char *path, struct sft_error *err);
void verifies_clear(struct verifies *verifies);

/* The newest run; NULL: none. */
const struct verify_run *verifies_last(const struct verifies *verifies);
/* The run's node of that name, NULL: it was not in it. */
const struct verify_node *verify_find(const struct verify_run *run, const char *host);
/* Which of the run's checks; -1: none of that name. */
int verify_check_find(const struct verify_run *run, const char *name);

/* The median of the run's other nodes; NaN: there are none. */
double verify_others(const struct verify_run *run, size_t node, size_t check);
/* The node's figure as a part of theirs, above 1 is better; NaN: there is nothing to say. */
double verify_ratio(const struct verify_run *run, size_t node, size_t check);

const char *verify_kind_text(enum verify_kind kind); /* for _() */
/* The check's title, for _(): ours where it is one of ours. */
const char *verify_check_title(const struct verify_check *check);

#endif
