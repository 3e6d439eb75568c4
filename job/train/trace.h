/* SPDX-License-Identifier: Apache-2.0 */
/* When what ran in one step, lane by lane, from the device's stamps; and how long computing waited
 * for collectives. A file in Chrome's trace format, which Perfetto and chrome://tracing read. */
#ifndef SFT_JOB_TRAIN_TRACE_H
#define SFT_JOB_TRAIN_TRACE_H

#include <stdbool.h>

#include "job/tensor/device.h"
#include "job/collective/comm.h"

/* Waiting is always recorded; the others only while the trace is full. Where collectives run on the
 * host they are what computing waits for, and always recorded, too. */
enum trace_kind { TRACE_COMPUTE, TRACE_COLLECTIVE, TRACE_WAIT };

struct trace;

/* Before a run: take an earlier trace of that name away. Another file that has something in it is
 * refused: the name may be that of somebody's data. */
int trace_clear(const char *path, struct sft_error *err);

struct trace *trace_create(struct device *device, struct sft_error *err);
void trace_destroy(struct trace *trace);

/* A step begins: what was recorded before is forgotten. */
void trace_start(struct trace *trace, bool full);

/* A span from now on, on that lane: its number, or -1 when it is not recorded. `name` is kept by
 * its address. NULL for a trace records nothing. */
int trace_begin(struct trace *trace, enum trace_kind kind, enum lane lane, const char *name);
void trace_end(struct trace *trace, int span);

/* Seconds of this step in which computing waited; the step's work must be done. */
double trace_waited(struct trace *trace);

/* Collective: the spans of all ranks, which are as many and as named on each, into a file of rank
 * 0's; clocks begin with each rank's step. *why on rank 0: why it was not written, "" when it was,
 * which is no failure of the collective. */
int trace_write(struct trace *trace, struct comm *comm, const char *path, struct sft_error *why,
                struct sft_error *err);

#endif
