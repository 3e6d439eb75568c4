/* SPDX-License-Identifier: Apache-2.0 */
/* What a request asks for as a whole. */
#ifndef SFT_JOB_RUN_TASK_H
#define SFT_JOB_RUN_TASK_H

#include "job/run/options.h"
#include "lib/record.h"

/* Both return the exit status (enum sft_exit) and have said on stderr what failed. */
struct task {
    /* For --check and --plan: what would run. Nothing runs. */
    int (*check)(const struct options *options);
    int (*run)(const struct options *options);
};

extern const struct task task_train;
extern const struct task task_explain;
extern const struct task task_verify;

/* One line on stderr, nothing of an empty text. SFT_EXIT_FAILED. */
int task_complain(const struct sft_error *err);

#endif
