/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint=FOLDER: checkpoints stand in it as step-N, and take that name whole; what is being
 * written has another name. */
#ifndef SFT_JOB_CHECKPOINT_FOLDER_H
#define SFT_JOB_CHECKPOINT_FOLDER_H

#include <limits.h>
#include <stdint.h>

#include "lib/error.h"

enum { FOLDER_STEPS = 1000 }; /* that are looked at, the newest */

/* Before a run, changing nothing: it could be written to, and has room for `bytes` more. */
int folder_check(const char *path, uint64_t bytes, struct sft_error *err);
/* Makes it where it is missing, and removes what killed runs left half written: this job's ("":
 * none), and what nobody has touched for ten minutes. */
int folder_make(const char *path, const char *job, struct sft_error *err);

/* Numbers of the checkpoints that stand there, the newest first; returns how many, -1 and err where
 * it cannot be read. A missing folder has none. */
int folder_steps(const char *path, long long steps[FOLDER_STEPS], struct sft_error *err);
void folder_step_path(const char *path, long long step, char to[PATH_MAX]);

/* A new, empty folder for that step's files, beside those that stand; its name in `beside`. */
int folder_begin(const char *path, const char *job, long long step, char beside[PATH_MAX],
                 struct sft_error *err);
/* It takes the name of its step, durably; one that had it, which was of no use, is removed. */
int folder_commit(const char *path, long long step, const char *beside, struct sft_error *err);
/* Removes the oldest ones up to `step` but for `keep`; with `others` those behind it, too, which
 * are of a run that was given up. */
void folder_prune(const char *path, long long step, int keep, int others);

/* The run is complete and all that it was to leave is there; and was that said of the step? */
void folder_finish(const char *path, long long step);
int folder_is_finished(const char *path, long long step);

#endif
