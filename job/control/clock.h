/* SPDX-License-Identifier: Apache-2.0 */
/* Seconds of a clock that is never set back. */
#ifndef SFT_JOB_CONTROL_CLOCK_H
#define SFT_JOB_CONTROL_CLOCK_H

double clock_now(void);

/* Seconds from *last, which becomes now, but `most` of them at the most: a process that was stopped
 * has not waited, so look more often than that. */
double clock_lapse(double *last, double most);

#endif
