/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity_internal.h"

#include <ctype.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define APPLY_CPUS 8192        /* the kernel's largest NR_CPUS */
#define APPLY_NODES 1024       /* its largest MAX_NUMNODES */
#define APPLY_PREFERRED_MANY 5 /* MPOL_PREFERRED_MANY, Linux 5.15; older headers lack it */

/* A kernel's mask of CPUs and hwloc's, without hwloc_set_cpubind: it refuses a described machine.
 */
static int apply_set(hwloc_const_bitmap_t cpus)
{
    cpu_set_t *set = CPU_ALLOC(APPLY_CPUS);
    size_t size = CPU_ALLOC_SIZE(APPLY_CPUS);
    if (set == NULL)
        return -1;
    CPU_ZERO_S(size, set);
    for (int cpu = -1; (cpu = hwloc_bitmap_next(cpus, cpu)) >= 0 && cpu < APPLY_CPUS;)
        CPU_SET_S((size_t)cpu, size, set);
    int rc = sched_setaffinity(0, size, set);
    CPU_FREE(set);
    return rc;
}

static hwloc_bitmap_t apply_get(void)
{
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    cpu_set_t *set = CPU_ALLOC(APPLY_CPUS);
    size_t size = CPU_ALLOC_SIZE(APPLY_CPUS);
    if (cpus == NULL || set == NULL || sched_getaffinity(0, size, set) < 0) {
        hwloc_bitmap_free(cpus);
        cpus = NULL;
    }
    for (size_t cpu = 0; cpus != NULL && cpu < APPLY_CPUS; cpu++)
        if (CPU_ISSET_S(cpu, size, set))
            hwloc_bitmap_set(cpus, (unsigned)cpu);
    if (set != NULL)
        CPU_FREE(set);
    return cpus;
}

/* The kernel cuts a mask with the cpuset, so asking for every CPU shows the cpuset. */
static hwloc_bitmap_t apply_cpuset(hwloc_const_bitmap_t own)
{
    hwloc_bitmap_t all = hwloc_bitmap_alloc(), cpuset = NULL;
    if (all == NULL)
        return NULL;
    hwloc_bitmap_set_range(all, 0, APPLY_CPUS - 1);
    if (apply_set(all) == 0) {
        cpuset = apply_get();
        if (apply_set(own) < 0) {
            hwloc_bitmap_free(cpuset);
            cpuset = NULL;
        }
    }
    hwloc_bitmap_free(all);
    return cpuset;
}

static int apply_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One "0x00ff" of any length, added to `cpus`. */
static int apply_mask(const char *text, size_t length, hwloc_bitmap_t cpus)
{
    if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
        length -= 2;
    }
    if (length == 0 || length > APPLY_CPUS / 4)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return -1;
        for (unsigned bit = 0; bit < 4; bit++)
            if ((apply_digit(text[i]) >> bit & 1) != 0)
                hwloc_bitmap_set(cpus, (unsigned)(length - 1 - i) * 4 + bit);
    }
    return 0;
}

int affinity_masks_parse(const char *text, hwloc_bitmap_t cpus, struct sft_error *err)
{
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (apply_mask(at, length, cpus) < 0)
            return sft_error_set(err, "CPU masks '%.200s': not of the form 0xf,0xf0", text);
        at += length;
        if (*at == '\0')
            return 0;
    }
}

char *affinity_allowed(const char *masks, struct sft_error *err)
{
    char *list = NULL;
    hwloc_bitmap_t own = apply_get(), cpus = hwloc_bitmap_alloc(), cpuset = NULL;
    if (own == NULL || cpus == NULL) {
        sft_error_set(err, "sched_getaffinity: %m");
        goto out;
    }
    if (masks == NULL) {
        hwloc_bitmap_copy(cpus, own);
    } else {
        if (affinity_masks_parse(masks, cpus, err) < 0)
            goto out;
        if ((cpuset = apply_cpuset(own)) == NULL) {
            sft_error_set(err, "sched_setaffinity, to see the cpuset: %m");
            goto out;
        }
        hwloc_bitmap_and(cpus, cpus, cpuset);
    }
    if (hwloc_bitmap_iszero(cpus))
        sft_error_set(err, "CPU masks '%.200s': none of these is in the cpuset", masks);
    else if (hwloc_bitmap_list_asprintf(&list, cpus) < 0)
        list = NULL;
out:
    hwloc_bitmap_free(own);
    hwloc_bitmap_free(cpus);
    hwloc_bitmap_free(cpuset);
    return list;
}

/* Preferred only: a full node must not end a training run. */
static int apply_memory(const char *numa, struct sft_error *err)
{
    unsigned long mask[APPLY_NODES / (8 * sizeof(unsigned long))] = {0};
    const size_t bits = 8 * sizeof mask[0];
    hwloc_bitmap_t nodes = affinity_cpus_parse(numa, err);
    if (nodes == NULL)
        return -1;
    int first = hwloc_bitmap_first(nodes), mode = MPOL_PREFERRED;
    for (int node = -1; (node = hwloc_bitmap_next(nodes, node)) >= 0 && node < APPLY_NODES;)
        mask[(size_t)node / bits] |= 1UL << (size_t)node % bits;
    if (hwloc_bitmap_weight(nodes) > 1)
        mode = APPLY_PREFERRED_MANY;
    hwloc_bitmap_free(nodes);
    long rc = syscall(SYS_set_mempolicy, mode, mask, APPLY_NODES + 1);
    if (rc < 0 && errno == EINVAL && mode == APPLY_PREFERRED_MANY && first < APPLY_NODES) {
        memset(mask, 0, sizeof mask); /* an older kernel prefers one node */
        mask[(size_t)first / bits] = 1UL << (size_t)first % bits;
        rc = syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask, APPLY_NODES + 1);
    }
    return rc < 0 ? sft_error_set(err, "memory of NUMA node %s: set_mempolicy: %m", numa) : 0;
}

int affinity_apply(const struct affinity_task *task, struct sft_error *err)
{
    if (!task->pinned)
        return 0;
    hwloc_bitmap_t cpus = affinity_cpus_parse(task->cpus, err);
    if (cpus == NULL)
        return -1;
    int rc = apply_set(cpus);
    hwloc_bitmap_free(cpus);
    if (rc < 0)
        return sft_error_set(err, "CPUs %.200s: sched_setaffinity: %m", task->cpus);
    return task->numa[0] != '\0' ? apply_memory(task->numa, err) : 0;
}
