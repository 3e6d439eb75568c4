/* SPDX-License-Identifier: Apache-2.0 */
/* What NVML says of a GPU before a load, by structures and numbers of nvml.h (CUDA 12); as for
 * job/train/sensors.c its header is not needed to build. */
#include "job/verify/facts.h"

#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/verify/nvml_layout.h"

typedef struct nvml_device *nvml_device;
enum { NVML_SUCCESS = 0, NVML_UNCORRECTED = 1, NVML_VOLATILE = 0 };
enum { FIELD_LINK_MBS = 164 }; /* NVML_FI_DEV_NVLINK_GET_SPEED */
enum { LINKS = 18, PROCESSES = 64, HEALTHS = 4 };

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*handle)(const char *bus_id, nvml_device *device);
    int (*vbios)(nvml_device device, char *text, unsigned size);
    int (*utilization)(nvml_device device, struct nvml_utilization *utilization);
    int (*limit)(nvml_device device, unsigned *milliwatts);
    int (*default_limit)(nvml_device device, unsigned *milliwatts);
    int (*processes)(nvml_device device, unsigned *count, struct nvml_process *processes);
    int (*mig)(nvml_device device, unsigned *current, unsigned *pending);
    int (*rows)(nvml_device device, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                unsigned *failed);
    int (*ecc)(nvml_device device, int type, int counter, unsigned long long *errors);
    int (*link)(nvml_device device, unsigned number, int *active);
    int (*fields)(nvml_device device, int count, struct nvml_field *fields);
    int (*fabric)(nvml_device device, struct nvml_fabric *fabric);
};

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    {"nvmlInit_v2", offsetof(struct nvml, init)},
    {"nvmlShutdown", offsetof(struct nvml, shutdown)},
    {"nvmlDeviceGetHandleByPciBusId_v2", offsetof(struct nvml, handle)},
    {"nvmlDeviceGetVbiosVersion", offsetof(struct nvml, vbios)},
    {"nvmlDeviceGetUtilizationRates", offsetof(struct nvml, utilization)},
    {"nvmlDeviceGetEnforcedPowerLimit", offsetof(struct nvml, limit)},
    {"nvmlDeviceGetPowerManagementDefaultLimit", offsetof(struct nvml, default_limit)},
    {"nvmlDeviceGetComputeRunningProcesses_v3", offsetof(struct nvml, processes)},
    {"nvmlDeviceGetMigMode", offsetof(struct nvml, mig)},
    {"nvmlDeviceGetRemappedRows", offsetof(struct nvml, rows)},
    {"nvmlDeviceGetTotalEccErrors", offsetof(struct nvml, ecc)},
    {"nvmlDeviceGetNvLinkState", offsetof(struct nvml, link)},
    {"nvmlDeviceGetFieldValues", offsetof(struct nvml, fields)},
    {"nvmlDeviceGetGpuFabricInfoV", offsetof(struct nvml, fabric)},
};

/* A function that this driver lacks stays NULL. */
static void nvml_load(struct nvml *nvml, void *library)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *found = dlsym(library, symbols[i].name);
        memcpy((char *)nvml + symbols[i].offset, &found, sizeof found);
    }
}

static double read_watts(int (*get)(nvml_device, unsigned *), nvml_device device)
{
    unsigned milliwatts;
    return get != NULL && get(device, &milliwatts) == NVML_SUCCESS ? milliwatts / 1000.0 : NAN;
}

/* The largest other one by name, where proc shows it: in a container there may be only a number. */
static void read_processes(struct gpu_facts *facts, const struct nvml *nvml, nvml_device device)
{
    struct nvml_process process[PROCESSES];
    unsigned count = PROCESSES;
    const struct nvml_process *most = NULL;
    char path[48], name[32] = "process";
    if (nvml->processes == NULL || nvml->processes(device, &count, process) != NVML_SUCCESS)
        return;
    facts->processes = 0;
    for (unsigned i = 0; i < count && i < PROCESSES; i++) {
        if (process[i].pid == (unsigned)getpid())
            continue;
        facts->processes++;
        if (most == NULL || process[i].memory > most->memory)
            most = &process[i];
    }
    if (most == NULL)
        return;
    snprintf(path, sizeof path, "/proc/%u/comm", most->pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(name, sizeof name, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    snprintf(facts->process, sizeof facts->process, "%s (%u), %.1f GiB", name, most->pid,
             (double)most->memory / (1 << 30));
}

static void read_links(struct gpu_facts *facts, const struct nvml *nvml, nvml_device device)
{
    int active;
    for (unsigned i = 0; i < LINKS && nvml->link != NULL; i++) {
        if (nvml->link(device, i, &active) != NVML_SUCCESS)
            continue;
        facts->links = facts->links < 0 ? 1 : facts->links + 1;
        facts->links_down = (facts->links_down < 0 ? 0 : facts->links_down) + (active == 0);
        struct nvml_field speed = {.field = FIELD_LINK_MBS, .scope = i};
        if (active && nvml->fields != NULL && nvml->fields(device, 1, &speed) == NVML_SUCCESS &&
            speed.result == NVML_SUCCESS && speed.value.whole > 0)
            facts->link_gbs = fmin(isnan(facts->link_gbs) ? INFINITY : facts->link_gbs,
                                   speed.value.whole / 1000.0);
    }
}

static void read_fabric(struct gpu_facts *facts, const struct nvml *nvml, nvml_device device)
{
    struct nvml_fabric fabric = {.version = sizeof fabric | 2U << 24};
    if (nvml->fabric == NULL || nvml->fabric(device, &fabric) != NVML_SUCCESS)
        return;
    facts->fabric_state = fabric.state;
    facts->fabric_status = fabric.status;
    facts->fabric_health = 0;
    for (int i = 0; i < HEALTHS; i++)
        facts->fabric_health |= ((fabric.health >> 2 * i & 3) == 1) << i;
}

static void read_errors(struct gpu_facts *facts, const struct nvml *nvml, nvml_device device)
{
    unsigned corrected, uncorrected, pending, failed, mode, later;
    unsigned long long errors;
    if (nvml->rows != NULL &&
        nvml->rows(device, &corrected, &uncorrected, &pending, &failed) == NVML_SUCCESS) {
        facts->remap_pending = (int)pending;
        facts->remap_failed = (int)failed;
    }
    if (nvml->ecc != NULL &&
        nvml->ecc(device, NVML_UNCORRECTED, NVML_VOLATILE, &errors) == NVML_SUCCESS)
        facts->uncorrected = errors > 1000000 ? 1000000 : (int)errors;
    if (nvml->mig != NULL && nvml->mig(device, &mode, &later) == NVML_SUCCESS)
        facts->mig = (int)mode;
}

static void read_device(struct gpu_facts *facts, const struct nvml *nvml, nvml_device device)
{
    struct nvml_utilization busy;
    facts->limit_w = read_watts(nvml->limit, device);
    facts->default_limit_w = read_watts(nvml->default_limit, device);
    if (nvml->utilization != NULL && nvml->utilization(device, &busy) == NVML_SUCCESS)
        facts->busy = (int)busy.gpu;
    if (nvml->vbios != NULL && nvml->vbios(device, facts->vbios, sizeof facts->vbios) != 0)
        facts->vbios[0] = '\0';
    read_processes(facts, nvml, device);
    read_errors(facts, nvml, device);
    read_links(facts, nvml, device);
    read_fabric(facts, nvml, device);
}

void gpu_facts_nvml(struct gpu_facts *facts, const char *library)
{
    struct nvml nvml;
    nvml_device device;
    void *handle = dlopen(library != NULL ? library : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL || facts->bus_id[0] == '\0') {
        if (handle != NULL)
            dlclose(handle);
        return;
    }
    nvml_load(&nvml, handle);
    if (nvml.init != NULL && nvml.shutdown != NULL && nvml.handle != NULL &&
        nvml.init() == NVML_SUCCESS) {
        if (nvml.handle(facts->bus_id, &device) == NVML_SUCCESS)
            read_device(facts, &nvml, device);
        nvml.shutdown();
    }
    dlclose(handle);
}
