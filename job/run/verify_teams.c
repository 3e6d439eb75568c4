/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 of verify: the checks among several ranks. */
#include "job/run/verify_teams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

static int lead_lost(const struct verify_lead *lead, int lost[VERIFY_LOST])
{
    int count = 0;
    for (int rank = 0; rank < lead->control->size && count < VERIFY_LOST; rank++)
        if (lead->gone[rank])
            lost[count++] = rank;
    return count;
}

bool verify_teams_end(struct verify_lead *lead)
{
    int gone = 0;
    for (int rank = 0; rank < lead->control->size; rank++)
        gone += lead->gone[rank];
    if (gone > VERIFY_LOST && !lead->too_few)
        verify_say("%d ranks are lost: what is measured among several ranks ends here", gone);
    lead->too_few = gone > VERIFY_LOST;
    return lead->too_few;
}

void verify_teams_order(struct verify_lead *lead, int rank, const struct teamwork *work, int mate,
                        int number)
{
    struct verify_order *order = &lead->orders[rank];
    *order = (struct verify_order){.what = VERIFY_TEAM,
                                   .check = work->check,
                                   .limit = lead->limit,
                                   .team = work->team,
                                   .mate = mate,
                                   .number = number,
                                   .kind = work->kind,
                                   .bytes = work->bytes,
                                   .times = work->times};
    order->lost = lead_lost(lead, order->lost_rank);
}

/* Its first member's. */
static int team_first(const struct verify_lead *lead, int rank, int *members)
{
    int mine;
    verify_members(&lead->orders[rank], lead->control, rank, members, &mine);
    return members[0];
}

/* NCCL's ids: the first of each team makes one, which the others get with their order. */
static void lead_ids(struct verify_lead *lead, const bool *chosen, int *members)
{
    int size = lead->control->size;
    bool *first = calloc((size_t)size, sizeof *first);
    for (int rank = 0; rank < size && first != NULL; rank++)
        if (chosen[rank] && !lead->gone[rank])
            first[team_first(lead, rank, members)] = true;
    for (int rank = 0; rank < size && first != NULL; rank++)
        lead->orders[rank].what = first[rank] ? VERIFY_ID : VERIFY_TEAM;
    if (first != NULL)
        verify_lead_ask(lead, first);
    for (int rank = 0; rank < size && first != NULL; rank++) {
        lead->orders[rank].what = VERIFY_TEAM;
        if (chosen[rank] && !lead->gone[rank])
            memcpy(lead->orders[rank].id, lead->answers[team_first(lead, rank, members)].id,
                   TEAM_ID);
    }
    free(first);
}

bool verify_teams_seconds(const struct verify_lead *lead, int rank, int *members,
                          double seconds[JUDGE_REPEATS], int *count)
{
    int mine;
    *count = verify_members(&lead->orders[rank], lead->control, rank, members, &mine);
    memset(seconds, 0, JUDGE_REPEATS * sizeof *seconds);
    for (int i = 0; i < *count; i++) {
        const struct verify_answer *answer = &lead->answers[members[i]];
        if (lead->gone[members[i]] || answer->count != JUDGE_REPEATS)
            return false;
        for (int k = 0; k < JUDGE_REPEATS; k++)
            seconds[k] = fmax(seconds[k], answer->value[k]);
    }
    return *count > 1;
}

bool verify_teams_late(struct verify_lead *lead, int rank, const struct teamwork *work,
                       int *members)
{
    struct judge_rank *judged = &lead->input.rank[rank];
    const char *text = NULL;
    int mine, count = verify_members(&lead->orders[rank], lead->control, rank, members, &mine);
    for (int i = 0; i < count; i++) {
        const struct verify_answer *answer = &lead->answers[members[i]];
        if (lead->gone[members[i]])
            return false;
        if (answer->late && (text == NULL || members[i] == rank))
            text = answer->text;
    }
    if (text == NULL)
        return false;
    judged->late |= CHECK_BIT(work->check);
    snprintf(judged->late_text, sizeof judged->late_text, "%.*s", JUDGE_LATE - 1, text);
    return true;
}

/* GB/s of each repeat. */
static bool team_busbw(const struct verify_lead *lead, int rank, const struct teamwork *work,
                       int *members, double busbw[JUDGE_REPEATS])
{
    double seconds[JUDGE_REPEATS];
    int count;
    if (!verify_teams_seconds(lead, rank, members, seconds, &count))
        return false;
    double gb =
        1e-9 * (double)probe_bytes(work->bytes, count) * probe_busbw_factor(work->kind, count);
    for (int k = 0; k < JUDGE_REPEATS; k++)
        busbw[k] = gb / seconds[k];
    return true;
}

static void team_take(struct verify_lead *lead, int rank, const struct teamwork *work, int *members)
{
    double busbw[JUDGE_REPEATS];
    if (team_busbw(lead, rank, work, members, busbw)) {
        series_add(&lead->input.rank[rank].series[work->check], busbw, JUDGE_REPEATS);
        lead->done |= CHECK_BIT(work->check);
    } else {
        verify_teams_late(lead, rank, work, members);
    }
}

/* Large enough that nothing but bandwidth counts. */
static size_t bytes_large(const struct verify_lead *lead)
{
    size_t bytes = (size_t)16 << 20;
    if (lead->on_gpu)
        bytes = (size_t)1 << 30;
    while (lead->on_gpu && lead->free_bytes < 2 * (double)bytes && bytes > (16 << 20))
        bytes /= 2;
    return bytes;
}

void verify_teams_ask(struct verify_lead *lead, const bool *chosen, int *members)
{
    if (lead->on_gpu)
        lead_ids(lead, chosen, members);
    verify_lead_ask(lead, chosen);
}

void verify_teams_number(struct verify_lead *lead, int members[])
{
    for (int rank = 0; rank < lead->control->size; rank++)
        if (!lead->gone[rank])
            lead->orders[rank].number = lead->teams + 1 + team_first(lead, rank, members);
    lead->teams += lead->control->size;
}

/* All-reduce among the ranks of each node, all nodes at once. */
static void lead_nodes(struct verify_lead *lead, bool *chosen, int *members)
{
    const struct teamwork work = {CHECK_NODE, TEAM_NODE, COLLECTIVE_ALL_REDUCE, bytes_large(lead),
                                  4};
    unsigned again = CHECK_BIT(CHECK_NODE);
    for (int pass = 0; again != 0 && pass < JUDGE_PASSES && !verify_teams_end(lead); pass++) {
        for (int rank = 0; rank < lead->control->size; rank++) {
            chosen[rank] = lead->locals[rank] > 1;
            verify_teams_order(lead, rank, &work, 0, 0);
        }
        verify_teams_number(lead, members);
        verify_teams_ask(lead, chosen, members);
        for (int rank = 0; rank < lead->control->size; rank++)
            if (chosen[rank] && !lead->gone[rank])
                team_take(lead, rank, &work, members);
        again = judge_again(&lead->input, again);
    }
}

/* The circle: in `ranks - 1` turns each of an even number meets every other; -1: a turn off. */
static int circle_mate(int ranks, int turn, int mine)
{
    int even = ranks + ranks % 2, last = even - 1, mate;
    if (mine == last)
        mate = turn;
    else if (mine == turn)
        mate = last;
    else
        mate = (2 * turn - mine + 2 * last) % last;
    return mate < ranks ? mate : -1;
}

static int rank_of(const struct verify_lead *lead, int node, int local)
{
    for (int rank = 0; rank < lead->control->size; rank++)
        if (lead->control->node[rank] == node && lead->local[rank] == local)
            return rank;
    return -1;
}

/* Each two GPUs of a node, an all-gather: as much goes either way. */
static void lead_nvlink(struct verify_lead *lead, bool *chosen, int *members)
{
    const struct teamwork work = {CHECK_NVLINK, TEAM_MATE, COLLECTIVE_ALL_GATHER,
                                  bytes_large(lead) / 4, 4};
    int most = 0;
    for (int rank = 0; rank < lead->control->size; rank++)
        most = lead->locals[rank] > most ? lead->locals[rank] : most;
    for (int turn = 0; turn < most - 1 + most % 2 && !verify_teams_end(lead); turn++) {
        for (int rank = 0; rank < lead->control->size; rank++) {
            int mate = circle_mate(lead->locals[rank], turn, lead->local[rank]);
            int other = mate < 0 ? -1 : rank_of(lead, lead->control->node[rank], mate);
            chosen[rank] = other >= 0 && !lead->gone[other] && lead->locals[rank] > 1;
            verify_teams_order(lead, rank, &work, other, 0);
        }
        verify_teams_number(lead, members);
        verify_teams_ask(lead, chosen, members);
        for (int rank = 0; rank < lead->control->size; rank++)
            if (chosen[rank] && !lead->gone[rank])
                team_take(lead, rank, &work, members);
    }
}

/* What it measured on other rails is no figure of the nodes. */
static void pair_miss(struct verify_lead *lead, const struct teamwork *work,
                      const struct judge_pair *pair, int *members)
{
    bool late = false;
    for (int rank = 0; rank < lead->control->size; rank++) {
        int node = lead->control->node[rank];
        if (node == pair->a || node == pair->b)
            late = verify_teams_late(lead, rank, work, members) || late;
    }
    if (late)
        judge_pair_late(&lead->input, pair->a, pair->b);
}

/* Rails: each rank with that of the other node which has its place. What a node reaches is their
 * sum. */
static void pair_take(struct verify_lead *lead, const struct teamwork *work,
                      const struct judge_pair *pair, int *members)
{
    double sum[JUDGE_REPEATS] = {0}, busbw[JUDGE_REPEATS];
    for (int rank = 0; rank < lead->control->size; rank++) {
        if (lead->control->node[rank] != pair->a)
            continue;
        if (!team_busbw(lead, rank, work, members, busbw)) {
            pair_miss(lead, work, pair, members);
            return;
        }
        for (int k = 0; k < JUDGE_REPEATS; k++)
            sum[k] += busbw[k];
    }
    judge_pair_add(&lead->input, pair->a, pair->b, sum, JUDGE_REPEATS);
    lead->done |= CHECK_BIT(CHECK_PAIR);
}

static void pair_order(struct verify_lead *lead, const struct teamwork *work,
                       const struct judge_pair *pair, bool *chosen)
{
    for (int rank = 0; rank < lead->control->size; rank++) {
        int node = lead->control->node[rank];
        if (node != pair->a && node != pair->b)
            continue;
        int mate = rank_of(lead, node == pair->a ? pair->b : pair->a, lead->local[rank]);
        chosen[rank] = mate >= 0;
        verify_teams_order(lead, rank, work, mate, 0);
    }
}

/* Nodes whose ranks are all there, and as many as the first node's. */
static void nodes_usable(const struct verify_lead *lead, bool *usable)
{
    for (int node = 0; node < lead->control->nodes; node++)
        usable[node] = true;
    for (int rank = 0; rank < lead->control->size; rank++)
        if (lead->gone[rank] || lead->locals[rank] != lead->locals[0])
            usable[lead->control->node[rank]] = false;
}

static void lead_pairs(struct verify_lead *lead, bool *chosen, int *members)
{
    const struct teamwork work = {CHECK_PAIR, TEAM_MATE, COLLECTIVE_ALL_REDUCE,
                                  bytes_large(lead) / 4, 4};
    size_t nodes = (size_t)lead->control->nodes;
    struct judge_pair *pair = calloc(nodes / 2 + 1, sizeof *pair);
    bool *usable = calloc(nodes, sizeof *usable);
    for (int round = 0; pair != NULL && usable != NULL && !verify_teams_end(lead); round++) {
        nodes_usable(lead, usable);
        int count = judge_pairs_next(&lead->input, round, usable, pair);
        if (count == 0)
            break;
        verify_say("%s, round %d: %d of them", check_traits[CHECK_PAIR].title, round + 1, count);
        for (int rank = 0; rank < lead->control->size; rank++) {
            chosen[rank] = false;
            verify_teams_order(lead, rank, &work, -1, 0);
        }
        for (int i = 0; i < count; i++)
            pair_order(lead, &work, &pair[i], chosen);
        verify_teams_number(lead, members);
        verify_teams_ask(lead, chosen, members);
        for (int i = 0; i < count; i++)
            pair_take(lead, &work, &pair[i], members);
    }
    free(pair);
    free(usable);
}

void verify_lead_teams(struct verify_lead *lead)
{
    size_t size = (size_t)lead->control->size;
    bool *chosen = calloc(size, sizeof *chosen), several = false;
    int *members = calloc(size, sizeof *members);
    for (size_t rank = 0; rank < size; rank++)
        several = several || lead->locals[rank] > 1;
    if (chosen != NULL && members != NULL) {
        if (several && (lead->checks & CHECK_BIT(CHECK_NVLINK))) {
            verify_say("%s", check_traits[CHECK_NVLINK].title);
            lead_nvlink(lead, chosen, members);
        }
        if (several && (lead->checks & CHECK_BIT(CHECK_NODE))) {
            verify_say("%s", check_traits[CHECK_NODE].title);
            lead_nodes(lead, chosen, members);
        }
        if (lead->control->nodes > 1 && (lead->checks & CHECK_BIT(CHECK_PAIR)))
            lead_pairs(lead, chosen, members);
    }
    free(chosen);
    free(members);
}
