/* SPDX-License-Identifier: Apache-2.0 */
/* What this rank computes on. */
#ifndef SFT_JOB_RUN_MACHINE_H
#define SFT_JOB_RUN_MACHINE_H

#include "job/run/host.h"
#include "job/tensor/device.h"
#include "lib/request.h"

#define MACHINE_NO_CEILING "no ceiling known"

struct machine {
    struct host host;
    struct device *device;
    double peak_tflops;  /* dense, for MFU: the data sheet's, or a lower peak=; 0: not known */
    double limit_tflops; /* nothing but FP8 can be faster; 0: not known */
    char ceiling[96];    /* what the peak is by, for the record; "": a CPU without peak= */
};

/* device: which of the GPUs that this process sees, -1: none. `local_size` ranks share the node. */
int machine_create(struct machine *machine, const struct sft_request *request, int device,
                   int local_size, struct sft_error *err);
/* Of a machine with device and host; said: peak=, or less than 0. */
void machine_find_peaks(struct machine *machine, double said);
/* What no rank that trains this can be above, TFLOP/s; 0: not known. */
double machine_limit(const struct machine *machine, const struct sft_request *request,
                     const struct sft_preset *shape);
/* One that was not created, or zeroes, too. */
void machine_destroy(struct machine *machine);

#endif
