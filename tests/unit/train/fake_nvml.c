/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/train/fake_nvml.h"

#include <string.h>

/* As in nvml.h. With FAKE_NVML_OLD the library of an old driver: no energy counter, no texts, and
 * the reasons under their older name. */
enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9, UNKNOWN = 999 };

/* clang's UBSan compares the functions' types with the caller's by their names:
 * job/train/sensors.c's. */
struct nvml_device {
    int number;
};

struct nvml_utilization {
    unsigned gpu, memory;
};

struct nvml_memory {
    unsigned long long total, free, used;
};

struct fake_nvml fake_nvml;
static struct nvml_device fake_device;

int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int result);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, struct nvml_device **device);
int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *rates);
int nvmlDeviceGetPowerUsage(struct nvml_device *device, unsigned *milliwatts);
int nvmlDeviceGetTotalEnergyConsumption(struct nvml_device *device,
                                        unsigned long long *millijoules);
int nvmlDeviceGetClockInfo(struct nvml_device *device, int type, unsigned *mhz);
int nvmlDeviceGetTemperature(struct nvml_device *device, int sensor, unsigned *celsius);
int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *memory);
int nvmlDeviceGetCurrentClocksEventReasons(struct nvml_device *device, unsigned long long *reasons);
int nvmlDeviceGetCurrentClocksThrottleReasons(struct nvml_device *device,
                                              unsigned long long *reasons);

static int fake_next(struct nvml_device *device, enum fake_sensor sensor, unsigned long long *value)
{
    struct fake_series *series = &fake_nvml.series[sensor];
    size_t call = series->calls++;
    if (device != &fake_device || fake_nvml.users != 1)
        fake_nvml.unstarted++;
    if (series->count == 0)
        return NOT_SUPPORTED;
    unsigned long long next = series->value[call < series->count ? call : series->count - 1];
    if (next == FAKE_FAILS)
        return UNKNOWN;
    *value = next;
    return SUCCESS;
}

static int fake_next_unsigned(struct nvml_device *device, enum fake_sensor sensor, unsigned *value)
{
    unsigned long long wide = 0;
    int result = fake_next(device, sensor, &wide);
    if (result == SUCCESS)
        *value = (unsigned)wide;
    return result;
}

int nvmlInit_v2(void)
{
    fake_nvml.users += fake_nvml.init_result == SUCCESS;
    return fake_nvml.init_result;
}

int nvmlShutdown(void)
{
    fake_nvml.users--;
    return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, struct nvml_device **device)
{
    if (strcmp(bus_id, FAKE_BUS_ID) != 0)
        return NOT_FOUND;
    *device = &fake_device;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *rates)
{
    rates->memory = 1; /* which nobody asks for */
    return fake_next_unsigned(device, FAKE_UTILIZATION, &rates->gpu);
}

int nvmlDeviceGetPowerUsage(struct nvml_device *device, unsigned *milliwatts)
{
    return fake_next_unsigned(device, FAKE_POWER, milliwatts);
}

int nvmlDeviceGetClockInfo(struct nvml_device *device, int type, unsigned *mhz)
{
    if (type != 1 && type != 2)
        return UNKNOWN;
    return fake_next_unsigned(device, type == 1 ? FAKE_SM_CLOCK : FAKE_MEMORY_CLOCK, mhz);
}

int nvmlDeviceGetTemperature(struct nvml_device *device, int sensor, unsigned *celsius)
{
    return sensor == 0 ? fake_next_unsigned(device, FAKE_TEMPERATURE, celsius) : UNKNOWN;
}

int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *memory)
{
    memory->total = 1ULL << 40;
    memory->free = 1ULL << 39;
    return fake_next(device, FAKE_MEMORY_USED, &memory->used);
}

#ifdef FAKE_NVML_OLD
int nvmlDeviceGetCurrentClocksThrottleReasons(struct nvml_device *device,
                                              unsigned long long *reasons)
{
    return fake_next(device, FAKE_REASONS, reasons);
}
#else
const char *nvmlErrorString(int result)
{
    switch (result) {
    case NOT_FOUND:
        return "Not Found";
    case DRIVER_NOT_LOADED:
        return "Driver Not Loaded";
    default:
        return "Unknown Error";
    }
}

int nvmlDeviceGetTotalEnergyConsumption(struct nvml_device *device, unsigned long long *millijoules)
{
    return fake_next(device, FAKE_ENERGY, millijoules);
}

int nvmlDeviceGetCurrentClocksEventReasons(struct nvml_device *device, unsigned long long *reasons)
{
    return fake_next(device, FAKE_REASONS, reasons);
}

/* A driver of today has both names; the older one must not be the one that is taken. */
int nvmlDeviceGetCurrentClocksThrottleReasons(struct nvml_device *device,
                                              unsigned long long *reasons)
{
    (void)device, (void)reasons;
    return UNKNOWN;
}
#endif
