/* SPDX-License-Identifier: Apache-2.0 */
/* Can a program be executed here: is it there, and are its libraries? No Slurm in here. */
#ifndef SFT_SPANK_LOADS_H
#define SFT_SPANK_LOADS_H

#include "lib/error.h"

/* As who we are, with that environment (ended by NULL), in this mount namespace. The program is not
 * executed: its loader is asked. 0, too, where that says nothing: a name without a slash, a script,
 * a program without libraries, a loader that is not glibc's. -1 and err: it would not start, and
 * why. */
int loads_check(const char *program, char *const *environment, struct sft_error *err);

/* The loader's answer, its stdout and stderr: -1 and err where something is missing in it. */
int loads_read(const char *program, const char *answer, struct sft_error *err);

#endif
