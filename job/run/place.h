/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin told a task of its GPU, cores and memory (SFT_BENCH_PLACE), against what the task
 * has in the end: a TaskProlog, or a wrapper of the program, comes after the plugin. */
#ifndef SFT_JOB_RUN_PLACE_H
#define SFT_JOB_RUN_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE_ENV "SFT_BENCH_PLACE"
#define PLACE_TEXT 2600
#define PLACE_CUDA 301

/* The value of key= in a place's text; the last key, why, goes to the text's end. "" when it is
 * missing. */
void place_field(const char *place, const char *key, char *value, size_t size);

/* CPUs that the kernel lets this process use, "0-11,96-107". */
void place_cpus(char *text, size_t size);

/* CUDA_VISIBLE_DEVICES in the form of a place's word cuda=: "unset", or no blanks in it and cut. */
void place_cuda(char text[PLACE_CUDA]);

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

/* place: the text; local_rank as the job counts; cuda and has as the two functions above have them.
 */
void place_judge(struct place_now *now, const char *place, int local_rank, const char *cuda,
                 const char *has);

#endif
