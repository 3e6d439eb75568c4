/* SPDX-License-Identifier: Apache-2.0 */
/* What a GPU says of itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "job/verify/cause_looks.h"

enum { POLLS_LEAST = 3, FABRIC_COMPLETE = 3 };

#define COUNTER_LEAST 0.1 /* s that the driver's counter of held-back time grows by */
#define CLOCK_LOW 0.9     /* of the others' */
#define POWER_IDLE 0.8    /* of the limit: below it power is no reason */
#define BUSY_LEAST 5      /* % before anything of ours ran */

static double get_sm_mhz(const struct gpu_facts *facts)
{
    return facts->sm_mhz;
}

static double get_limit(const struct gpu_facts *facts)
{
    return facts->limit_w;
}

static double get_link(const struct gpu_facts *facts)
{
    return facts->link_gbs;
}

static double get_link_errors(const struct gpu_facts *facts)
{
    return facts->link_errors < 0 ? NAN : facts->link_errors;
}

/* What the clock alone makes of the speed; NAN: it is not known, or not low. */
static double clock_ratio(const struct scene *scene, const struct gpu_facts *facts)
{
    double others = typical_gpu(scene, get_sm_mhz), ratio = facts->sm_mhz / others;
    return ratio < CLOCK_LOW ? ratio : NAN;
}

static void tell_clock(const struct scene *scene, const struct gpu_facts *facts, struct seen *seen)
{
    size_t length = strlen(seen->text);
    double others = typical_gpu(scene, get_sm_mhz);
    if (!isnan(facts->sm_mhz) && !isnan(others))
        snprintf(seen->text + length, sizeof seen->text - length,
                 ", SM clock %.0f MHz, the others' %.0f", facts->sm_mhz, others);
    seen->expected = clock_ratio(scene, facts);
}

/* A reason in so many samples, or a counter of the driver that grew. */
static bool look_reason(const struct scene *scene, const struct judge_rank *rank, const char *title,
                        int count, double grown, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    if (count < POLLS_LEAST && !(grown > COUNTER_LEAST))
        return false;
    if (count > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: %s in %d of %d samples", rank->gpu, title,
                 count, facts->reasons.polls);
    else
        snprintf(seen->text, sizeof seen->text, "GPU %d: %s for %.1f s", rank->gpu, title, grown);
    tell_clock(scene, facts, seen);
    return true;
}

bool look_brake(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    return look_reason(scene, rank, "HW power brake", rank->facts.reasons.brake,
                       rank->facts.brake_s, seen);
}

bool look_hw_thermal(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    return look_reason(scene, rank, "HW thermal slowdown", rank->facts.reasons.hw_thermal,
                       rank->facts.thermal_s, seen);
}

bool look_hw_slowdown(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    return look_reason(scene, rank, "HW slowdown", rank->facts.reasons.hw_slowdown, NAN, seen);
}

bool look_sw_thermal(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_reasons *reasons = &rank->facts.reasons;
    (void)scene;
    if (reasons->sw_thermal * 100 <= reasons->polls)
        return false;
    snprintf(seen->text, sizeof seen->text,
             "GPU %d: SW thermal slowdown in %d of %d samples, %.0f C, memory %.0f C", rank->gpu,
             reasons->sw_thermal, reasons->polls, rank->facts.celsius, rank->facts.memory_celsius);
    return true;
}

/* Power grows with about the third power of the clock, so speed falls slower than the limit: the
 * limit's own share is as slow as it can make a GPU. */
bool look_power_limit(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    double usual = facts->default_limit_w, others = typical_gpu(scene, get_limit);
    if (isnan(usual) || others > usual)
        usual = others;
    if (!(facts->limit_w < 0.98 * usual))
        return false;
    snprintf(seen->text, sizeof seen->text, "GPU %d: power limit %.0f W in place of %.0f W",
             rank->gpu, facts->limit_w, usual);
    double share = facts->limit_w / usual;
    seen->expected = (share + cbrt(share)) / 2; /* between the two; cause_check leaves room */
    return true;
}

bool look_clock_lock(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    const struct gpu_reasons *r = &facts->reasons;
    if (isnan(clock_ratio(scene, facts)) || r->polls < POLLS_LEAST ||
        r->brake + r->hw_thermal + r->hw_slowdown + r->sw_thermal + r->power_cap > 0 ||
        !(facts->power_w < POWER_IDLE * facts->limit_w))
        return false;
    snprintf(seen->text, sizeof seen->text,
             "GPU %d: no reason is told and %.0f W of %.0f W are used, as with locked clocks",
             rank->gpu, facts->power_w, facts->limit_w);
    tell_clock(scene, facts, seen);
    return true;
}

bool look_process(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    (void)scene;
    if (facts->processes > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: used by %d other process%s: %.60s",
                 rank->gpu, facts->processes, facts->processes == 1 ? "" : "es", facts->process);
    else if (facts->busy > BUSY_LEAST)
        snprintf(seen->text, sizeof seen->text, "GPU %d: %d%% busy before anything of ours ran",
                 rank->gpu, facts->busy);
    return seen->text[0] != '\0';
}

/* All of them in slices is the site's will. */
bool look_mig(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct judge_input *input = scene->input;
    bool all = input->nodes > 1;
    for (int i = 0; i < input->ranks; i++)
        all = all && (input->rank[i].node == scene->node || input->rank[i].facts.mig == 1);
    if (rank->facts.mig != 1 || all)
        return false;
    snprintf(seen->text, sizeof seen->text, "GPU %d: MIG mode is on", rank->gpu);
    return true;
}

bool look_fabric(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    (void)scene;
    if (facts->fabric_state < 1) /* not told, or there is no such fabric */
        return false;
    if (facts->fabric_state != FABRIC_COMPLETE)
        snprintf(seen->text, sizeof seen->text,
                 "GPU %d: the fabric is not registered (state %d, complete is %d)", rank->gpu,
                 facts->fabric_state, FABRIC_COMPLETE);
    else if (facts->fabric_status > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: the fabric says status %d", rank->gpu,
                 facts->fabric_status);
    else if (facts->fabric_health > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: fabric health 0x%x", rank->gpu,
                 (unsigned)facts->fabric_health);
    return seen->text[0] != '\0';
}

bool look_nvlink(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    double others = typical_gpu(scene, get_link), errors = typical_gpu(scene, get_link_errors);
    if (facts->links_down > 0) {
        snprintf(seen->text, sizeof seen->text, "GPU %d: %d of %d NVLinks are down", rank->gpu,
                 facts->links_down, facts->links);
        seen->expected = 1 - (double)facts->links_down / facts->links;
    } else if (facts->link_gbs < 0.99 * others) {
        snprintf(seen->text, sizeof seen->text, "GPU %d: NVLink at %.3g GB/s, the others' at %.3g",
                 rank->gpu, facts->link_gbs, others);
        seen->expected = facts->link_gbs / others;
    } else if (facts->link_errors > 0 && !(errors > 0)) {
        snprintf(seen->text, sizeof seen->text, "GPU %d: %d NVLink errors", rank->gpu,
                 facts->link_errors);
    }
    return seen->text[0] != '\0';
}

bool look_memory_errors(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    (void)scene;
    if (facts->remap_failed > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: remapping of memory rows failed",
                 rank->gpu);
    else if (facts->remap_pending > 0)
        snprintf(seen->text, sizeof seen->text,
                 "GPU %d: memory rows are to be remapped, which takes a reset", rank->gpu);
    else if (facts->uncorrected > 0)
        snprintf(seen->text, sizeof seen->text, "GPU %d: %d uncorrected ECC errors", rank->gpu,
                 facts->uncorrected);
    return seen->text[0] != '\0';
}

/* Part of what the link could do. */
static double get_pcie(const struct gpu_facts *facts)
{
    double width = facts->pcie_width > 0 && facts->pcie_max_width > 0
                       ? (double)facts->pcie_width / facts->pcie_max_width
                       : 1;
    double speed =
        facts->pcie_gts > 0 && facts->pcie_max_gts > 0 ? facts->pcie_gts / facts->pcie_max_gts : 1;
    return fmin(width, 1) * fmin(speed, 1);
}

/* Where all nodes are wired so, it is how they were built. */
bool look_pcie(const struct scene *scene, const struct judge_rank *rank, struct seen *seen)
{
    const struct gpu_facts *facts = &rank->facts;
    double share = get_pcie(facts), others = typical_gpu(scene, get_pcie);
    if (share > 0.99 || !(isnan(others) || share < 0.99 * others))
        return false;
    snprintf(seen->text, sizeof seen->text,
             "GPU %d: PCIe link %s runs at %g GT/s x%d and could at %g GT/s x%d", rank->gpu,
             facts->pcie_at, facts->pcie_gts, facts->pcie_width, facts->pcie_max_gts,
             facts->pcie_max_width);
    seen->expected = share;
    return true;
}
