/* SPDX-License-Identifier: Apache-2.0 */
/* Cores are sorted by who claims them: the GPUs in use whose NUMA node has the core. Those with the
 * same claim are divided among its GPUs. So GPUs of one NUMA node share its cores, and the rule
 * also holds when localities overlap (a GPU known by its socket, another by a part of it). */
#include "node/affinity_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct plan_unit { /* what is given away whole: a core's allowed CPUs, or one of these */
    hwloc_bitmap_t cpus;
    uint64_t claim; /* bit g: GPU g of the work's */
};

struct plan_units {
    int count;
    struct plan_unit *unit;
};

struct plan_work {
    const struct affinity_machine *machine;
    const struct affinity_gpus *gpus;
    int tasks, gpus_per_task;
    const uint64_t *given; /* uses, where the caller knows them */
    uint64_t *uses;        /* each task's GPUs, bit g */
    hwloc_bitmap_t allowed;
    struct plan_units cores; /* those with allowed CPUs, in the machine's order */
    hwloc_bitmap_t *cpus;    /* each task's */
};

/* Does task i use the step's GPU g? */
static bool plan_uses(const struct plan_work *work, int task, int gpu)
{
    return (work->uses[task] >> gpu & 1) != 0;
}

static void plan_assign(struct plan_work *work)
{
    int gpus = work->gpus->count, next = 0;
    for (int task = 0; task < work->tasks && work->given != NULL; task++)
        work->uses[task] = work->given[task];
    if (work->given != NULL)
        return;
    for (int task = 0; task < work->tasks; task++)
        for (int i = 0; i < work->gpus_per_task && i < gpus; i++, next = (next + 1) % gpus)
            work->uses[task] |= UINT64_C(1) << next;
}

static const struct affinity_gpu *plan_gpu(const struct plan_work *work, int gpu)
{
    return &work->machine->gpu[work->gpus->gpu[gpu]];
}

static int plan_tasks_of(const struct plan_work *work, int gpu)
{
    int count = 0;
    for (int task = 0; task < work->tasks; task++)
        count += plan_uses(work, task, gpu);
    return count;
}

/* The tasks that have one of these GPUs. */
static int plan_claimants(const struct plan_work *work, uint64_t claim)
{
    int count = 0;
    for (int task = 0; task < work->tasks; task++)
        count += (work->uses[task] & claim) != 0;
    return count;
}

static uint64_t plan_claim(const struct plan_work *work, hwloc_const_bitmap_t core)
{
    uint64_t claim = 0;
    for (int gpu = 0; gpu < work->gpus->count; gpu++) {
        hwloc_const_bitmap_t near = plan_gpu(work, gpu)->device.near;
        if (near != NULL && hwloc_bitmap_intersects(near, core) && plan_tasks_of(work, gpu) > 0)
            claim |= UINT64_C(1) << gpu;
    }
    return claim;
}

static void plan_units_free(struct plan_units *units)
{
    for (int i = 0; i < units->count; i++)
        hwloc_bitmap_free(units->unit[i].cpus);
    free(units->unit);
    *units = (struct plan_units){0};
}

/* The bitmap becomes the units'. */
static int plan_units_add(struct plan_units *units, hwloc_bitmap_t cpus, uint64_t claim)
{
    struct plan_unit *unit =
        cpus != NULL ? realloc(units->unit, (size_t)(units->count + 1) * sizeof *unit) : NULL;
    if (unit == NULL) {
        hwloc_bitmap_free(cpus);
        return -1;
    }
    units->unit = unit;
    unit[units->count++] = (struct plan_unit){.cpus = cpus, .claim = claim};
    return 0;
}

/* Some virtual machines tell no cores; then each CPU is one. */
static int plan_cores(struct plan_work *work)
{
    hwloc_topology_t topology = work->machine->topology;
    hwloc_obj_type_t type =
        hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    for (hwloc_obj_t core = NULL;
         (core = hwloc_get_next_obj_by_type(topology, type, core)) != NULL;) {
        if (!hwloc_bitmap_intersects(core->cpuset, work->allowed))
            continue;
        hwloc_bitmap_t cpus = hwloc_bitmap_dup(core->cpuset);
        if (cpus != NULL)
            hwloc_bitmap_and(cpus, cpus, work->allowed);
        if (plan_units_add(&work->cores, cpus, plan_claim(work, core->cpuset)) < 0)
            return -1;
    }
    return 0;
}

/* The cores of this claim, or their CPUs one by one. */
static int plan_select(const struct plan_work *work, uint64_t claim, bool split,
                       struct plan_units *units)
{
    for (int i = 0; i < work->cores.count; i++) {
        const struct plan_unit *core = &work->cores.unit[i];
        if (core->claim != claim)
            continue;
        if (!split && plan_units_add(units, hwloc_bitmap_dup(core->cpus), claim) < 0)
            return -1;
        for (int cpu = -1; split && (cpu = hwloc_bitmap_next(core->cpus, cpu)) >= 0;) {
            hwloc_bitmap_t one = hwloc_bitmap_alloc();
            if (one != NULL)
                hwloc_bitmap_only(one, (unsigned)cpu);
            if (plan_units_add(units, one, claim) < 0)
                return -1;
        }
    }
    return 0;
}

/* Units begin to end - 1, in even runs to the tasks of the GPU. */
static int plan_give(struct plan_work *work, const struct plan_units *units, int gpu, long begin,
                     long end)
{
    long tasks = plan_tasks_of(work, gpu), nth = 0;
    for (int task = 0; task < work->tasks; task++) {
        if (!plan_uses(work, task, gpu))
            continue;
        long from = begin + (end - begin) * nth / tasks;
        long to = begin + (end - begin) * (nth + 1) / tasks;
        nth++;
        for (long i = from; i < to; i++)
            if (hwloc_bitmap_or(work->cpus[task], work->cpus[task], units->unit[i].cpus) < 0)
                return -1;
    }
    return 0;
}

/* In even runs to the GPUs of the claim; by_tasks: a GPU with twice the tasks gets twice as much.
 * `starved` non-NULL: gives nothing, only tells whether a GPU would get less units than it has
 * tasks. */
static int plan_deal(struct plan_work *work, const struct plan_units *units, uint64_t claim,
                     bool by_tasks, bool *starved)
{
    long total = 0, before = 0;
    for (int gpu = 0; gpu < work->gpus->count; gpu++)
        if ((claim >> gpu & 1) != 0)
            total += by_tasks ? plan_tasks_of(work, gpu) : 1;
    for (int gpu = 0; gpu < work->gpus->count; gpu++) {
        if ((claim >> gpu & 1) == 0)
            continue;
        int tasks = plan_tasks_of(work, gpu);
        long begin = units->count * before / total;
        before += by_tasks ? tasks : 1;
        long end = units->count * before / total;
        if (starved != NULL)
            *starved = *starved || end - begin < tasks;
        else if (plan_give(work, units, gpu, begin, end) < 0)
            return -1;
    }
    return 0;
}

static int plan_divide(struct plan_work *work, uint64_t claim)
{
    struct plan_units units = {0};
    int tasks = plan_claimants(work, claim), rc = -1;
    bool starved = false;
    if (plan_select(work, claim, false, &units) < 0)
        goto out;
    if (units.count < tasks) {
        plan_units_free(&units);
        if (plan_select(work, claim, true, &units) < 0)
            goto out;
    }
    rc = 0;
    if (units.count < tasks)
        goto out;
    plan_deal(work, &units, claim, false, &starved);
    rc = plan_deal(work, &units, claim, starved, NULL);
out:
    plan_units_free(&units);
    return rc;
}

/* Each claim once: when its first core comes by. */
static int plan_share(struct plan_work *work)
{
    for (int i = 0; i < work->cores.count; i++) {
        uint64_t claim = work->cores.unit[i].claim;
        int first = 0;
        while (work->cores.unit[first].claim != claim)
            first++;
        if (claim != 0 && first == i && plan_divide(work, claim) < 0)
            return -1;
    }
    return 0;
}

/* How many cores have a CPU in the set. */
static int plan_count(const struct plan_work *work, hwloc_const_bitmap_t cpus)
{
    int count = 0;
    for (int i = 0; i < work->cores.count; i++)
        count += hwloc_bitmap_intersects(work->cores.unit[i].cpus, cpus);
    return count;
}

/* NUMA nodes with CPUs among these, "0-1". A node without CPUs of its own is told as near to a
 * whole socket; the first of a locality is its plain memory. A GPU's memory, where it is a node, is
 * not for the host's allocations. */
static void plan_nodes(const struct plan_work *work, hwloc_const_bitmap_t cpus, char *text,
                       size_t size)
{
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc(), seen = hwloc_bitmap_alloc();
    text[0] = '\0';
    for (hwloc_obj_t node = NULL;
         nodes != NULL && seen != NULL &&
         (node = hwloc_get_next_obj_by_type(work->machine->topology, HWLOC_OBJ_NUMANODE, node)) !=
             NULL;) {
        if (!hwloc_bitmap_intersects(node->cpuset, cpus) ||
            hwloc_bitmap_isincluded(node->cpuset, seen) ||
            (node->subtype != NULL && strcmp(node->subtype, "GPUMemory") == 0))
            continue;
        hwloc_bitmap_or(seen, seen, node->cpuset);
        hwloc_bitmap_set(nodes, node->os_index);
    }
    if (nodes != NULL && seen != NULL)
        hwloc_bitmap_list_snprintf(text, size, nodes);
    hwloc_bitmap_free(nodes);
    hwloc_bitmap_free(seen);
}

static const char *const plan_words[] = {"PIX", "PXB", "PHB", "NODE", "SYS", ""};

/* The working ports at the smallest distance of any of the task's GPUs. */
static void plan_nics(const struct plan_work *work, int task, struct affinity_task *out)
{
    enum affinity_distance nearest = AFFINITY_UNKNOWN, distance;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < work->machine->nics; i++) {
            const struct affinity_nic *nic = &work->machine->nic[i];
            enum affinity_distance best = AFFINITY_UNKNOWN;
            for (int gpu = 0; gpu < work->gpus->count; gpu++)
                if (plan_uses(work, task, gpu) &&
                    (distance = affinity_pci_distance(&plan_gpu(work, gpu)->device, &nic->device)) <
                        best)
                    best = distance;
            if (!nic->up || best == AFFINITY_UNKNOWN)
                continue;
            if (pass == 0 && best < nearest)
                nearest = best;
            if (pass == 1 && best == nearest)
                affinity_append(out->nics, sizeof out->nics, "%s%s",
                                out->nics[0] != '\0' ? "," : "", nic->name);
        }
    strcpy(out->distance, plan_words[nearest]);
}

/* The task's GPUs' names and, in `near`, their CPUs; how many GPUs there are without a locality. */
static int plan_gpus(const struct plan_work *work, int task, struct affinity_task *out,
                     hwloc_bitmap_t near)
{
    int unknown = 0;
    for (int gpu = 0; gpu < work->gpus->count; gpu++) {
        if (!plan_uses(work, task, gpu))
            continue;
        const struct affinity_device *device = &plan_gpu(work, gpu)->device;
        affinity_append(out->gpus, sizeof out->gpus, "%s%s", out->gpus[0] != '\0' ? "," : "",
                        device->pci);
        unknown += device->near == NULL;
        if (device->near != NULL)
            hwloc_bitmap_or(near, near, device->near);
    }
    return unknown;
}

/* Tasks whose GPUs' CPUs are among these. */
static int plan_sharers(const struct plan_work *work, hwloc_const_bitmap_t near)
{
    uint64_t claim = 0;
    for (int gpu = 0; gpu < work->gpus->count; gpu++)
        if (plan_gpu(work, gpu)->device.near != NULL &&
            hwloc_bitmap_intersects(plan_gpu(work, gpu)->device.near, near))
            claim |= UINT64_C(1) << gpu;
    return plan_claimants(work, claim);
}

static void plan_reason(const struct plan_work *work, const struct affinity_task *task, int cpus,
                        hwloc_const_bitmap_t near, char *reason)
{
    char nodes[64];
    int cores = plan_count(work, near), tasks = plan_sharers(work, near);
    size_t size = sizeof task->reason;
    plan_nodes(work, near, nodes, sizeof nodes);
    if (work->gpus->count == 0)
        snprintf(reason, size, "not pinned: no GPU is left to the step");
    else if (hwloc_bitmap_iszero(near))
        snprintf(reason, size, "not pinned: the firmware does not tell the GPU's NUMA node");
    else if (cores == 0)
        snprintf(reason, size, "not pinned: %d cores allowed, none on NUMA node %s of the GPU",
                 work->cores.count, nodes);
    else if (!task->pinned)
        snprintf(reason, size, "not pinned: too few cores, %d allowed on NUMA node %s for %d tasks",
                 cores, nodes, tasks);
    else if (cores >= tasks)
        snprintf(reason, size, "%d of %d cores on NUMA node %s for %d task%s", task->cores, cores,
                 nodes, tasks, tasks == 1 ? "" : "s");
    else
        snprintf(reason, size, "%d hyper-thread%s: %d cores on NUMA node %s for %d tasks", cpus,
                 cpus == 1 ? "" : "s", cores, nodes, tasks);
}

static int plan_write(const struct plan_work *work, int task, struct affinity_task *out)
{
    hwloc_const_bitmap_t cpus = work->cpus[task];
    hwloc_bitmap_t near = hwloc_bitmap_alloc();
    if (near == NULL)
        return -1;
    int unknown = plan_gpus(work, task, out, near);
    out->pinned = !hwloc_bitmap_iszero(cpus);
    out->cores = plan_count(work, cpus);
    int rc = hwloc_bitmap_list_asprintf(&out->cpus, cpus) < 0 ? -1 : 0;
    if (out->pinned)
        plan_nodes(work, near, out->numa, sizeof out->numa);
    plan_nics(work, task, out);
    plan_reason(work, out, hwloc_bitmap_weight(cpus), near, out->reason);
    if (unknown > 0 && out->pinned)
        affinity_append(out->reason, sizeof out->reason, "; %d GPUs' NUMA node is unknown",
                        unknown);
    hwloc_bitmap_free(near);
    return rc;
}

static int plan_start(struct plan_work *work, const char *allowed, struct sft_error *err)
{
    hwloc_topology_t topology = work->machine->topology;
    work->allowed = allowed != NULL ? affinity_cpus_parse(allowed, err)
                                    : hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology));
    work->cpus = calloc((size_t)work->tasks, sizeof *work->cpus);
    work->uses = calloc((size_t)work->tasks, sizeof *work->uses);
    if (work->allowed == NULL || work->cpus == NULL || work->uses == NULL)
        return -1;
    plan_assign(work);
    for (int i = 0; i < work->tasks; i++)
        if ((work->cpus[i] = hwloc_bitmap_alloc()) == NULL)
            return -1;
    return plan_cores(work);
}

static void plan_end(struct plan_work *work)
{
    for (int i = 0; work->cpus != NULL && i < work->tasks; i++)
        hwloc_bitmap_free(work->cpus[i]);
    free(work->cpus);
    free(work->uses);
    hwloc_bitmap_free(work->allowed);
    plan_units_free(&work->cores);
}

static struct affinity_plan *plan_make(struct plan_work work, const char *allowed,
                                       struct sft_error *err)
{
    struct affinity_plan *plan = NULL;
    int rc = -1, tasks = work.tasks;
    if (tasks < 1 || tasks > AFFINITY_TASKS || work.gpus_per_task < 1) {
        sft_error_set(err, "affinity: %d tasks with %d GPUs each", tasks, work.gpus_per_task);
        return NULL;
    }
    sft_error_set(err, "affinity: out of memory"); /* until something better is known */
    if (plan_start(&work, allowed, err) < 0 || plan_share(&work) < 0)
        goto out;
    plan = calloc(1, sizeof *plan);
    if (plan == NULL || (plan->task = calloc((size_t)tasks, sizeof *plan->task)) == NULL)
        goto out;
    plan->count = tasks;
    strcpy(plan->note, work.gpus->note);
    for (rc = 0; rc == 0 && tasks-- > 0;)
        rc = plan_write(&work, tasks, &plan->task[tasks]);
out:
    plan_end(&work);
    if (rc < 0) {
        affinity_plan_destroy(plan);
        return NULL;
    }
    if (err != NULL)
        err->text[0] = '\0';
    return plan;
}

struct affinity_plan *affinity_plan_create_uses(const struct affinity_machine *machine,
                                                const struct affinity_gpus *gpus,
                                                const uint64_t *uses, int tasks,
                                                const char *allowed, struct sft_error *err)
{
    const struct plan_work work = {
        .machine = machine, .gpus = gpus, .tasks = tasks, .gpus_per_task = 1, .given = uses};
    return plan_make(work, allowed, err);
}

struct affinity_plan *affinity_plan_create(const struct affinity_machine *machine,
                                           const struct affinity_gpus *gpus, int tasks,
                                           int gpus_per_task, const char *allowed,
                                           struct sft_error *err)
{
    const struct plan_work work = {
        .machine = machine, .gpus = gpus, .tasks = tasks, .gpus_per_task = gpus_per_task};
    return plan_make(work, allowed, err);
}

void affinity_plan_destroy(struct affinity_plan *plan)
{
    if (plan == NULL)
        return;
    for (int i = 0; plan->task != NULL && i < plan->count; i++)
        free(plan->task[i].cpus);
    free(plan->task);
    free(plan);
}
