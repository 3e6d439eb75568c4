/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 of verify: what is measured, in which order, and who is left out from then on. */
#include "job/run/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of rank 0's: less than the others' patience with it by what it waits for them. */
#define OWN_PART 2

#define PAIRS_MOST 65536 /* of few nodes all; of many those that JUDGE_ROUNDS make */

void verify_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sft-bench-job: verify: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static size_t pairs_room(int nodes)
{
    size_t all = (size_t)nodes * (size_t)(nodes - 1) / 2;
    size_t rounds = (size_t)JUDGE_ROUNDS * (size_t)nodes / 2;
    return (all < rounds ? all : rounds) + 1;
}

static int lead_room(struct verify_lead *lead, struct sft_error *err)
{
    size_t ranks = (size_t)lead->control->size, nodes = (size_t)lead->control->nodes;
    lead->input =
        (struct judge_input){.nodes = (int)nodes,
                             .ranks = (int)ranks,
                             .node = calloc(nodes, sizeof *lead->input.node),
                             .rank = calloc(ranks, sizeof *lead->input.rank),
                             .pair = calloc(pairs_room((int)nodes), sizeof *lead->input.pair)};
    lead->verdicts = calloc(nodes, sizeof *lead->verdicts);
    lead->gone = calloc(ranks, sizeof *lead->gone);
    lead->local = calloc(ranks, sizeof *lead->local);
    lead->locals = calloc(ranks, sizeof *lead->locals);
    lead->orders = calloc(ranks, sizeof *lead->orders);
    lead->answers = calloc(ranks, sizeof *lead->answers);
    lead->sizes.size = calloc(TABLE_SIZES, sizeof *lead->sizes.size);
    lead->ceiling = calloc(ranks, sizeof *lead->ceiling);
    if (lead->ceiling == NULL || lead->input.node == NULL || lead->input.rank == NULL ||
        lead->input.pair == NULL || lead->verdicts == NULL || lead->gone == NULL ||
        lead->local == NULL || lead->locals == NULL || lead->orders == NULL ||
        lead->answers == NULL || lead->sizes.size == NULL)
        return sft_error_set(err, "no memory for the figures of %zu ranks", ranks);
    return 0;
}

/* Ranks of a node in their order; the first has number 0. */
static int lead_places(struct verify_lead *lead, struct sft_error *err)
{
    const struct control *control = lead->control;
    int *count = calloc((size_t)control->nodes, sizeof *count);
    if (count == NULL)
        return sft_error_set(err, "no memory for %d nodes", control->nodes);
    for (int rank = 0; rank < control->size; rank++)
        lead->local[rank] = count[control->node[rank]]++;
    for (int rank = 0; rank < control->size; rank++)
        lead->locals[rank] = count[control->node[rank]];
    free(count);
    return 0;
}

int verify_lead_open(struct verify_lead *lead, struct sft_error *err)
{
    const struct control *control = lead->control;
    if (lead_room(lead, err) < 0 || lead_places(lead, err) < 0)
        return -1;
    for (int rank = 0; rank < control->size; rank++) {
        struct judge_rank *judged = &lead->input.rank[rank];
        judged->node = control->node[rank];
        judged->gpu = lead->local[rank];
        judged->hung = -1;
        gpu_facts_init(&judged->facts);
        node_facts_init(&lead->input.node[judged->node].facts);
        snprintf(lead->input.node[judged->node].name, NET_HOST, "%s", control->hosts[rank]);
    }
    return 0;
}

void verify_lead_close(struct verify_lead *lead)
{
    hub_close(lead->hub);
    free(lead->input.node);
    free(lead->input.rank);
    free(lead->input.pair);
    free(lead->verdicts);
    free(lead->gone);
    free(lead->local);
    free(lead->locals);
    free(lead->orders);
    free(lead->answers);
    free(lead->sizes.size);
    free(lead->ceiling);
}

static void lead_lose(struct verify_lead *lead, int rank, enum check check)
{
    struct judge_rank *judged = &lead->input.rank[rank];
    lead->gone[rank] = true;
    judged->hung = (int)check;
    verify_say("rank %d on %s (number %d of its node) did not come back from %s: the others go on "
               "without it",
               rank, lead->control->hosts[rank], judged->gpu, check_title(check));
}

/* Late is whom others kept waiting. */
static void lead_fail(struct verify_lead *lead, int rank, enum check check)
{
    struct judge_rank *judged = &lead->input.rank[rank];
    lead->gone[rank] = true;
    snprintf(judged->failed, sizeof judged->failed, "%s", lead->answers[rank].text);
    judged->failed_in = check;
    verify_say("rank %d on %s failed in %s: %s", rank, lead->control->hosts[rank],
               check_title(check), judged->failed);
}

static bool lead_asks(const struct verify_lead *lead, const bool *chosen, int rank)
{
    return !lead->gone[rank] && (chosen == NULL || chosen[rank]);
}

/* One that failed is there until the end, too. */
static void lead_give_orders(struct verify_lead *lead, const bool *chosen)
{
    static const struct verify_order wait = {.what = VERIFY_WAIT};
    for (int rank = 1; rank < lead->control->size; rank++)
        if (lead_asks(lead, chosen, rank))
            hub_order(lead->hub, rank, &lead->orders[rank]);
        else if (!hub_is_lost(lead->hub, rank))
            hub_tell(lead->hub, rank, &wait);
}

void verify_lead_ask(struct verify_lead *lead, const bool *chosen)
{
    int size = lead->control->size;
    lead_give_orders(lead, chosen);
    if (lead_asks(lead, chosen, 0))
        verify_timer_do(lead->worker, &lead->orders[0], OWN_PART * lead->limit, &lead->answers[0]);
    hub_wait(lead->hub, lead->limit, lead->answers);
    for (int rank = 0; rank < size; rank++) {
        enum check check = lead->orders[rank].check;
        if (!lead_asks(lead, chosen, rank))
            continue;
        if (rank > 0 && hub_is_lost(lead->hub, rank))
            lead_lose(lead, rank, check);
        else if (lead->answers[rank].count < 0 && !lead->answers[rank].late)
            lead_fail(lead, rank, check);
    }
}

static void lead_order_all(struct verify_lead *lead, enum verify_what what, enum check check)
{
    for (int rank = 0; rank < lead->control->size; rank++)
        lead->orders[rank] =
            (struct verify_order){.what = what, .check = check, .limit = lead->limit};
}

/* A node's facts are its first rank's that is there. */
static void lead_take_told(struct verify_lead *lead)
{
    for (int rank = lead->control->size - 1; rank >= 0; rank--) {
        struct judge_rank *judged = &lead->input.rank[rank];
        const struct verify_told *told = &lead->answers[rank].told;
        if (lead->gone[rank])
            continue;
        judged->facts = told->gpu_facts;
        lead->input.node[judged->node].facts = told->node_facts;
        if (!isnan(told->free_bytes))
            lead->free_bytes =
                fmin(isnan(lead->free_bytes) ? INFINITY : lead->free_bytes, told->free_bytes);
    }
}

/* Beside a job its processes are as they should be. */
static void facts_forget_users(struct judge_input *input)
{
    for (int rank = 0; rank < input->ranks; rank++) {
        input->rank[rank].facts.processes = 0;
        input->rank[rank].facts.busy = 0;
    }
}

/* A rank of the judge for each GPU of the node, whoever has it. */
static int facts_alone(struct verify_lead *lead, struct sft_error *err)
{
    struct judge_input *input = &lead->input;
    const struct verify_worker *worker = lead->worker;
    int gpus = input->node[0].facts.gpus > 1 ? input->node[0].facts.gpus : 1;
    struct judge_rank *rank = realloc(input->rank, (size_t)gpus * sizeof *rank);
    if (rank == NULL)
        return sft_error_set(err, "no memory for the facts of %d GPUs", gpus);
    memset(rank, 0, (size_t)gpus * sizeof *rank);
    input->rank = rank;
    input->ranks = gpus;
    for (int i = 0; i < gpus; i++) {
        rank[i].gpu = i;
        rank[i].hung = -1;
        verify_gpu_facts(&rank[i].facts, worker->root, i);
    }
    return 0;
}

int verify_lead_facts(struct verify_lead *lead, struct sft_error *err)
{
    lead_order_all(lead, VERIFY_FACTS, CHECK_FACTS);
    verify_lead_ask(lead, NULL);
    lead_take_told(lead);
    lead->done = CHECK_BIT(CHECK_FACTS);
    if (lead->control->size == 1 && facts_alone(lead, err) < 0)
        return -1;
    facts_forget_users(&lead->input);
    return 0;
}

/* Before anything is measured: whose figures others' work is in. */
static void lead_tell_users(const struct verify_lead *lead)
{
    for (int rank = 0; rank < lead->control->size; rank++) {
        const struct gpu_facts *facts = &lead->input.rank[rank].facts;
        if (facts->processes > 0)
            verify_say("GPU %d of %s is in use already, by %s%s", lead->local[rank],
                       lead->control->hosts[rank], facts->process,
                       facts->processes > 1 ? " and others" : "");
        else if (facts->busy > 5)
            verify_say("GPU %d of %s is in use already: %d%% busy before anything of ours ran",
                       lead->local[rank], lead->control->hosts[rank], facts->busy);
    }
}

static void lead_take_pass(struct verify_lead *lead, const bool *chosen, enum check check)
{
    for (int rank = 0; rank < lead->control->size; rank++) {
        const struct verify_answer *answer = &lead->answers[rank];
        if (lead->gone[rank] || (chosen != NULL && !chosen[rank]) || answer->count <= 0)
            continue;
        series_add(&lead->input.rank[rank].series[check], answer->value, answer->count);
        lead->done |= CHECK_BIT(check);
    }
}

/* All ranks at once, so that nodes share what they share in a run, too. */
static void lead_together(struct verify_lead *lead, enum check check)
{
    lead_order_all(lead, VERIFY_CHECK, check);
    verify_lead_ask(lead, NULL);
    lead_take_pass(lead, NULL, check);
}

/* One rank of each node after the other. */
static void lead_in_turn(struct verify_lead *lead, enum check check)
{
    int size = lead->control->size, most = 0;
    bool *chosen = calloc((size_t)size, sizeof *chosen);
    for (int rank = 0; rank < size; rank++)
        most = lead->locals[rank] > most ? lead->locals[rank] : most;
    for (int turn = 0; turn < most && chosen != NULL; turn++) {
        for (int rank = 0; rank < size; rank++)
            chosen[rank] = lead->local[rank] == turn;
        lead_order_all(lead, VERIFY_CHECK, check);
        verify_lead_ask(lead, chosen);
        lead_take_pass(lead, chosen, check);
    }
    free(chosen);
}

static void lead_pass(struct verify_lead *lead, enum check check)
{
    if (check == CHECK_H2D || check == CHECK_D2H)
        lead_in_turn(lead, check);
    else
        lead_together(lead, check);
}

/* Of a GPU alone: on a CPU there is nothing to be copied to, and no launch. */
#define CHECKS_GPU                                                                                 \
    (CHECK_BIT(CHECK_LAUNCH) | CHECK_BIT(CHECK_H2D) | CHECK_BIT(CHECK_D2H) |                       \
     CHECK_BIT(CHECK_H2D_ALL) | CHECK_BIT(CHECK_D2H_ALL) | CHECK_BIT(CHECK_NVLINK))
#define CHECKS_ALONE                                                                               \
    (CHECK_BIT(CHECK_GEMM) | CHECK_BIT(CHECK_MEMORY) | CHECK_BIT(CHECK_LAUNCH) |                   \
     CHECK_BIT(CHECK_H2D) | CHECK_BIT(CHECK_D2H) | CHECK_BIT(CHECK_H2D_ALL) |                      \
     CHECK_BIT(CHECK_D2H_ALL))

static void lead_alone(struct verify_lead *lead)
{
    unsigned checks = lead->checks & CHECKS_ALONE;
    for (int pass = 0; checks != 0 && pass < JUDGE_PASSES; pass++) {
        for (enum check check = 0; check < CHECKS; check++) {
            if (!(checks & CHECK_BIT(check)))
                continue;
            verify_say("%s%s", check_title(check), pass > 0 ? ", again" : "");
            lead_pass(lead, check);
        }
        checks = judge_again(&lead->input, checks);
    }
}

void verify_lead_measure(struct verify_lead *lead)
{
    lead->free_bytes = NAN;
    lead_order_all(lead, VERIFY_OPEN, CHECK_WORDS);
    verify_lead_ask(lead, NULL);
    lead_take_told(lead);
    lead_tell_users(lead);
    if (!lead->on_gpu)
        lead->checks &= ~CHECKS_GPU;
    lead_alone(lead);
    verify_lead_teams(lead);
    if (lead->checks & CHECK_BIT(CHECK_COLLECTIVES))
        verify_lead_collectives(lead);
    if (lead->checks & CHECK_BIT(CHECK_CEILINGS))
        verify_lead_ceilings(lead);
    lead_order_all(lead, VERIFY_TELL, CHECK_WORDS);
    verify_lead_ask(lead, NULL);
    lead_take_told(lead);
}
