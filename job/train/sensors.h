/* SPDX-License-Identifier: Apache-2.0 */
/* What a GPU says about itself while a benchmark runs: clocks, power, temperature, and why it was
 * held back. Read through NVML, the driver's library, which is looked for at run time. */
#ifndef SFT_JOB_TRAIN_SENSORS_H
#define SFT_JOB_TRAIN_SENSORS_H

#include <stddef.h>

#include "lib/error.h"

enum { SENSORS_REASONS = 9 };    /* bits that have a name */
#define SENSORS_REASONS_SIZE 160 /* bytes that hold any text of sensors_reasons */

/* Of the samples from sensors_begin to sensors_end, those two included. A double is NAN where the
 * GPU does not say; a mean is over the samples that had a value. The driver's own utilization and
 * power are averages of up to the last second, so the samples of a shorter span are partly of what
 * was before it; energy / seconds is the better mean power. All of the GPU, other processes too. */
struct sensors_figures {
    double utilization;         /* mean, % of the time that a kernel ran */
    double power;               /* mean, W */
    double energy;              /* J, by the GPU's counter at the first and at the newest sample */
    double sm_clock;            /* mean, MHz */
    double memory_clock;        /* mean, MHz */
    double temperature;         /* mean, degrees Celsius */
    double memory_used;         /* GiB, the highest sample; what the driver keeps for itself too */
    double seconds;             /* from the first to the newest sample, at last sensors_end's */
    unsigned long long reasons; /* clocks-event reasons of all samples, without idle (bit 0) */
    long held[SENSORS_REASONS]; /* samples that had the reason of that bit */
    double limited; /* 0 to 1: of the samples with reasons, those with a power or thermal one */
    long samples;   /* 0: sensors_begin was not called; then all doubles are NAN */
};

/* What is left of figures of a span shorter than SENSORS_SPAN_S: utilization, power and energy
 * become NAN. The driver averages the first two over up to a second, and steps its energy counter
 * some ten times in one: of a span of milliseconds they say nothing, or far too much. */
#define SENSORS_SPAN_S 1.0
void sensors_drop_averages(struct sensors_figures *figures);

struct sensors;

/* The GPU with that PCI bus id, as cudaDeviceGetPCIBusId gives it ("0000:1b:00.0"). library NULL:
 * "libnvidia-ml.so.1". NULL, and err, where there is no NVML or no such GPU: the caller goes on
 * without figures. */
struct sensors *sensors_open(const char *library, const char *pci_bus_id, struct sft_error *err);
/* Start the thread that takes a sample each 100 ms between sensors_begin and sensors_end; it sleeps
 * otherwise. Once only. Without it the figures have the samples of begin and of end. */
int sensors_start(struct sensors *sensors, struct sft_error *err);
/* Begin a span, forget the one before; end it. Each takes a sample in the caller, which costs some
 * calls of the driver. Without an open span sensors_end does nothing. */
void sensors_begin(struct sensors *sensors);
void sensors_end(struct sensors *sensors);
/* Of the last span, or of the open one so far. From any thread; may wait for a sample to end. */
struct sensors_figures sensors_read(struct sensors *sensors);
/* Stop the thread without waiting for its next sample, and release all. Takes NULL. */
void sensors_close(struct sensors *sensors);

/* The names of clocks-event reasons, "sw_power_cap,hw_slowdown"; bits without a name together as
 * one hexadecimal number; "none". A text longer than size is cut; size must be at least 1. */
void sensors_reasons(unsigned long long reasons, char *text, size_t size);

#endif
