/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/clock.h"

#include <time.h>

double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_lapse(double *last, double most)
{
    double now = clock_now(), lapse = now - *last;
    *last = now;
    return lapse < most ? lapse : most;
}
