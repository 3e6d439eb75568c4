/* SPDX-License-Identifier: Apache-2.0 */
/* What the hardware can at most do; refuses a figure above it. */
#ifndef SFT_LIB_ROOFLINE_H
#define SFT_LIB_ROOFLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct sft_roofline {
    const char *match;  /* words of the device's name as its driver says it: "H200" */
    double bf16_tflops; /* dense, datasheet */
    double fp8_tflops;  /* dense, datasheet; 0: has none */
    double fp32_tflops; /* without tensor cores, datasheet */
    double memory_gbs;  /* device memory, GB/s, datasheet */
    double memory_gib;  /* that nvidia-smi shows */
    double link_gbs;    /* to the node's other GPUs, both directions together, GB/s, datasheet */
    int processors;     /* multiprocessors of the whole GPU */
    const char *source;
};

/* The entry of which `match` stands in the device's name as whole words, whatever their case (the
 * most specific first: H20 is not in "H200", H200 not in "GH200"), or NULL. The whole GPU's, for a
 * MIG slice too. */
const struct sft_roofline *sft_roofline_find(const char *device_name);

/* "H100, H200, ..." of all entries. Returns text. */
const char *sft_roofline_names(char *text, size_t size);

/* Part of the GPU's multiprocessors that the slice "... MIG 3g.40gb" or "... MIG 1c.3g.40gb" may at
 * most have; 1: no slice. */
double sft_roofline_share(const char *device_name);

/* What products of fp32 can at most reach of the dense peak in bf16: with operands rounded to tf32
 * half, else what the data sheet says; 1: of this device nothing is known. */
double sft_roofline_fp32(const char *device_name, bool tf32);

/* Dense peak of the device or of the MIG slice, TFLOP/s; 0: not known, or it has no FP8. With the
 * slice's own count of multiprocessors by that, with 0 by what its name allows. */
double sft_roofline_peak(const char *device_name, int processors, bool fp8);

/* An upper bound of the fp32 rate of `cores` CPU cores, TFLOP/s: two FMA units of the widest
 * vectors in `flags` (the flags line of /proc/cpuinfo) at 6.5 GHz, which no core sustains. Good to
 * refuse an impossible figure; no base for an MFU. */
double sft_roofline_cpu_tflops(int cores, const char *flags);

/* Fails when `tflops` of one device exceed `peak_tflops`: such a figure is an error (a clock that
 * was set back, FLOPs counted twice), never a result. peak_tflops 0: not known, nothing checked.
 * A figure that is not finite or is negative fails always. */
int sft_roofline_check(double tflops, double peak_tflops, const char *what, struct sft_error *err);

#endif
