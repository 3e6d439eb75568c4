/* SPDX-License-Identifier: Apache-2.0 */
/* When what ran in one step, on each rank. A file in Chrome's trace format, which Perfetto and
 * chrome://tracing read. */
#ifndef SFT_JOB_TRAIN_TRACE_H
#define SFT_JOB_TRAIN_TRACE_H

#include "job/control/control.h"
#include "job/tensor/spans.h"

/* Before a run: take an earlier trace of that name away. Another file that has something in it is
 * refused: the name may be that of somebody's data. */
int trace_clear(const char *path, struct sft_error *err);

/* Collective: the spans of all ranks, which are as many and as named on each, into a file of rank
 * 0's; clocks begin with each rank's step. *why on rank 0: why it was not written, "" when it was,
 * which is no failure of the collective. */
int trace_write(const struct spans *spans, struct control *control, const char *path,
                struct sft_error *why, struct sft_error *err);

#endif
