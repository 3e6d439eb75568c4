/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "job/verify/cause_looks.h"

#define FOREIGN_LEAST 0.05
#define THROTTLED_LEAST 0.01

static const struct node_facts *facts_of(const struct scene *scene)
{
    return &scene->input->node[scene->node].facts;
}

static double get_gpus(const struct node_facts *facts)
{
    return facts->gpus < 0 ? NAN : facts->gpus;
}

static double get_rate(const struct node_facts *facts)
{
    double rate = 0;
    for (int i = 0; i < facts->ports; i++)
        rate += facts->port[i].active ? facts->port[i].rate : 0;
    return rate > 0 ? rate : NAN;
}

static double get_foreign(const struct node_facts *facts)
{
    return facts->foreign;
}

bool look_gpus_missing(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct node_facts *facts = facts_of(scene);
    double others = typical_node(scene, get_gpus);
    (void)rank;
    if (facts->gpus < 0 || !(facts->gpus < others))
        return false;
    snprintf(seen->text, sizeof seen->text, "%d GPUs, the other nodes have %g", facts->gpus,
             others);
    seen->ratio = facts->gpus / others;
    return true;
}

bool look_xid(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct node_facts *facts = facts_of(scene);
    (void)rank;
    if (facts->xid <= 0)
        return false;
    snprintf(seen->text, sizeof seen->text, "the kernel's log has Xid %d", facts->xid);
    return true;
}

/* Another text than most nodes have; "": the same, or nobody tells. */
static const char *other_text(const struct scene *scene, enum fact_text which)
{
    const char *own = facts_of(scene)->text[which], *most = typical_text(scene, which);
    return own[0] != '\0' && most[0] != '\0' && strcmp(own, most) != 0 ? most : "";
}

static bool look_cpus(const struct scene *scene, struct seen *seen)
{
    const struct node_facts *facts = facts_of(scene);
    const char *governor = other_text(scene, FACT_GOVERNOR);
    double others = typical_node(scene, get_foreign);
    if (facts->throttled > THROTTLED_LEAST)
        snprintf(seen->text, sizeof seen->text,
                 "the job's CPU limit held it back in %.0f%% of its periods",
                 100 * facts->throttled);
    else if (facts->foreign > FOREIGN_LEAST && !(facts->foreign < others + FOREIGN_LEAST))
        snprintf(seen->text, sizeof seen->text, "other programs took %.0f%% of the node's CPUs",
                 100 * facts->foreign);
    else if (governor[0] != '\0')
        snprintf(seen->text, sizeof seen->text, "CPU governor %.40s, the others' is %.40s",
                 facts->text[FACT_GOVERNOR], governor);
    return seen->text[0] != '\0';
}

/* A GPU waits for its CPU when it is launched and fed; */
bool look_cpu(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    return rank->facts.bus_id[0] != '\0' && look_cpus(scene, seen);
}

/* where the CPU computes it is all. */
bool look_cpu_alone(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    return rank->facts.bus_id[0] == '\0' && look_cpus(scene, seen);
}

bool look_clock_source(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const char *most = other_text(scene, FACT_CLOCK);
    (void)rank;
    if (most[0] == '\0' || strcmp(facts_of(scene)->text[FACT_CLOCK], "tsc") == 0)
        return false;
    snprintf(seen->text, sizeof seen->text, "clock source %.40s, the others' is %.40s",
             facts_of(scene)->text[FACT_CLOCK], most);
    return true;
}

bool look_iommu(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const char *most = other_text(scene, FACT_IOMMU);
    (void)rank;
    if (most[0] == '\0')
        return false;
    snprintf(seen->text, sizeof seen->text, "IOMMU %.40s, the others' is %.40s",
             facts_of(scene)->text[FACT_IOMMU], most);
    return true;
}

/* Where a node says of one way that it is not there and of none that it is. */
bool look_gpudirect(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct node_facts *facts = facts_of(scene);
    (void)rank;
    if (facts->peermem == 1 || facts->dmabuf == 1 || (facts->peermem < 0 && facts->dmabuf < 0) ||
        facts->gpus <= 0 || facts->ports == 0)
        return false;
    bool dmabuf = facts->dmabuf == 0;
    snprintf(seen->text, sizeof seen->text, "GPUDirect: nvidia_peermem is not loaded%s",
             dmabuf ? ", and the driver has no dma-buf" : "");
    return true;
}

bool look_nic(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct node_facts *facts = facts_of(scene);
    double rate = 0, others = typical_node(scene, get_rate);
    const char *down = "";
    (void)rank;
    for (int i = 0; i < facts->ports; i++)
        if (facts->port[i].active)
            rate += facts->port[i].rate;
        else
            down = facts->port[i].name;
    if (!(rate < others))
        return false;
    snprintf(seen->text, sizeof seen->text, "NICs at %.0f Gb/s, the other nodes' at %.0f%s%s", rate,
             others, down[0] != '\0' ? "; not active: " : "", down);
    seen->expected = rate / others;
    return true;
}

bool look_versions(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    static const struct {
        enum fact_text which;
        const char *title;
    } texts[] = {
        {FACT_JOB, "sft-bench-job"}, {FACT_DRIVER, "driver"},         {FACT_VBIOS, "VBIOS"},
        {FACT_MTU, "MTU"},           {FACT_FIRMWARE, "NIC firmware"}, {FACT_NCCL, "NCCL"},
        {FACT_CUDA, "CUDA"},         {FACT_CUDNN, "cuDNN"},           {FACT_KERNEL, "kernel"},
        {FACT_CPU, "CPU"},
    };
    size_t used = 0;
    (void)rank;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *most = other_text(scene, texts[i].which);
        if (most[0] == '\0' || used >= sizeof seen->text)
            continue;
        used += (size_t)snprintf(seen->text + used, sizeof seen->text - used,
                                 "%s%s %.40s, most have %.40s", used > 0 ? "; " : "",
                                 texts[i].title, facts_of(scene)->text[texts[i].which], most);
    }
    return used > 0;
}
