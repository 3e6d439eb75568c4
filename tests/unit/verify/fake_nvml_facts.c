/* SPDX-License-Identifier: Apache-2.0 */
/* NVML of a GPU at rest, with a fault of each kind. */
#include <string.h>

#include "job/verify/nvml_layout.h"

/* clang's UBSan compares the functions' types with the caller's by their names:
 * job/verify/facts_nvml.c's. */
struct nvml_device {
    int number;
};

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

typedef struct nvml_device *device;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, device *found);
int nvmlDeviceGetVbiosVersion(device d, char *text, unsigned size);
int nvmlDeviceGetUtilizationRates(device d, struct nvml_utilization *busy);
int nvmlDeviceGetEnforcedPowerLimit(device d, unsigned *milliwatts);
int nvmlDeviceGetPowerManagementDefaultLimit(device d, unsigned *milliwatts);
int nvmlDeviceGetComputeRunningProcesses_v3(device d, unsigned *count, struct nvml_process *list);
int nvmlDeviceGetMigMode(device d, unsigned *current, unsigned *pending);
int nvmlDeviceGetRemappedRows(device d, unsigned *corrected, unsigned *uncorrected,
                              unsigned *pending, unsigned *failed);
int nvmlDeviceGetTotalEccErrors(device d, int type, int counter, unsigned long long *errors);
int nvmlDeviceGetNvLinkState(device d, unsigned number, int *active);
int nvmlDeviceGetFieldValues(device d, int count, struct nvml_field *fields);
int nvmlDeviceGetGpuFabricInfoV(device d, struct nvml_fabric *fabric);

static struct nvml_device gpu;

int nvmlInit_v2(void)
{
    return SUCCESS;
}

int nvmlShutdown(void)
{
    return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, device *found)
{
    *found = &gpu;
    return strcmp(bus_id, "0000:18:00.0") == 0 ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetVbiosVersion(device d, char *text, unsigned size)
{
    static const char version[] = "96.00.BC.00.01";
    if (d != &gpu || size < sizeof version)
        return INVALID;
    memcpy(text, version, sizeof version);
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(device d, struct nvml_utilization *busy)
{
    *busy = (struct nvml_utilization){97, 40};
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetEnforcedPowerLimit(device d, unsigned *milliwatts)
{
    *milliwatts = 350000;
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetPowerManagementDefaultLimit(device d, unsigned *milliwatts)
{
    *milliwatts = 700000;
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetComputeRunningProcesses_v3(device d, unsigned *count, struct nvml_process *list)
{
    if (d != &gpu || *count < 2)
        return INVALID;
    list[0] = (struct nvml_process){.pid = 4000000001U, .memory = 1ULL << 30};
    list[1] = (struct nvml_process){.pid = 4000000002U, .memory = 7ULL << 29};
    *count = 2;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(device d, unsigned *current, unsigned *pending)
{
    *current = 1;
    *pending = 0;
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetRemappedRows(device d, unsigned *corrected, unsigned *uncorrected,
                              unsigned *pending, unsigned *failed)
{
    *corrected = 9;
    *uncorrected = 8;
    *pending = 1;
    *failed = 0;
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetTotalEccErrors(device d, int type, int counter, unsigned long long *errors)
{
    *errors = type == 1 && counter == 0 ? 3 : 77;
    return d == &gpu ? SUCCESS : INVALID;
}

/* 18 links, the last of them down, one slower than the others. */
int nvmlDeviceGetNvLinkState(device d, unsigned number, int *active)
{
    *active = number != 17;
    return d == &gpu && number < 18 ? SUCCESS : INVALID;
}

int nvmlDeviceGetFieldValues(device d, int count, struct nvml_field *fields)
{
    for (int i = 0; i < count; i++) {
        fields[i].result = fields[i].field == 164 ? SUCCESS : NOT_SUPPORTED;
        fields[i].value.whole = fields[i].scope == 5 ? 13281 : 26562;
    }
    return d == &gpu ? SUCCESS : INVALID;
}

int nvmlDeviceGetGpuFabricInfoV(device d, struct nvml_fabric *fabric)
{
    if (d != &gpu || fabric->version != (36U | 2U << 24))
        return INVALID;
    fabric->state = 3;
    fabric->status = 0;
    fabric->health = 2 | 1 << 2 | 2 << 4; /* the second field is bad */
    return SUCCESS;
}
