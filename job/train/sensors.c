/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/sensors.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"

#define PERIOD 0.1 /* seconds from sample to sample */
#define GIB (1024.0 * 1024.0 * 1024.0)

/* NVML's C ABI is stable: a function whose arguments change gets a new name (_v2), the old one
 * stays. So its few types are declared here and its header is not needed to build. */
typedef struct nvml_device *nvml_device;
enum { NVML_SUCCESS = 0 };
enum { NVML_TEMPERATURE_GPU = 0 };
enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2 };

struct nvml_utilization {
    unsigned gpu, memory; /* % */
};

struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int result);
    int (*handle)(const char *pci_bus_id, nvml_device *device);
    int (*utilization)(nvml_device device, struct nvml_utilization *utilization);
    int (*power)(nvml_device device, unsigned *milliwatts);
    int (*energy)(nvml_device device, unsigned long long *millijoules);
    int (*clock)(nvml_device device, int type, unsigned *mhz);
    int (*temperature)(nvml_device device, int sensor, unsigned *celsius);
    int (*memory)(nvml_device device, struct nvml_memory *memory);
    int (*reasons)(nvml_device device, unsigned long long *reasons);
};

/* A later name is taken where the ones before it are missing. */
static const struct symbol {
    const char *name;
    size_t offset;
    bool required;
} symbols[] = {
    {"nvmlInit_v2", offsetof(struct nvml, init), true},
    {"nvmlShutdown", offsetof(struct nvml, shutdown), true},
    {"nvmlDeviceGetHandleByPciBusId_v2", offsetof(struct nvml, handle), true},
    {"nvmlErrorString", offsetof(struct nvml, error_string), false},
    {"nvmlDeviceGetUtilizationRates", offsetof(struct nvml, utilization), false},
    {"nvmlDeviceGetPowerUsage", offsetof(struct nvml, power), false},
    {"nvmlDeviceGetTotalEnergyConsumption", offsetof(struct nvml, energy), false},
    {"nvmlDeviceGetClockInfo", offsetof(struct nvml, clock), false},
    {"nvmlDeviceGetTemperature", offsetof(struct nvml, temperature), false},
    {"nvmlDeviceGetMemoryInfo", offsetof(struct nvml, memory), false},
    {"nvmlDeviceGetCurrentClocksEventReasons", offsetof(struct nvml, reasons), false},
    {"nvmlDeviceGetCurrentClocksThrottleReasons", offsetof(struct nvml, reasons), false},
};

#define REASON_IDLE 0x1ULL
#define REASONS_LIMIT (0x4ULL | 0x8ULL | 0x20ULL | 0x40ULL | 0x80ULL) /* power or thermal */

static const struct {
    unsigned long long bit;
    const char *name;
} reason_names[] = {
    {0x1, "gpu_idle"},    {0x2, "applications_clocks"}, {0x4, "sw_power_cap"},
    {0x8, "hw_slowdown"}, {0x10, "sync_boost"},         {0x20, "sw_thermal"},
    {0x40, "hw_thermal"}, {0x80, "hw_power_brake"},     {0x100, "display_clocks"},
};

/* What a figure is the mean of. */
enum { UTILIZATION, POWER, SM_CLOCK, MEMORY_CLOCK, TEMPERATURE, MEANS };

struct sample {
    double time;   /* seconds of CLOCK_MONOTONIC */
    double energy; /* J; this and what follows NAN where the GPU does not say */
    double value[MEANS];
    double memory_used; /* GiB */
    bool has_reasons;
    unsigned long long reasons;
};

/* Running sums, so that a run of days takes no more room than one of seconds. */
struct span {
    struct sample first, last;
    double sum[MEANS];
    long count[MEANS];
    double memory_used;
    unsigned long long reasons;
    long held[SENSORS_REASONS];
    long with_reasons, limited, samples;
};

struct sensors {
    void *library;
    struct nvml nvml;
    bool ready; /* nvmlInit_v2 succeeded */
    nvml_device device;
    pthread_t thread;
    bool started;
    /* Of what follows, and held while a sample is taken: samples come one after the other. */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* open or stop has changed */
    bool stop, open;
    double next; /* when the thread's next sample is due, seconds of CLOCK_MONOTONIC */
    struct span span;
};

static int sensors_load(struct sensors *sensors, const char *library, struct sft_error *err)
{
    sensors->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (sensors->library == NULL)
        return sft_error_set(err, "%s: NVML, a part of the GPU's driver, cannot be loaded: %s",
                             library, dlerror());
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        char *slot = (char *)&sensors->nvml + symbols[i].offset;
        void *had, *found = dlsym(sensors->library, symbols[i].name);
        memcpy(&had, slot, sizeof had);
        if (had == NULL)
            memcpy(slot, &found, sizeof found);
        if (found == NULL && symbols[i].required)
            return sft_error_set(err, "%s: has no %s: not NVML, or too old a driver", library,
                                 symbols[i].name);
    }
    return 0;
}

/* A failure of NVML in words. */
static int sensors_fail(const struct sensors *sensors, const char *library, const char *what,
                        int result, struct sft_error *err)
{
    const char *words = sensors->nvml.error_string ? sensors->nvml.error_string(result) : NULL;
    if (words == NULL)
        return sft_error_set(err, "%s: %s: NVML's error %d", library, what, result);
    return sft_error_set(err, "%s: %s: %s", library, what, words);
}

static int sensors_find(struct sensors *sensors, const char *library, const char *pci_bus_id,
                        struct sft_error *err)
{
    int result = sensors->nvml.init();
    if (result != NVML_SUCCESS)
        return sensors_fail(sensors, library, "NVML does not start", result, err);
    sensors->ready = true;
    result = sensors->nvml.handle(pci_bus_id, &sensors->device);
    if (result == NVML_SUCCESS)
        return 0;
    char what[96];
    snprintf(what, sizeof what, "no GPU with PCI bus id %s", pci_bus_id);
    return sensors_fail(sensors, library, what, result, err);
}

struct sensors *sensors_open(const char *library, const char *pci_bus_id, struct sft_error *err)
{
    struct sensors *sensors = calloc(1, sizeof *sensors);
    if (sensors == NULL) {
        sft_error_set(err, "out of memory for the GPU's sensors");
        return NULL;
    }
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&sensors->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&sensors->lock, NULL);
    if (library == NULL)
        library = "libnvidia-ml.so.1";
    if (sensors_load(sensors, library, err) == 0 &&
        sensors_find(sensors, library, pci_bus_id, err) == 0)
        return sensors;
    sensors_close(sensors);
    return NULL;
}

static double sample_clock(const struct sensors *sensors, int type)
{
    unsigned mhz;
    if (!sensors->nvml.clock || sensors->nvml.clock(sensors->device, type, &mhz) != NVML_SUCCESS)
        return NAN;
    return mhz;
}

static void sample_values(const struct sensors *sensors, double value[MEANS])
{
    const struct nvml *nvml = &sensors->nvml;
    nvml_device device = sensors->device;
    struct nvml_utilization busy;
    unsigned number;
    for (int i = 0; i < MEANS; i++)
        value[i] = NAN;
    if (nvml->utilization && nvml->utilization(device, &busy) == NVML_SUCCESS)
        value[UTILIZATION] = busy.gpu;
    if (nvml->power && nvml->power(device, &number) == NVML_SUCCESS)
        value[POWER] = number / 1000.0;
    if (nvml->temperature &&
        nvml->temperature(device, NVML_TEMPERATURE_GPU, &number) == NVML_SUCCESS)
        value[TEMPERATURE] = number;
    value[SM_CLOCK] = sample_clock(sensors, NVML_CLOCK_SM);
    value[MEMORY_CLOCK] = sample_clock(sensors, NVML_CLOCK_MEMORY);
}

/* The time and the energy first and next to each other: energy is divided by seconds. */
static struct sample sample_take(const struct sensors *sensors)
{
    const struct nvml *nvml = &sensors->nvml;
    struct sample sample = {.time = sft_clock_now(), .energy = NAN, .memory_used = NAN};
    unsigned long long number;
    struct nvml_memory memory;
    if (nvml->energy && nvml->energy(sensors->device, &number) == NVML_SUCCESS)
        sample.energy = (double)number / 1000;
    sample_values(sensors, sample.value);
    if (nvml->memory && nvml->memory(sensors->device, &memory) == NVML_SUCCESS)
        sample.memory_used = (double)memory.used / GIB;
    if (nvml->reasons && nvml->reasons(sensors->device, &number) == NVML_SUCCESS) {
        sample.has_reasons = true;
        sample.reasons = number;
    }
    return sample;
}

static void span_add(struct span *span, const struct sample *sample)
{
    if (span->samples++ == 0) {
        span->first = *sample;
        span->memory_used = NAN;
    }
    span->last = *sample;
    for (int i = 0; i < MEANS; i++)
        if (!isnan(sample->value[i])) {
            span->sum[i] += sample->value[i];
            span->count[i]++;
        }
    span->memory_used = fmax(span->memory_used, sample->memory_used); /* the one that is a number */
    if (sample->has_reasons) {
        span->with_reasons++;
        span->reasons |= sample->reasons & ~REASON_IDLE;
        span->limited += (sample->reasons & REASONS_LIMIT) != 0;
        for (int bit = 0; bit < SENSORS_REASONS; bit++)
            span->held[bit] += (long)(sample->reasons >> bit & 1);
    }
}

/* With the lock held. */
static void sensors_sample(struct sensors *sensors)
{
    struct sample sample = sample_take(sensors);
    span_add(&sensors->span, &sample);
}

static void sensors_wait(struct sensors *sensors, double until)
{
    struct timespec time = {.tv_sec = (time_t)until};
    time.tv_nsec = (long)((until - (double)time.tv_sec) * 1e9);
    pthread_cond_timedwait(&sensors->wake, &sensors->lock, &time);
}

static void *sensors_run(void *argument)
{
    struct sensors *sensors = argument;
    pthread_mutex_lock(&sensors->lock);
    while (!sensors->stop) {
        if (!sensors->open) {
            pthread_cond_wait(&sensors->wake, &sensors->lock);
        } else if (sft_clock_now() < sensors->next) {
            sensors_wait(sensors, sensors->next);
        } else {
            sensors_sample(sensors);
            /* A driver slower than the period must not keep the lock: late samples are left out. */
            double now = sft_clock_now();
            sensors->next += PERIOD;
            if (sensors->next <= now)
                sensors->next = now + PERIOD;
        }
    }
    pthread_mutex_unlock(&sensors->lock);
    return NULL;
}

int sensors_start(struct sensors *sensors, struct sft_error *err)
{
    if (sensors->started)
        return sft_error_set(err, "the thread of the GPU's sensors was started already");
    /* Signals are for the threads that know of them. */
    sigset_t all, were;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &were);
    int failed = pthread_create(&sensors->thread, NULL, sensors_run, sensors);
    pthread_sigmask(SIG_SETMASK, &were, NULL);
    if (failed)
        return sft_error_set(err, "no thread for the GPU's sensors: %s", strerror(failed));
    sensors->started = true;
    return 0;
}

void sensors_begin(struct sensors *sensors)
{
    pthread_mutex_lock(&sensors->lock);
    sensors->span = (struct span){0};
    sensors_sample(sensors);
    sensors->next = sensors->span.first.time + PERIOD;
    sensors->open = true;
    pthread_cond_signal(&sensors->wake);
    pthread_mutex_unlock(&sensors->lock);
}

void sensors_end(struct sensors *sensors)
{
    pthread_mutex_lock(&sensors->lock);
    if (sensors->open)
        sensors_sample(sensors);
    sensors->open = false;
    pthread_mutex_unlock(&sensors->lock);
}

static double span_mean(const struct span *span, int which)
{
    return span->count[which] > 0 ? span->sum[which] / (double)span->count[which] : NAN;
}

static struct sensors_figures span_figures(const struct span *span)
{
    double energy = span->last.energy - span->first.energy;
    struct sensors_figures figures = {
        .utilization = span_mean(span, UTILIZATION),
        .power = span_mean(span, POWER),
        .energy = energy >= 0 ? energy : NAN, /* a counter that went back was set back */
        .sm_clock = span_mean(span, SM_CLOCK),
        .memory_clock = span_mean(span, MEMORY_CLOCK),
        .temperature = span_mean(span, TEMPERATURE),
        .memory_used = span->memory_used,
        .seconds = span->last.time - span->first.time,
        .reasons = span->reasons,
        .limited =
            span->with_reasons > 0 ? (double)span->limited / (double)span->with_reasons : NAN,
        .samples = span->samples,
    };
    memcpy(figures.held, span->held, sizeof figures.held);
    return figures;
}

struct sensors_figures sensors_read(struct sensors *sensors)
{
    pthread_mutex_lock(&sensors->lock);
    struct sensors_figures figures = span_figures(&sensors->span);
    pthread_mutex_unlock(&sensors->lock);
    if (figures.samples == 0)
        figures.energy = figures.memory_used = figures.seconds = NAN;
    return figures;
}

void sensors_drop_averages(struct sensors_figures *figures)
{
    if (!(figures->seconds >= SENSORS_SPAN_S))
        figures->utilization = figures->power = figures->energy = NAN;
}

void sensors_close(struct sensors *sensors)
{
    if (sensors == NULL)
        return;
    pthread_mutex_lock(&sensors->lock);
    sensors->stop = true;
    pthread_cond_signal(&sensors->wake);
    pthread_mutex_unlock(&sensors->lock);
    if (sensors->started)
        pthread_join(sensors->thread, NULL);
    if (sensors->ready)
        sensors->nvml.shutdown();
    if (sensors->library != NULL)
        dlclose(sensors->library);
    pthread_cond_destroy(&sensors->wake);
    pthread_mutex_destroy(&sensors->lock);
    free(sensors);
}

void sensors_reasons(unsigned long long reasons, char *text, size_t size)
{
    size_t length = 0;
    snprintf(text, size, "%s", reasons == 0 ? "none" : "");
    for (size_t i = 0; i < sizeof reason_names / sizeof *reason_names; i++) {
        if ((reasons & reason_names[i].bit) == 0)
            continue;
        reasons &= ~reason_names[i].bit;
        snprintf(text + length, size - length, "%s%s", length > 0 ? "," : "", reason_names[i].name);
        length = strlen(text);
    }
    if (reasons != 0)
        snprintf(text + length, size - length, "%s0x%llx", length > 0 ? "," : "", reasons);
}
