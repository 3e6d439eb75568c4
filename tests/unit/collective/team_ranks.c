/* SPDX-License-Identifier: Apache-2.0 */
/* A rank of several that measure in teams: sums and gathers of all ranks, of two, and of those that
 * are left when one does not come. test_teams.sh runs it.
 *   team_ranks all|pairs|late */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/collective/team.h"
#include "job/tensor/device.h"

enum { MOST = 3 << 20 }; /* floats: more than one piece, and no multiple of anything */

static struct device *device;
static float *memory;

static void check(int failed, const struct sft_error *err)
{
    if (!failed)
        return;
    fprintf(stderr, "team_ranks: %s\n", err->text);
    exit(1);
}

/* Whole numbers below 2^24: their sums are exact in any order. */
static float number_of(int rank, size_t i)
{
    return (float)((i * 7 + (size_t)rank * 13) % 1000);
}

static float sum_of(const struct team_place *place, size_t i)
{
    float sum = 0;
    for (int k = 0; k < place->count; k++)
        sum += number_of(place->rank[k], i);
    return sum;
}

static void expect(const struct team_place *place, size_t begin, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (memory[begin + i] != sum_of(place, begin + i)) {
            fprintf(stderr, "team_ranks: %s of %d ranks: number %zu of %zu is %g, not %g\n", what,
                    place->count, i, count, memory[begin + i], sum_of(place, begin + i));
            exit(1);
        }
}

static void fill(const struct team_place *place, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memory[i] = number_of(place->rank[place->mine], i);
}

static void run(struct team *team, const struct collective_call *call)
{
    struct sft_error err = {""};
    check(team->run(team, device, call, 1, 60, &err), &err);
}

/* An all-reduce; and what the other two make together of the same numbers. */
static void try_size(struct team *team, const struct team_place *place, size_t part)
{
    size_t count = part * (size_t)place->count, own = part * (size_t)place->mine;
    struct collective_call call = {.kind = COLLECTIVE_ALL_REDUCE,
                                   .type = COLLECTIVE_FP32,
                                   .reduction = COLLECTIVE_SUM,
                                   .from = memory,
                                   .to = memory,
                                   .count = count};
    fill(place, count);
    run(team, &call);
    expect(place, 0, count, "all-reduce");
    fill(place, count);
    call.kind = COLLECTIVE_REDUCE_SCATTER;
    call.count = part;
    call.to = memory + own;
    run(team, &call);
    expect(place, own, part, "reduce-scatter");
    for (size_t i = 0; i < count; i++)
        if (i < own || i >= own + part)
            memory[i] = -1;
    call.kind = COLLECTIVE_ALL_GATHER;
    call.from = memory + own;
    call.to = memory;
    run(team, &call);
    expect(place, 0, count, "all-gather");
}

static void try_team(const struct team_place *place)
{
    struct sft_error err = {""};
    struct team *team = team_create(place, device, 60, &err);
    check(team == NULL, &err);
    static const size_t parts[] = {1, 5, 1000, (size_t)1 << 17};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        try_size(team, place, parts[i]);
    /* an all-reduce's parts need not be whole, nor fit into a piece */
    struct collective_call call = {.kind = COLLECTIVE_ALL_REDUCE,
                                   .type = COLLECTIVE_FP32,
                                   .reduction = COLLECTIVE_SUM,
                                   .to = memory,
                                   .count = MOST - 7};
    fill(place, call.count);
    run(team, &call);
    expect(place, 0, call.count, "all-reduce");
    call.count = 1;
    fill(place, call.count);
    run(team, &call);
    expect(place, 0, call.count, "all-reduce of one");
    team_destroy(team);
}

static int members(int size, int without, int rank, int *list, int *mine)
{
    int count = 0;
    for (int i = 0; i < size; i++) {
        if (i == without)
            continue;
        if (i == rank)
            *mine = count;
        list[count++] = i;
    }
    return count;
}

/* The last rank does not come: the others are told so in time, and then go on without it. */
static void try_late(struct control *control)
{
    int list[64], last = control->size - 1;
    struct sft_error err = {""};
    struct team_place place = {.rank = list, .number = 1};
    place.count = members(control->size, -1, control->rank, list, &place.mine);
    if (control->rank == last) {
        sleep(4);
        return;
    }
    struct team *team = team_create(&place, device, 60, &err);
    check(team == NULL, &err);
    struct collective_call call = {.kind = COLLECTIVE_ALL_REDUCE,
                                   .type = COLLECTIVE_FP32,
                                   .reduction = COLLECTIVE_SUM,
                                   .to = memory,
                                   .count = 100000};
    if (team->run(team, device, &call, 1, 1, &err) == 0 || !team->late) {
        fprintf(stderr, "team_ranks: a collective ended without a rank\n");
        exit(1);
    }
    team_destroy(team);
    memory = device->allocate(device, MOST * sizeof *memory, &err); /* the other is MPI's */
    place.number = 2;
    place.count = members(control->size, last, control->rank, list, &place.mine);
    try_team(&place);
}

static void try_pairs(const struct control *control)
{
    int pair[2] = {control->rank & ~1, control->rank | 1};
    struct team_place place = {.rank = pair,
                               .count = pair[1] < control->size ? 2 : 1,
                               .mine = control->rank & 1,
                               .number = 7 + pair[0]};
    if (place.count == 2)
        try_team(&place);
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct bootstrap bootstrap;
    int list[64];
    check(bootstrap_start(&bootstrap, &err), &err);
    struct control *control = control_start(&bootstrap, 60, &err);
    check(control == NULL || argc != 2 || control->size > 64, &err);
    struct collective *collective = collective_create(control, -1, 0, &err);
    device = device_create_cpu(&err);
    check(collective == NULL || device == NULL, &err);
    memory = device->allocate(device, MOST * sizeof *memory, &err);
    check(memory == NULL, &err);
    struct team_place all = {.rank = list, .number = 3};
    all.count = members(control->size, -1, control->rank, list, &all.mine);
    if (strcmp(argv[1], "all") == 0)
        try_team(&all);
    else if (strcmp(argv[1], "pairs") == 0)
        try_pairs(control);
    else
        try_late(control);
    check(control_barrier(control, &err), &err);
    if (control->rank == 0)
        puts("well");
    fflush(stdout);
    if (strcmp(argv[1], "late") == 0)
        _exit(0); /* MPI has messages that nobody takes */
    device->destroy(device);
    collective_destroy(collective, NULL);
    control_stop(control);
    bootstrap_stop(&bootstrap);
    return 0;
}
