/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what a GPU sustains and prints the file of sft-ceilings(5):
 *
 *   ceilings [SECONDS] >FILE   of each measurement, default 1
 *
 * job/verify/ceilings.h says what is measured. busbw wants several GPUs: verify measures it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "job/verify/ceilings.h"

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct sft_ceiling ceiling;
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    char day[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    struct device *device = device_create_cuda(0, &err);
    if (gmtime_r(&now, &tm) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    if (device != NULL) {
        printf("# sft-ceilings(5): tests/bench/ceilings of sft-bench %s, %s, %g s each\n# %s\n",
               PACKAGE_VERSION, day, seconds, device->version);
        if (ceilings_measure(device, seconds, stdout, &ceiling, &err) == 0) {
            ceilings_write(stdout, &ceiling);
            device->destroy(device);
            return 0;
        }
        device->destroy(device);
    }
    fprintf(stderr, "ceilings: %s\n", err.text);
    return 1;
}
