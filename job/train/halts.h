/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that stands still while this process is stopped: by SIGSTOP, by `scontrol suspend`. A
 * thread looks at the time again and again; where it could not, nobody here could do anything. */
#ifndef SFT_JOB_TRAIN_HALTS_H
#define SFT_JOB_TRAIN_HALTS_H

#include "lib/error.h"

/* Seconds; what is shorter may be a busy machine, and is no halt. */
#define HALTS_LEAST 2.0

struct halts;

/* NULL and err. */
struct halts *halts_start(struct sft_error *err);
void halts_stop(struct halts *halts); /* NULL does nothing */

/* Seconds of that clock. From any thread. */
double halts_now(struct halts *halts);

#endif
