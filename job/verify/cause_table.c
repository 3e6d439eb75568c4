/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "job/verify/cause_looks.h"

#define BIT CHECK_BIT
#define TRAINING (BIT(CHECK_GPT2) | BIT(CHECK_LSTM))
/* All that runs at the GPU's clock. */
#define CLOCKED                                                                                    \
    (BIT(CHECK_GEMM) | BIT(CHECK_MEMORY) | BIT(CHECK_LAUNCH) | BIT(CHECK_NVLINK) |                 \
     BIT(CHECK_NODE) | TRAINING)
#define COPIES (BIT(CHECK_H2D) | BIT(CHECK_D2H) | BIT(CHECK_H2D_ALL) | BIT(CHECK_D2H_ALL))
#define LINKED (BIT(CHECK_NVLINK) | BIT(CHECK_NODE) | TRAINING)
#define ALL (BIT(CHECKS) - 1)

#define PERFORMANCE "nvidia-smi -q -d PERFORMANCE,CLOCK,POWER,TEMPERATURE"

#define CPU "top -b -n 1 | head -20; cpupower frequency-info"

/* The lowest ratios: a brake or heat may leave a tenth; SW thermal rarely halves, and other
 * versions of software cost up to 20%. */
const struct cause causes[] = {
    {"hw-power-brake", CLOCKED, 0.05, ALONE_WARNING, false, look_brake, PERFORMANCE},
    {"hw-thermal", CLOCKED, 0.05, ALONE_WARNING, false, look_hw_thermal, PERFORMANCE},
    {"hw-slowdown", CLOCKED, 0.05, ALONE_WARNING, false, look_hw_slowdown, PERFORMANCE},
    {"sw-thermal", CLOCKED, 0.6, ALONE_WARNING, false, look_sw_thermal, PERFORMANCE},
    {"power-limit", CLOCKED, 0.3, ALONE_WARNING, false, look_power_limit, "nvidia-smi -q -d POWER"},
    {"clock-lock", CLOCKED, 0.05, ALONE_WARNING, false, look_clock_lock, "nvidia-smi -q -d CLOCK"},
    {"other-process", CLOCKED | COPIES, 0.1, ALONE_WARNING, false, look_process,
     "nvidia-smi -q -d PIDS"},
    {"mig", CLOCKED, 0.05, ALONE_WARNING, false, look_mig, "nvidia-smi -L"},
    {"fabric-manager", LINKED, 0.02, ALONE_WARNING, false, look_fabric,
     "nvidia-smi -q | grep -A 9 Fabric; systemctl status nvidia-fabricmanager"},
    {"nvlink", LINKED, 0.02, ALONE_WARNING, false, look_nvlink, "nvidia-smi nvlink -s -e"},
    {"pcie", COPIES | BIT(CHECK_PAIR), 0.02, ALONE_WARNING, false, look_pcie,
     "lspci -vv | grep -e NVIDIA -e LnkSta:"},
    {"nic", BIT(CHECK_PAIR), 0.02, ALONE_WARNING, true, look_nic, "ibstat; ibdev2netdev"},
    {"gpudirect", BIT(CHECK_PAIR), 0.1, ALONE_NOTHING, true, look_gpudirect,
     "lsmod | grep nvidia_peermem"},
    {"iommu", COPIES | BIT(CHECK_PAIR), 0.1, ALONE_WARNING, true, look_iommu, "cat /proc/cmdline"},
    {"cpu", BIT(CHECK_LAUNCH) | COPIES | TRAINING, 0.05, ALONE_WARNING, true, look_cpu, CPU},
    {"cpu", ALL, 0.05, ALONE_WARNING, true, look_cpu_alone, CPU},
    {"clock-source", BIT(CHECK_LAUNCH) | TRAINING, 0.2, ALONE_WARNING, true, look_clock_source,
     "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"versions", ALL, 0.8, ALONE_WARNING, true, look_versions,
     "srun --sft-bench=explain; nvidia-smi; uname -r"},
    {"gpus-missing", 0, 0, ALONE_BAD, true, look_gpus_missing,
     "nvidia-smi -L; lspci | grep NVIDIA"},
    {"xid", 0, 0, ALONE_BAD, true, look_xid, "dmesg -T | grep -i xid"},
    {"memory-errors", 0, 0, ALONE_BAD, false, look_memory_errors,
     "nvidia-smi -q -d ECC,ROW_REMAPPER"},
    {.name = NULL},
};
