/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clock.h"

#include <time.h>

double sft_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double sft_clock_lapse(double *last, double most)
{
    double now = sft_clock_now(), lapse = now - *last;
    *last = now;
    return lapse < most ? lapse : most;
}
