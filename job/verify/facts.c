/* SPDX-License-Identifier: Apache-2.0 */
#include "job/verify/facts.h"

#include <math.h>

void gpu_facts_init(struct gpu_facts *facts)
{
    *facts = (struct gpu_facts){
        .sm_mhz = NAN,
        .power_w = NAN,
        .celsius = NAN,
        .memory_celsius = NAN,
        .brake_s = NAN,
        .thermal_s = NAN,
        .limit_w = NAN,
        .default_limit_w = NAN,
        .processes = -1,
        .busy = -1,
        .mig = -1,
        .remap_pending = -1,
        .remap_failed = -1,
        .uncorrected = -1,
        .fabric_state = -1,
        .fabric_status = -1,
        .fabric_health = -1,
        .links = -1,
        .links_down = -1,
        .link_gbs = NAN,
        .link_errors = -1,
        .pcie_gts = NAN,
        .pcie_max_gts = NAN,
        .pcie_width = -1,
        .pcie_max_width = -1,
    };
}

void node_facts_init(struct node_facts *facts)
{
    *facts = (struct node_facts){
        .gpus = -1,
        .throttled = NAN,
        .foreign = NAN,
        .pressure = NAN,
        .peermem = -1,
        .dmabuf = -1,
    };
}
