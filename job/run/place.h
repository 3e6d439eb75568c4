/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin told a task of its GPU, cores and memory (node/said.h), against what the task has
 * in the end: a TaskProlog, or a wrapper of the program, comes after the plugin. */
#ifndef SFT_JOB_RUN_PLACE_H
#define SFT_JOB_RUN_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "node/said.h"

/* The plugin's text without its opening, "" without the plugin; of a plugin of another form a why
 * that says so. Was anything said? */
bool place_said(char text[SAID_PLACE]);

/* CPUs that the kernel lets this process use, "0-11,96-107". */
void place_cpus(char *text, size_t size);

struct place_now {
    bool pinned; /* bound to CPUs of those that the plugin chose, and its GPU is the one that they
                    are near */
    char cpus[256]; /* that it has; "" when it is not pinned */
    char gpu[128];  /* PCI address; "unknown" when something else was made visible; "" none was told
                     */
    char why[512];  /* the plugin's word, or what has come to pass since */
    char cuda_warning[512]; /* "" or what is wrong with CUDA_VISIBLE_DEVICES */
    bool moved;             /* it has other CPUs than it was told */
};

/* place: the text; local_rank as the job counts; cuda as said_cuda and has as place_cpus has it.
 */
void place_judge(struct place_now *now, const char *place, int local_rank, const char *cuda,
                 const char *has);

#endif
