/* SPDX-License-Identifier: Apache-2.0 */
/* A described machine (machine_tree.h) and what stands around NCCL's environment there:
 *
 *     site KEY = VALUE                     a line of the site's file
 *     env NAME=VALUE                       the user's environment
 *     fabric nodes=8 [nccl=22005] [verify=1] [pinned=0]   decide with all that stands above
 *
 * Lines that are affinity's are skipped. */
#ifndef SFT_TESTS_UNIT_NODE_FABRIC_CASE_H
#define SFT_TESTS_UNIT_NODE_FABRIC_CASE_H

#include <stdio.h>

#include "spank/conf.h"
#include "node/fabric.h"
#include "tests/unit/node/machine_tree.h"

struct fabric_case {
    struct tree tree;
    struct conf conf;
    int envs;
    char env[32][128];
    struct nic_list *nics; /* of the last decision */
    struct fabric *fabric; /* the last decision */
};

/* Make the machine and, at each fabric line, decide; with out, print line and decision there. 0, or
 * -1 with a text on stderr. fabric_case_remove frees all, also after a failure. */
int fabric_case_parse(struct fabric_case *made, const char *text, FILE *out);
int fabric_case_load(struct fabric_case *made, const char *file, FILE *out);
void fabric_case_remove(struct fabric_case *made);

/* The tables of the decision, as the job prints them of what it was told, and the warnings. */
void fabric_case_print(FILE *out, const struct fabric *fabric);

/* For struct fabric_input; data is the case. */
const char *fabric_case_get(void *data, const char *name, const char **where);

#endif
