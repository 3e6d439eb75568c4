/* SPDX-License-Identifier: Apache-2.0 */
/* A library in NVML's place that answers what a test tells it to. The test reaches the script with
 * dlsym(handle, "fake_nvml"), and changes it only while no thread samples. */
#ifndef SFT_TESTS_UNIT_TRAIN_FAKE_NVML_H
#define SFT_TESTS_UNIT_TRAIN_FAKE_NVML_H

#include <stddef.h>

#define FAKE_BUS_ID "0000:1b:00.0"
#define FAKE_FAILS (~0ULL) /* as a value: this call returns NVML_ERROR_UNKNOWN */
#define FAKE_LENGTH 64

enum fake_sensor {
    FAKE_UTILIZATION, /* % */
    FAKE_POWER,       /* mW */
    FAKE_ENERGY,      /* mJ */
    FAKE_SM_CLOCK,    /* MHz */
    FAKE_MEMORY_CLOCK,
    FAKE_TEMPERATURE, /* C */
    FAKE_MEMORY_USED, /* bytes */
    FAKE_REASONS,
    FAKE_SENSORS
};

struct fake_series {
    unsigned long long value[FAKE_LENGTH]; /* of the first call, of the second, ... */
    size_t count;                          /* the last one stays; 0: not supported */
    size_t calls;
};

struct fake_nvml {
    int init_result; /* what nvmlInit_v2 returns */
    int users;       /* nvmlInit_v2 less nvmlShutdown */
    int unstarted;   /* calls without nvmlInit_v2, or with a device that is not ours */
    struct fake_series series[FAKE_SENSORS];
};

#endif
