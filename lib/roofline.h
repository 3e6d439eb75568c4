/* SPDX-License-Identifier: Apache-2.0 */
/* What the hardware can at most do; refuses a figure above it. */
#ifndef SFT_LIB_ROOFLINE_H
#define SFT_LIB_ROOFLINE_H

#include "lib/error.h"

struct sft_roofline {
    const char *match;  /* part of the device's name as its driver says it: "H200" */
    double bf16_tflops; /* dense, datasheet */
    double fp8_tflops;  /* dense, datasheet; 0: has none */
    double memory_gbs;  /* device memory, GB/s, datasheet */
    const char *source;
};

/* The entry whose `match` stands in the device's name (the most specific first), or NULL. */
const struct sft_roofline *sft_roofline_find(const char *device_name);

/* An upper bound of the fp32 rate of `cores` CPU cores, TFLOP/s: two FMA units of the widest
 * vectors in `flags` (the flags line of /proc/cpuinfo) at 6.5 GHz, which no core sustains. Good to
 * refuse an impossible figure; no base for an MFU. */
double sft_roofline_cpu_tflops(int cores, const char *flags);

/* Fails when `tflops` of one device exceed `peak_tflops`: such a figure is an error (a clock that
 * was set back, FLOPs counted twice), never a result. peak_tflops 0: not known, nothing checked.
 * A figure that is not finite or is negative fails always. */
int sft_roofline_check(double tflops, double peak_tflops, const char *what, struct sft_error *err);

#endif
