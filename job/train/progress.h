/* SPDX-License-Identifier: Apache-2.0 */
/* What rank 0 shows while it runs: one live line on a terminal, plain lines on stderr otherwise. */
#ifndef SFT_JOB_TRAIN_PROGRESS_H
#define SFT_JOB_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

/* Set by whoever passes our output on to a terminal unbuffered: the stream to show the live line
 * on. "stdout" when both streams end there, since a launcher may let one overtake the other and the
 * summary follows on stdout; else "stderr". */
#define PROGRESS_LIVE_ENV "SFT_BENCH_LIVE"

struct progress {
    bool shown; /* rank 0 */
    bool live;
    FILE *out;
    int warmup, steps;
    double begin, last; /* seconds of sft_clock_now */
    int width;          /* characters of the line that stands there */
};

void progress_start(struct progress *progress, bool shown, int warmup, int steps);
/* Step `step` from 0, warm-up too, has ended with that mean loss. tok_s 0: none yet. */
void progress_step(struct progress *progress, int step, double loss, double tok_s);
void progress_end(struct progress *progress);

/* "42 s", "3:05 min", "1:02:03 h" */
void progress_duration(double seconds, char text[32]);

#endif
