/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_LIB_CLOCK_H
#define SFT_LIB_CLOCK_H

/* Seconds of a clock that is never set back (CLOCK_MONOTONIC). */
double sft_clock_now(void);

#endif
