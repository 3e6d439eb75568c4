/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of stragglers. */
#ifndef SFT_JOB_TRAIN_STRAGGLER_TEXT_H
#define SFT_JOB_TRAIN_STRAGGLER_TEXT_H

#include "job/train/straggler.h"

#define STRAGGLER_CAUSE 120 /* bytes of a cause */
#define STRAGGLER_LINES 8   /* hosts of one judgement that have a line of their own */
#define STRAGGLER_TEXT 4096 /* bytes of all lines of a judgement */

/* What the sensors of a rank's GPU say that those of most other ranks do not: "SM clock 900 MHz,
 * the others' 1755, HW power brake". "": they are not read. */
void straggler_cause(const struct straggler_word *words, int ranks, int rank,
                     char cause[STRAGGLER_CAUSE]);

/* A line for each host where stragglers begin, and for each where they end, with the words of the
 * slowest. causes[ranks], hosts: [ranks] names of host_size bytes. "" of no events. */
void straggler_lines(const struct straggler_event *events, size_t count,
                     char (*causes)[STRAGGLER_CAUSE], const char *hosts, size_t host_size,
                     char text[STRAGGLER_TEXT]);

#endif
