/* SPDX-License-Identifier: Apache-2.0 */
/* Is it seen on this node, or on this GPU? Each fills what struct seen says. */
#ifndef SFT_JOB_VERIFY_CAUSE_LOOKS_H
#define SFT_JOB_VERIFY_CAUSE_LOOKS_H

#include "job/verify/cause.h"

#define LOOK(name) bool name(const struct scene *scene, const struct judge_rank *, struct seen *)

LOOK(look_brake);
LOOK(look_hw_thermal);
LOOK(look_hw_slowdown);
LOOK(look_sw_thermal);
LOOK(look_power_limit);
LOOK(look_clock_lock);
LOOK(look_process);
LOOK(look_mig);
LOOK(look_fabric);
LOOK(look_nvlink);
LOOK(look_memory_errors);
LOOK(look_pcie);

LOOK(look_gpus_missing);
LOOK(look_xid);
LOOK(look_cpu);
LOOK(look_cpu_alone);
LOOK(look_clock_source);
LOOK(look_iommu);
LOOK(look_gpudirect);
LOOK(look_nic);
LOOK(look_versions);

#endif
