/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/collective/team.h"

#include <stdlib.h>
#include <string.h>

#ifndef HAVE_MPI
struct team *team_create_mpi(const struct team_place *place, struct sft_error *err)
{
    sft_error_set(err, "%d ranks, but built without MPI", place->count);
    return NULL;
}
#endif

#ifndef HAVE_NCCL
struct team *team_create_nccl(const struct team_place *place, double limit, struct sft_error *err)
{
    (void)limit;
    sft_error_set(err, "%d ranks with GPUs, but built without NCCL", place->count);
    return NULL;
}

int team_id(unsigned char id[TEAM_ID], struct sft_error *err)
{
    (void)err;
    memset(id, 0, TEAM_ID);
    return 0;
}
#endif

static int alone_run(struct team *team, struct device *device, const struct collective_call *call,
                     int times, double limit, struct sft_error *err)
{
    (void)team, (void)device, (void)call, (void)times, (void)limit, (void)err;
    return 0;
}

static void alone_destroy(struct team *team)
{
    free(team);
}

static struct team *alone_create(struct sft_error *err)
{
    struct team *team = calloc(1, sizeof *team);
    if (team == NULL)
        sft_error_set(err, "no memory for a team");
    else
        *team = (struct team){.count = 1, .run = alone_run, .destroy = alone_destroy};
    return team;
}

struct team *team_create(const struct team_place *place, struct device *device, double limit,
                         struct sft_error *err)
{
    if (place->count == 1)
        return alone_create(err);
    if (device->queue(device, LANE_COMPUTE) != NULL)
        return team_create_nccl(place, limit, err);
    return team_create_mpi(place, err);
}

void team_destroy(struct team *team)
{
    if (team != NULL)
        team->destroy(team);
}
