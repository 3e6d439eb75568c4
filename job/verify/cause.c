/* SPDX-License-Identifier: Apache-2.0 */
/* Why a node is slow: a cause is named where what the node says of itself and how slow it is agree.
 * What is seen without being the reason is told as such. */
#include "job/verify/cause.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A measured ratio is that of the fault, as far as other work shares the time. */
#define RATIO_BELOW 0.2
#define RATIO_ABOVE 0.35
#define RATIO_MOST 0.99

/* Does it make the node as slow as the slowest check says, on the GPU that is slow there (-1: the
 * fact is the whole node's)? */
static bool cause_agrees(const struct cause *cause, const struct verdict *verdict,
                         const struct seen *seen, int gpu)
{
    const struct finding *worst = &verdict->finding[0];
    bool told = !isnan(seen->expected);
    double low = told ? seen->expected - RATIO_BELOW : cause->lowest;
    double high = told ? fmin(seen->expected + RATIO_ABOVE, RATIO_MOST) : RATIO_MOST;
    return verdict->findings > 0 && (cause->explains & CHECK_BIT(worst->check)) &&
           (gpu < 0 || worst->gpu < 0 || worst->gpu == gpu) && worst->ratio >= low &&
           worst->ratio <= high;
}

static int cause_weight(const struct cause *cause, const struct scene *scene)
{
    int weight = 0;
    for (int check = 0; check < CHECKS; check++)
        weight += (cause->explains & CHECK_BIT(check)) && scene->worst[check].suspect;
    return weight;
}

/* The best so far. */
struct best {
    const struct cause *cause;
    int weight;
    struct seen seen;
};

static void text_add(char text[JUDGE_TEXT], const char *more)
{
    size_t length = strlen(text);
    snprintf(text + length, JUDGE_TEXT - length, "%s%s", length > 0 ? "; " : "", more);
}

static void verdict_raise(struct verdict *verdict, enum verdict_kind kind)
{
    if (verdict->kind == VERDICT_BAD || (verdict->kind == VERDICT_UNKNOWN && kind != VERDICT_BAD))
        return;
    verdict->kind = kind;
}

/* Seen, and not (or not known to be) why. */
static void cause_aside(const struct cause *cause, const struct seen *seen, struct verdict *verdict)
{
    if (cause->alone == ALONE_NOTHING)
        return;
    if (cause->alone == ALONE_BAD && verdict->cause[0] == '\0' && verdict->findings == 0)
        verdict->cause = cause->name;
    verdict_raise(verdict, cause->alone == ALONE_BAD ? VERDICT_BAD : VERDICT_WARNING);
    text_add(verdict->evidence, seen->text);
    if (verdict->command[0] == '\0')
        snprintf(verdict->command, sizeof verdict->command, "%s", cause->command);
    if (verdict->finding_text[0] == '\0')
        snprintf(verdict->finding_text, sizeof verdict->finding_text, "not slow");
    if (seen->ratio < verdict->ratio)
        verdict->ratio = seen->ratio;
}

/* On the GPU where it is seen and fits, else where it is seen at all. */
static bool cause_look(const struct cause *cause, const struct scene *scene,
                       const struct verdict *verdict, struct seen *seen, bool *agrees)
{
    const struct judge_input *input = scene->input;
    bool any = false;
    *agrees = false;
    for (int i = 0; i < input->ranks && !*agrees; i++) {
        struct seen here = {.expected = NAN, .ratio = 1};
        if (input->rank[i].node != scene->node || !cause->look(scene, &input->rank[i], &here))
            continue;
        *agrees = cause_agrees(cause, verdict, &here, cause->of_node ? -1 : input->rank[i].gpu);
        if (!any || *agrees)
            *seen = here;
        any = true;
        if (cause->of_node)
            break;
    }
    return any;
}

static bool is_slow(const struct scene *scene, enum check check)
{
    return scene->worst[check].suspect;
}

/* What such a pattern mostly comes from, where nothing on the node says it. */
static const char *cause_pattern(const struct scene *scene, const struct verdict *verdict)
{
    bool compute = is_slow(scene, CHECK_GEMM) || is_slow(scene, CHECK_MEMORY);
    if (is_slow(scene, CHECK_LAUNCH) && !is_slow(scene, CHECK_GEMM))
        return "launches are slow and GEMMs are not: look at the CPU, its clock and its load";
    if (verdict->finding[0].gpu >= 0 && compute)
        return "one GPU and not its neighbours: look for another process, and for heat";
    if (!compute &&
        (is_slow(scene, CHECK_NODE) || is_slow(scene, CHECK_NVLINK) || is_slow(scene, CHECK_GPT2)))
        return "only what goes between GPUs is slow: look at NVLink and the fabric manager";
    if (!compute && is_slow(scene, CHECK_PAIR))
        return "only what leaves the node is slow: look at its NICs, their switch ports and cables";
    return "";
}

static bool scene_has_gpu(const struct scene *scene)
{
    for (int i = 0; i < scene->input->ranks; i++)
        if (scene->input->rank[i].node == scene->node &&
            scene->input->rank[i].facts.bus_id[0] != '\0')
            return true;
    return false;
}

static void cause_unknown(const struct scene *scene, struct verdict *verdict)
{
    const char *pattern = cause_pattern(scene, verdict);
    text_add(verdict->evidence, pattern[0] != '\0' ? pattern : "cause unknown");
    if (verdict->command[0] == '\0')
        snprintf(verdict->command, sizeof verdict->command, "%s",
                 scene_has_gpu(scene) ? "nvidia-smi -q -d PERFORMANCE,CLOCK,POWER,TEMPERATURE,PIDS"
                                      : "top -b -n 1 -w 120 | head -n 20");
}

void cause_find(const struct scene *scene, struct verdict *verdict)
{
    struct best best = {NULL, 0, {.expected = NAN, .ratio = 1}};
    struct seen seen;
    bool agrees;
    for (const struct cause *cause = causes; cause->name != NULL; cause++) {
        int weight = cause_weight(cause, scene);
        if (cause_look(cause, scene, verdict, &seen, &agrees) && agrees && weight > best.weight)
            best = (struct best){cause, weight, seen};
    }
    if (best.cause != NULL) {
        verdict->cause = best.cause->name;
        text_add(verdict->evidence, best.seen.text);
        snprintf(verdict->command, sizeof verdict->command, "%s", best.cause->command);
    }
    for (const struct cause *cause = causes; cause->name != NULL; cause++)
        if (cause != best.cause && cause_look(cause, scene, verdict, &seen, &agrees))
            cause_aside(cause, &seen, verdict);
    if (best.cause == NULL && verdict->findings > 0)
        cause_unknown(scene, verdict);
}
