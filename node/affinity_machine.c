/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All CPUs, also those that are not this step's; frequencies and the like, from hwloc 2.8 on, need
 * not be read. */
#if HWLOC_API_VERSION >= 0x00020800
#define MACHINE_FLAGS                                                                              \
    (HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS |                    \
     HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES)
#else
#define MACHINE_FLAGS HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED
#endif
#define MACHINE_PLUGINS "HWLOC_PLUGINS_PATH"

/* Opening hwloc's plugins takes longer than everything else here (27 ms against 1 where GL's and
 * OpenCL's are installed). The variable keeps them out only while the first topology is made. */
static int machine_init(hwloc_topology_t *topology)
{
    bool ours = getenv(MACHINE_PLUGINS) == NULL;
    if (ours)
        setenv(MACHINE_PLUGINS, "/nonexistent", 1);
    int rc = hwloc_topology_init(topology);
    if (ours)
        unsetenv(MACHINE_PLUGINS);
    return rc;
}

/* Cores and NUMA nodes alone. All of the machine's: what is allowed is the plan's argument. hwloc's
 * x86 backend would run on each CPU in turn. */
static int machine_load(struct affinity_machine *machine, const char *synthetic,
                        struct sft_error *err)
{
    if (machine_init(&machine->topology) < 0) {
        machine->topology = NULL;
        return sft_error_set(err, "hwloc: out of memory");
    }
    hwloc_topology_t topology = machine->topology;
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology, synthetic) < 0)
        return sft_error_set(err, "hwloc: '%s' is no description of a machine", synthetic);
    hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_flags(topology, MACHINE_FLAGS);
    if (hwloc_topology_load(topology) < 0)
        return sft_error_set(err, "hwloc: the machine's topology: %s", strerror(errno));
    return 0;
}

struct affinity_machine *affinity_machine_create(const struct affinity_source *source,
                                                 struct sft_error *err)
{
    const char *root = source != NULL && source->root != NULL ? source->root : "";
    struct affinity_machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        sft_error_set(err, "affinity: out of memory");
        return NULL;
    }
    if (machine_load(machine, source != NULL ? source->synthetic : NULL, err) < 0 ||
        affinity_pci_read(machine, root, err) < 0) {
        affinity_machine_destroy(machine);
        return NULL;
    }
    affinity_nvidia_read(machine, root);
    return machine;
}

void affinity_machine_destroy(struct affinity_machine *machine)
{
    if (machine == NULL)
        return;
    for (int i = 0; i < machine->gpus; i++)
        hwloc_bitmap_free(machine->gpu[i].device.near);
    for (int i = 0; i < machine->nics; i++)
        hwloc_bitmap_free(machine->nic[i].device.near);
    if (machine->topology != NULL)
        hwloc_topology_destroy(machine->topology);
    free(machine);
}
