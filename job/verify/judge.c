/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/verify/judge_internal.h"

/* One that is gone is not measured any more. */
static bool rank_is_there(const struct judge_rank *rank)
{
    return rank->hung < 0 && rank->failed[0] == '\0';
}

unsigned judge_again(const struct judge_input *input, unsigned among)
{
    struct compared *ranks = calloc((size_t)input->ranks + 1, sizeof *ranks);
    unsigned again = 0;
    for (enum check check = 0; check < CHECKS && ranks != NULL; check++) {
        if (check == CHECK_PAIR || !(among & CHECK_BIT(check)))
            continue;
        judge_compare(input, check, ranks);
        for (int i = 0; i < input->ranks; i++)
            if (ranks[i].again && !ranks[i].bad && rank_is_there(&input->rank[i]) &&
                input->rank[i].series[check].count < JUDGE_SERIES)
                again |= CHECK_BIT(check);
    }
    free(ranks);
    return again;
}

static void scene_add(struct scene *scene, enum check check, const struct compared *found, int gpu)
{
    struct compared *worst = &scene->worst[check];
    if (!found->measured)
        return;
    scene->slow[check] += found->suspect;
    /* One that is bad stands before one that is only suspect. */
    if (worst->measured &&
        (worst->bad > found->bad || (worst->bad == found->bad && !(found->ratio < worst->ratio))))
        return;
    *worst = *found;
    scene->gpu[check] = gpu;
}

void scene_make(struct scene *scene, const struct judge_input *input,
                struct compared *const compared[CHECKS], const struct paired *paired, int node)
{
    memset(scene, 0, sizeof *scene);
    scene->input = input;
    scene->node = node;
    for (int i = 0; i < input->ranks; i++) {
        const struct judge_rank *rank = &input->rank[i];
        if (rank->node != node)
            continue;
        scene->ranks++;
        for (enum check check = 0; check < CHECKS; check++)
            if (check != CHECK_PAIR)
                scene_add(scene, check, &compared[check][i], rank->gpu);
    }
    scene->worst[CHECK_PAIR] = judge_node_pairs(input, paired, node);
    scene->slow[CHECK_PAIR] = scene->worst[CHECK_PAIR].suspect ? scene->ranks : 0;
    scene->gpu[CHECK_PAIR] = -1;
}

/* By their ratios, the slowest first; JUDGE_FINDINGS of them. */
static void verdict_add(struct verdict *verdict, const struct scene *scene, enum check check)
{
    const struct compared *worst = &scene->worst[check];
    bool all = scene->ranks == 1 || 2 * scene->slow[check] > scene->ranks;
    struct finding finding = {
        .check = check,
        .by = worst->by,
        .bad = worst->bad,
        .gpu = all ? -1 : scene->gpu[check],
        .other = scene->slow[check],
        .value = worst->value,
        .reference = worst->reference,
        .ratio = worst->ratio,
    };
    int at = verdict->findings < JUDGE_FINDINGS ? verdict->findings++ : JUDGE_FINDINGS - 1;
    for (; at > 0 && verdict->finding[at - 1].ratio > finding.ratio; at--)
        verdict->finding[at] = verdict->finding[at - 1];
    verdict->finding[at] = finding;
}

static const char *finding_than(const struct finding *finding)
{
    return finding->by == BY_FLOOR  ? "the least of such a GPU"
           : finding->by == BY_GPUS ? "its other GPUs'"
                                    : "the other nodes'";
}

static void verdict_tell(struct verdict *verdict)
{
    const struct finding *first = &verdict->finding[0];
    const struct check_traits *traits = &check_traits[first->check];
    char where[48] = "", more[48] = "";
    if (first->gpu >= 0 && first->other > 1)
        snprintf(where, sizeof where, " on GPU %d and %d more", first->gpu, first->other - 1);
    else if (first->gpu >= 0)
        snprintf(where, sizeof where, " on GPU %d", first->gpu);
    if (verdict->findings > 1)
        snprintf(more, sizeof more, "; slow in %d checks", verdict->findings);
    snprintf(verdict->finding_text, sizeof verdict->finding_text, "%s%s %.4g %s, %.2f of %s %.4g%s",
             traits->title, where, first->value, traits->unit, first->ratio, finding_than(first),
             first->reference, more);
}

/* Slow with its only partner: either may be the reason. */
static bool verdict_is_open(const struct verdict *verdict)
{
    for (int i = 0; i < verdict->findings; i++)
        if (verdict->finding[i].check != CHECK_PAIR)
            return false;
    return verdict->findings > 0 && !verdict->finding[0].bad;
}

static void verdict_kind_find(struct verdict *verdict, const struct scene *scene)
{
    bool compared = true, measured = false, bad = false;
    for (enum check check = 0; check < CHECKS; check++)
        measured = measured || scene->worst[check].measured;
    if (measured) /* else what the node says of itself is all there is */
        compared = false;
    for (enum check check = 0; check < CHECKS; check++)
        compared = compared || scene->worst[check].held;
    for (int i = 0; i < verdict->findings; i++)
        bad = bad || verdict->finding[i].bad;
    if (bad)
        verdict->kind = VERDICT_BAD;
    else if (verdict_is_open(verdict) || !compared)
        verdict->kind = VERDICT_UNKNOWN;
    else
        verdict->kind = verdict->findings > 0 ? VERDICT_WARNING : VERDICT_GOOD;
    if (!compared)
        snprintf(verdict->finding_text, sizeof verdict->finding_text,
                 "nothing to hold its figures against: no other node, no floor of such a device");
}

/* Of the node's ranks, those checks that only ever were late; one of them says why. */
static unsigned node_only_late(const struct scene *scene, const struct judge_rank **which)
{
    unsigned late = 0;
    for (int i = 0; i < scene->input->ranks; i++) {
        const struct judge_rank *rank = &scene->input->rank[i];
        unsigned own = rank->node == scene->node ? rank->late : 0;
        for (enum check check = 0; check < CHECKS; check++)
            if (check == CHECK_PAIR ? scene->worst[check].measured : rank->series[check].count > 0)
                own &= ~CHECK_BIT(check);
        if (own != 0)
            *which = rank;
        late |= own;
    }
    return late;
}

/* With whom it was tried, how many of them reach others. */
static void late_partners(const struct scene *scene, int *partners, int *reach)
{
    const struct judge_input *input = scene->input;
    *partners = *reach = 0;
    for (int i = 0; i < input->pairs; i++) {
        const struct judge_pair *pair = &input->pair[i];
        if (pair->late == 0 || (pair->a != scene->node && pair->b != scene->node))
            continue;
        int other = pair->a == scene->node ? pair->b : pair->a;
        bool reaches = false;
        for (int k = 0; k < input->pairs; k++)
            reaches = reaches || (judge_pair_measured(&input->pair[k]) &&
                                  (input->pair[k].a == other || input->pair[k].b == other));
        ++*partners;
        *reach += reaches;
    }
}

/* A network over which nothing comes in time is no good one. */
static void verdict_late(struct verdict *verdict, const struct scene *scene)
{
    const struct judge_rank *rank = NULL;
    unsigned late = node_only_late(scene, &rank);
    char with[64] = "";
    enum check check = 0;
    int partners, reach;
    if (late == 0 || verdict->kind == VERDICT_BAD)
        return;
    while (!(late & CHECK_BIT(check)))
        check++;
    late_partners(scene, &partners, &reach);
    if (check == CHECK_PAIR)
        snprintf(with, sizeof with, " with %d partner%s, %d of which reach%s others", partners,
                 partners == 1 ? "" : "s", reach, reach == 1 ? "es" : "");
    verdict->kind = VERDICT_UNKNOWN;
    snprintf(verdict->finding_text, sizeof verdict->finding_text, "%s: no figure in time%s: %s",
             check_title(check), with, rank->late_text);
}

static void verdict_lost(struct verdict *verdict, const char *cause)
{
    verdict->kind = VERDICT_BAD;
    verdict->cause = cause;
    verdict->ratio = 0;
    snprintf(verdict->command, sizeof verdict->command, "dmesg -T | grep -i -e xid -e nvrm");
}

/* Whatever it measured before counts for less. */
static void verdict_hung(struct verdict *verdict, const struct scene *scene)
{
    const struct judge_input *input = scene->input;
    for (int i = 0; i < input->ranks; i++) {
        const struct judge_rank *rank = &input->rank[i];
        if (rank->node != scene->node || (rank->hung < 0 && rank->failed[0] == '\0'))
            continue;
        verdict_lost(verdict, rank->hung >= 0 ? "hung" : "failed");
        if (rank->hung < 0) {
            snprintf(verdict->finding_text, sizeof verdict->finding_text,
                     "rank %d (number %d of the node) failed in %s: %.200s", i, rank->gpu,
                     check_title(rank->failed_in), rank->failed);
            return;
        }
        snprintf(verdict->finding_text, sizeof verdict->finding_text,
                 "rank %d (number %d of the node) did not come back from %s", i, rank->gpu,
                 check_title((enum check)rank->hung));
        return;
    }
}

static void verdict_make(struct verdict *verdict, const struct scene *scene)
{
    *verdict = (struct verdict){.ratio = 1, .cause = ""};
    for (enum check check = 0; check < CHECKS; check++)
        if (scene->worst[check].suspect)
            verdict_add(verdict, scene, check);
    verdict_kind_find(verdict, scene);
    if (verdict->findings > 0) {
        verdict->ratio = verdict->finding[0].ratio;
        verdict_tell(verdict);
    }
    cause_find(scene, verdict);
    verdict_late(verdict, scene);
    verdict_hung(verdict, scene);
    if (verdict->kind == VERDICT_BAD)
        snprintf(
            verdict->drain, sizeof verdict->drain,
            "scontrol update NodeName=%.64s State=DRAIN Reason=\"sft-bench verify: %s%s%.120s\"",
            scene->input->node[scene->node].name, verdict->cause,
            verdict->cause[0] != '\0' ? ": " : "", verdict->finding_text);
}

static void judge_nodes_of(const struct judge_input *input, struct compared *const compared[CHECKS],
                           const struct paired *paired, struct verdict *verdicts)
{
    static struct scene scene;
    for (int node = 0; node < input->nodes; node++) {
        scene_make(&scene, input, compared, paired, node);
        verdict_make(&verdicts[node], &scene);
    }
}

void judge_nodes(const struct judge_input *input, struct verdict *verdicts)
{
    struct compared *compared[CHECKS] = {NULL};
    struct paired paired = {.room = NULL};
    size_t ranks = (size_t)input->ranks + 1;
    struct compared *all = calloc(CHECKS * ranks, sizeof *all);
    if (all == NULL || paired_make(&paired, input) < 0) {
        for (int node = 0; node < input->nodes; node++)
            verdicts[node] = (struct verdict){.kind = VERDICT_UNKNOWN,
                                              .cause = "",
                                              .ratio = 1,
                                              .finding_text = "no memory to compare the nodes"};
        free(all);
        return;
    }
    for (enum check check = 0; check < CHECKS; check++) {
        compared[check] = all + (size_t)check * ranks;
        judge_compare(input, check, compared[check]);
    }
    judge_nodes_of(input, compared, &paired, verdicts);
    paired_free(&paired);
    free(all);
}

enum verdict_kind judge_worst(const struct verdict *verdicts, int nodes)
{
    int of[] = {0, 0, 0, 0};
    for (int node = 0; node < nodes; node++)
        of[verdicts[node].kind]++;
    if (of[VERDICT_BAD] > 0)
        return VERDICT_BAD;
    if (of[VERDICT_UNKNOWN] > 0 || nodes == 0)
        return VERDICT_UNKNOWN;
    return of[VERDICT_WARNING] > 0 ? VERDICT_WARNING : VERDICT_GOOD;
}

int judge_status(const struct verdict *verdicts, int nodes)
{
    static const int status[] = {
        [VERDICT_GOOD] = 0, [VERDICT_WARNING] = 1, [VERDICT_BAD] = 2, [VERDICT_UNKNOWN] = 3};
    return status[judge_worst(verdicts, nodes)];
}

const char *verdict_name(enum verdict_kind kind)
{
    static const char *const names[] = {"good", "warning", "bad", "could not tell"};
    return names[kind];
}
