/* SPDX-License-Identifier: Apache-2.0 */
/* What a node and its GPUs say of themselves, beside what is measured. Both structures are plain
 * memory: ranks of one build hand them over as they are. Numbers are -1, doubles NAN and texts ""
 * where nobody says. */
#ifndef SFT_JOB_VERIFY_FACTS_H
#define SFT_JOB_VERIFY_FACTS_H

#include <stdbool.h>

enum { FACTS_TEXT = 80, FACTS_PORTS = 16 };

/* Where most nodes have the same text, another one is worth a line. */
enum fact_text {
    FACT_JOB, /* this program: release and checksum */
    FACT_DRIVER,
    FACT_VBIOS,
    FACT_FIRMWARE, /* of the NICs */
    FACT_KERNEL,
    FACT_CUDA,
    FACT_CUDNN,
    FACT_NCCL,
    FACT_CPU,
    FACT_MTU,
    FACT_GOVERNOR, /* of the CPUs' clocks */
    FACT_CLOCK,    /* the kernel's clock source */
    FACT_IOMMU,    /* type of the groups that GPUs and NICs are in */
    FACT_TEXTS
};

/* How often a clock was held back, of `polls` samples under load. */
struct gpu_reasons {
    int polls;
    int brake, hw_thermal, hw_slowdown, sw_thermal, power_cap;
};

struct gpu_facts {
    char name[FACTS_TEXT]; /* of the device */
    char bus_id[32];       /* "": it is none */
    char vbios[32];
    /* Under load. */
    double sm_mhz, power_w, celsius, memory_celsius;
    struct gpu_reasons reasons;
    double brake_s, thermal_s; /* that the driver's own counters grew by */
    /* Before it. */
    double limit_w, default_limit_w; /* of power */
    int processes;                   /* of others, on this GPU */
    char process[FACTS_TEXT];        /* "python3 (12345), 3.4 GiB" of the largest */
    int busy;                        /* % that a kernel ran */
    int mig;                         /* mode */
    int remap_pending, remap_failed; /* of rows */
    int uncorrected;                 /* ECC errors since the driver was loaded */
    int fabric_state, fabric_status; /* NVML's: 3 is complete, 0 success */
    int fabric_health;               /* the mask's fields that say degraded, a bit each */
    int links, links_down;           /* NVLinks */
    double link_gbs;                 /* of one of them, as the driver says it */
    int link_errors;
    /* The weakest link on the way to the GPU, with what it could be. */
    double pcie_gts, pcie_max_gts; /* under load: an idle GPU lowers its speed */
    int pcie_width, pcie_max_width;
    char pcie_at[32]; /* its PCI address */
};

struct port_facts {
    char name[32];
    int rate; /* Gb/s */
    bool active;
};

struct node_facts {
    int gpus; /* that the driver counts */
    char text[FACT_TEXTS][FACTS_TEXT];
    double throttled;    /* part of the cgroup's periods in which its limit held it back */
    double foreign;      /* part of the node's CPU time that others took during the checks */
    double pressure;     /* part of the time that some task waited for a CPU */
    int peermem, dmabuf; /* ways of GPUDirect: 1 is there, 0 is not */
    int xid;             /* the newest grave one that the kernel's log has; 0 none */
    int ports;
    struct port_facts port[FACTS_PORTS];
};

/* All unknown. */
void gpu_facts_init(struct gpu_facts *facts);
void node_facts_init(struct node_facts *facts);

/* root, of all that follow: folder with the proc/ and sys/ to read; NULL: the machine's. */

/* GPUs, ports, MTU, firmware, governor, clock source, IOMMU, peermem, the kernel's log: what
 * software the node has is told by its owner. */
void node_facts_read(struct node_facts *facts, const char *root);
/* The weakest link on the way to facts->bus_id, as it is now. */
void gpu_facts_pcie(struct gpu_facts *facts, const char *root);
/* What NVML says of facts->bus_id before anything of ours runs there. library NULL: the driver's.
 * What it does not know stays unknown; so does all without NVML. */
void gpu_facts_nvml(struct gpu_facts *facts, const char *library);

/* The newest Xid of a kernel log's text that is no program's own fault: 48, 63, 64, 74, 79, 94, 95,
 * 119; 0: none. */
int facts_xid(const char *log);

/* The CPUs' time so far: of the node, of this job, and the periods of the job's limit. */
struct cpu_mark {
    double all, busy; /* CPU seconds */
    double own;       /* of the job's cgroup; NAN: it is in none of its own */
    double periods, throttled;
    double pressure, now; /* s that some task waited; of the clock */
};

void cpu_mark_take(struct cpu_mark *mark, const char *root);
/* throttled, foreign and pressure of the time since then. */
void node_facts_cpu(struct node_facts *facts, const struct cpu_mark *begin,
                    const struct cpu_mark *end);

#endif
