/* SPDX-License-Identifier: Apache-2.0 */
/* What ran when in one step, lane by lane, from the device's stamps; and how long computing waited
 * for collectives. */
#ifndef SFT_JOB_TENSOR_SPANS_H
#define SFT_JOB_TENSOR_SPANS_H

#include <stdbool.h>

#include "job/tensor/device.h"

/* Waiting is always recorded; the others only in a step that is recorded in full. Where collectives
 * run on the host they are what computing waits for, and always recorded, too. */
enum span_kind { SPAN_COMPUTE, SPAN_COLLECTIVE, SPAN_WAIT };

struct span {
    const char *name; /* by its address */
    enum span_kind kind;
    enum lane lane;
    double begin, length; /* seconds since the step's begin; length 0 where a stamp failed */
};

struct spans;

struct spans *spans_create(struct device *device, struct sft_error *err);
void spans_destroy(struct spans *spans);

/* Are the steps that begin from now on recorded in full? Not at first. */
void spans_full(struct spans *spans, bool full);
/* A step begins: what was recorded before is forgotten. */
void spans_start(struct spans *spans);

/* A span from now on, on that lane: its number, or -1 when it is not recorded. NULL for the spans
 * records nothing. */
int spans_begin(struct spans *spans, enum span_kind kind, enum lane lane, const char *name);
void spans_end(struct spans *spans, int number);

/* What follows wants the step's work done. */
int spans_count(const struct spans *spans);
struct span spans_get(const struct spans *spans, int number);
/* Seconds of this step in which computing waited. */
double spans_waited(const struct spans *spans);

#endif
