/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_LIB_CLOCK_H
#define SFT_LIB_CLOCK_H

/* Seconds of a clock that is never set back (CLOCK_MONOTONIC). */
double sft_clock_now(void);
/* Seconds from *last, which becomes now, but `most` of them at the most: a process that was stopped
 * has not waited, so look more often than that. */
double sft_clock_lapse(double *last, double most);

#endif
