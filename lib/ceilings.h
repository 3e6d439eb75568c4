/* SPDX-License-Identifier: Apache-2.0 */
/* What kinds of GPUs sustain, measured: a site's file, sft-ceilings(5), and a table of our own. */
#ifndef SFT_LIB_CEILINGS_H
#define SFT_LIB_CEILINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define SFT_CEILING_NAME 128   /* bytes of a device's name, with the NUL */
#define SFT_CEILING_LENGTHS 16 /* attention's, with the 0 behind them */
#define SFT_CEILING_BUSBW 64
#define SFT_CEILINGS_MAX 16       /* devices of a file */
#define SFT_CEILINGS_BYTES 262144 /* of a file */

/* As nccl-tests defines busbw of an all-gather: of a GPU where nodes is 1, else of a whole node. */
struct sft_busbw {
    int nodes;
    double bytes, gbs; /* of the whole array, GB/s */
};

/* Rates that large operations sustain on a device at its power limit; doc/measurements.md has the
 * commands. -1 (of a file) or 0: not known. */
struct sft_ceiling {
    char device[SFT_CEILING_NAME]; /* its name, as the driver says it */
    double matmul_tflops;          /* bf16 matrix products of a Llama's shapes */
    double memory_gbs;             /* elementwise kernels, GB/s read and written */
    double launch_us;              /* a kernel, on the CPU */
    /* Causal attention by length of the documents, TFLOP/s of useful work, heads of 128 */
    int lengths[SFT_CEILING_LENGTHS]; /* ascending, ended by 0 */
    double forward[SFT_CEILING_LENGTHS], backward[SFT_CEILING_LENGTHS];
    double fp8_tflops;                         /* the same products in FP8 */
    double peak_tflops;                        /* dense bf16 by the data sheet */
    double memory_gib;                         /* of the device */
    struct sft_busbw busbw[SFT_CEILING_BUSBW]; /* by nodes, then bytes, ascending */
    int busbws;
    bool estimated; /* a share of the data sheet, nothing of it measured */
};

struct sft_ceilings {
    int count;
    struct sft_ceiling device[SFT_CEILINGS_MAX];
};

/* Read a file's text. Complaints are one line that begins with "NAME:LINE: ". A rate above the
 * data sheet of its device is one. */
int sft_ceilings_parse(struct sft_ceilings *ceilings, const char *text, size_t length,
                       const char *name, struct sft_error *err);

/* Read the file; from now on its devices come first in sft_ceiling_find and sft_gpu_find, for the
 * whole process. "": no file, and none from now on. */
int sft_ceilings_load(const char *path, struct sft_error *err);

/* The entry of the device of exactly that name, or NULL: nothing was measured on such a device. */
const struct sft_ceiling *sft_ceiling_find(const char *device_name);

/* busbw of arrays of that size: of the measured number of nodes that is nearest from below (never a
 * node's inside for several nodes), between the sizes in proportion, beyond them the nearest. 0:
 * not measured. */
double sft_ceiling_busbw(const struct sft_ceiling *ceiling, int nodes, double bytes);
/* That measured number of nodes; 0: none. */
int sft_ceiling_busbw_nodes(const struct sft_ceiling *ceiling, int nodes);

/* What products in FP8 sustain, TFLOP/s: measured, or estimated as the share of its own bf16's that
 * a measured GPU reaches; 0: the device has none, or nobody knows of any. */
double sft_ceiling_fp8(const struct sft_ceiling *ceiling);

/* A GPU that a plan is made for without having it. */
struct sft_gpu {
    char name[SFT_CEILING_NAME];
    double gib; /* that a job finds free */
    struct sft_ceiling ceiling;
};

/* By a word for it ("H100", "A100-SXM4-40GB"), or the name of a device that was measured: the
 * file's ceilings, our own, or estimated (ceiling.estimated) as those shares of the data sheet that
 * an H200 reaches of its own. Fails, naming the known, for any other. */
int sft_gpu_find(struct sft_gpu *gpu, const char *model, struct sft_error *err);

#endif
