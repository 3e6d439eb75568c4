/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "job/verify/probe.h"
#include "lib/clock.h"

size_t probe_bytes(size_t bytes, int members)
{
    size_t whole = (size_t)members * 256;
    return bytes < whole ? whole : bytes - bytes % whole;
}

double probe_busbw_factor(enum collective_kind kind, int members)
{
    return (kind == COLLECTIVE_ALL_REDUCE ? 2.0 : 1.0) * (members - 1) / members;
}

/* In place, as training does it. */
static struct collective_call call_of(const struct team *team, char *memory,
                                      enum collective_kind kind, size_t bytes)
{
    size_t part = bytes / (size_t)team->count;
    struct collective_call call = {.kind = kind,
                                   .group = COLLECTIVE_WORLD,
                                   .type = COLLECTIVE_FP32,
                                   .reduction = COLLECTIVE_SUM,
                                   .from = memory,
                                   .to = memory,
                                   .count = bytes / sizeof(float),
                                   .what = "a collective of verify"};
    if (kind != COLLECTIVE_ALL_REDUCE)
        call.count = part / sizeof(float);
    if (kind == COLLECTIVE_REDUCE_SCATTER)
        call.to = memory + (size_t)team->mine * part;
    if (kind == COLLECTIVE_ALL_GATHER)
        call.from = memory + (size_t)team->mine * part;
    return call;
}

static int room_make(struct probe_memory *room, struct device *device, size_t bytes,
                     struct sft_error *err)
{
    if (room->bytes >= bytes)
        return 0;
    device->release(device, room->memory);
    *room = (struct probe_memory){.memory = device->allocate(device, bytes, err)};
    if (room->memory == NULL)
        return -1;
    room->bytes = bytes;
    device->zero(device, room->memory, bytes);
    return device->sync(device, err);
}

int probe_team(struct team *team, struct device *device, struct probe_memory *room,
               enum collective_kind kind, size_t bytes, int times, double limit,
               double seconds[JUDGE_REPEATS], struct sft_error *err)
{
    double end = sft_clock_now() + limit;
    bytes = probe_bytes(bytes, team->count);
    if (room_make(room, device, bytes, err) < 0)
        return -1;
    struct collective_call call = call_of(team, room->memory, kind, bytes);
    int failed = team->run(team, device, &call, 2, limit, err);
    for (int i = 0; i < JUDGE_REPEATS && failed == 0; i++) {
        double begin = sft_clock_now();
        failed = team->run(team, device, &call, times, end - begin, err);
        seconds[i] = (sft_clock_now() - begin) / times;
    }
    if (team->late)
        *room = (struct probe_memory){NULL, 0};
    return failed == 0 ? JUDGE_REPEATS : -1;
}
