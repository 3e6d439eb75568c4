/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of nvml.h (CUDA 12), which is not needed to build; of the tests' stand-in, too. */
#ifndef SFT_JOB_VERIFY_NVML_LAYOUT_H
#define SFT_JOB_VERIFY_NVML_LAYOUT_H

struct nvml_utilization {
    unsigned gpu, memory; /* % */
};

struct nvml_process {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
};

struct nvml_field {
    unsigned field, scope;
    long long timestamp, latency;
    int type, result;
    union {
        double real;
        unsigned whole;
        unsigned long long wide;
    } value;
};

/* nvmlGpuFabricInfo_v2_t */
struct nvml_fabric {
    unsigned version;
    unsigned char cluster[16];
    int status;
    unsigned clique;
    unsigned char state;
    unsigned health; /* two bits a field: 1 is bad, 2 is good */
};

_Static_assert(sizeof(struct nvml_process) == 24 && sizeof(struct nvml_field) == 40 &&
                   sizeof(struct nvml_fabric) == 36,
               "as nvml.h has them on 64 bits");

#endif
