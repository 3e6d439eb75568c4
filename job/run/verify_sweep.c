/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 of verify: collectives by size. */
#include <math.h>
#include <stdlib.h>

#include "job/run/verify_teams.h"
#include "lib/stats.h"

/* nccl-tests' sizes: powers of two from 1 KiB to 8 GiB, or what half of the memory holds; 16 MiB
 * between CPUs. */
static size_t bytes_most(const struct verify_lead *lead)
{
    size_t most = (size_t)(lead->on_gpu ? 8192 : 16) << 20;
    while (lead->on_gpu && !isnan(lead->free_bytes) && 2 * (double)most > lead->free_bytes)
        most /= 2;
    return most;
}

/* The slowest team's: of nodes there are several. Its seconds; NAN: none. */
static double sweep_take(struct verify_lead *lead, const struct teamwork *work, int *members)
{
    double seconds[JUDGE_REPEATS], slowest = 0;
    int count, most = 0;
    for (int rank = 0; rank < lead->control->size; rank++) {
        if (lead->gone[rank] || !verify_teams_seconds(lead, rank, members, seconds, &count))
            continue;
        slowest = fmax(slowest, sft_stats_median(seconds, JUDGE_REPEATS));
        most = count > most ? count : most;
    }
    if (most == 0 || lead->sizes.count == TABLE_SIZES)
        return NAN;
    double bytes = (double)probe_bytes(work->bytes, most), algbw = 1e-9 * bytes / slowest;
    lead->sizes.size[lead->sizes.count++] =
        (struct table_size){.kind = work->kind,
                            .in_node = work->team == TEAM_NODE,
                            .ranks = most,
                            .bytes = (size_t)bytes,
                            .seconds = slowest,
                            .algbw = algbw,
                            .busbw = algbw * probe_busbw_factor(work->kind, most)};
    lead->done |= CHECK_BIT(CHECK_COLLECTIVES);
    return slowest;
}

/* As nccl-tests has it 20 times, where a repeat of them takes a twentieth of a second at most: all
 * sizes are to be done in some seconds. */
static int sweep_times(double last)
{
    return isnan(last) ? 4 : (int)fmax(1, fmin(20, 0.05 / last));
}

/* The ranks of all nodes, or each node's, sizes one after the other in the same teams. */
struct sweep {
    enum verify_team team;
    bool *chosen;
    int *members;
    int number; /* of its teams */
    int gone;   /* ranks that are not in them */
    bool fresh; /* others are to be made */
};

static int sweep_gone(const struct verify_lead *lead)
{
    int gone = 0;
    for (int rank = 0; rank < lead->control->size; rank++)
        gone += lead->gone[rank];
    return gone;
}

static void sweep_ask(struct verify_lead *lead, struct sweep *sweep, const struct teamwork *work)
{
    int gone = sweep_gone(lead);
    for (int rank = 0; rank < lead->control->size; rank++) {
        sweep->chosen[rank] = sweep->team == TEAM_ALL || lead->locals[rank] > 1;
        verify_teams_order(lead, rank, work, 0, 0);
    }
    if (sweep->fresh || gone != sweep->gone) {
        sweep->number = lead->teams;
        verify_teams_number(lead, sweep->members);
        verify_teams_ask(lead, sweep->chosen, sweep->members);
    } else {
        lead->teams = sweep->number;
        verify_teams_number(lead, sweep->members);
        verify_lead_ask(lead, sweep->chosen);
    }
    sweep->gone = gone;
    sweep->fresh = false;
}

/* A team in which one was late is of no use any more. Whether nobody who is lost is why. */
static bool sweep_is_late(struct verify_lead *lead, struct sweep *sweep,
                          const struct teamwork *work)
{
    bool late = false;
    for (int rank = 0; rank < lead->control->size; rank++) {
        if (!sweep->chosen[rank] || lead->gone[rank])
            continue;
        sweep->fresh = sweep->fresh || lead->answers[rank].late;
        late = verify_teams_late(lead, rank, work, sweep->members) || late;
    }
    return late;
}

/* What twice the size will take, with its warm-up, of what a rank gives it. */
static bool sweep_is_too_long(const struct verify_lead *lead, double last)
{
    int times = 2 + JUDGE_REPEATS * sweep_times(last);
    return !isnan(last) && 2 * last * times > lead->limit / 2;
}

static void sweep_kind(struct verify_lead *lead, struct sweep *sweep, enum collective_kind kind)
{
    size_t most = bytes_most(lead);
    double last = NAN; /* seconds of the size before */
    for (size_t bytes = 1024; bytes <= most && !verify_teams_end(lead); bytes *= 2) {
        struct teamwork work = {CHECK_COLLECTIVES, sweep->team, kind, bytes, sweep_times(last)};
        if (sweep_is_too_long(lead, last)) {
            verify_say("%s of %zu MiB and more would take longer than %.0f s: left out",
                       table_kind(kind), bytes >> 20, lead->limit / 2);
            return;
        }
        sweep_ask(lead, sweep, &work);
        last = sweep_take(lead, &work, sweep->members);
        if (sweep_is_late(lead, sweep, &work)) {
            verify_say("%s of %zu KiB did not end in time: larger ones are left out",
                       table_kind(kind), bytes >> 10);
            return;
        }
    }
}

/* Only what never gave a figure counts as late. */
static void lead_sweep(struct verify_lead *lead, enum verify_team team, bool *chosen, int *members)
{
    static const enum collective_kind kinds[] = {COLLECTIVE_ALL_REDUCE, COLLECTIVE_ALL_GATHER,
                                                 COLLECTIVE_REDUCE_SCATTER};
    struct sweep sweep = {.team = team, .chosen = chosen, .members = members, .fresh = true};
    int before = lead->sizes.count;
    for (int kind = 0; kind < 3; kind++)
        sweep_kind(lead, &sweep, kinds[kind]);
    for (int rank = 0; rank < lead->control->size && lead->sizes.count > before; rank++)
        lead->input.rank[rank].late &= ~CHECK_BIT(CHECK_COLLECTIVES);
}

void verify_lead_collectives(struct verify_lead *lead)
{
    size_t size = (size_t)lead->control->size;
    bool *chosen = calloc(size, sizeof *chosen), several = false;
    int *members = calloc(size, sizeof *members);
    for (size_t rank = 0; rank < size; rank++)
        several = several || lead->locals[rank] > 1;
    lead->sizes.nodes = lead->control->nodes;
    if (size > 1 && chosen != NULL && members != NULL) {
        verify_say("collectives by size");
        if (several && lead->control->nodes > 1)
            lead_sweep(lead, TEAM_NODE, chosen, members);
        lead_sweep(lead, TEAM_ALL, chosen, members);
    }
    free(chosen);
    free(members);
}
