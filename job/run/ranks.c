/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/ranks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record.h"

#define STALLED_SECONDS 5 /* to say why a run is ended before it ends */

/* A GPU, where the request does not say, when this process sees one; ranks of a node take turns. */
static int choose_device(struct ranks *ranks, const struct sft_request *request,
                         struct sft_error *err)
{
    int devices = 0;
    if (request->device != SFT_DEVICE_CPU && request->gpus != 0)
        devices = device_cuda_count(err);
    ranks->device = devices > 0 ? ranks->bootstrap.local_rank % devices : -1;
    return devices < 0 ? -1 : 0;
}

/* Collectives on a GPU: where its streams are, which the host does not know by itself. */
static int ranks_poll(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    struct collective *collective = ((struct ranks *)user)->collective;
    return collective->poll(collective, progress, err);
}

static void ranks_stalled(void *user, const char *why)
{
    struct ranks *ranks = user;
    bootstrap_abort_within(ranks->status, STALLED_SECONDS);
    fprintf(stderr, "sft-bench-job: %s\n", why);
    ranks->last_word(ranks->user, why);
    bootstrap_abort(&ranks->bootstrap, ranks->status);
}

static int ranks_watch(struct ranks *ranks, struct sft_error *err)
{
    const struct watchdog_options options = {
        .limit = ranks->control->limit,
        .fail = ranks_stalled,
        .poll = ranks->collective != NULL && ranks->collective->on_device ? ranks_poll : NULL,
        .user = ranks,
    };
    ranks->watchdog = watchdog_start(&options, &ranks->bootstrap, err);
    ranks->control->watchdog = ranks->watchdog;
    return ranks->watchdog == NULL ? -1 : 0;
}

int ranks_meet(struct ranks *ranks, const struct sft_request *request, struct sft_error *err)
{
    struct sft_request defaults;
    sft_request_defaults(&defaults, request->preset);
    int timeout = request->timeout > 0 ? request->timeout : defaults.timeout;
    ranks->status = SFT_EXIT_FAILED;
    if (bootstrap_start(&ranks->bootstrap, err) < 0)
        return -1;
    ranks->control = control_start(&ranks->bootstrap, timeout, err);
    if (ranks->control == NULL)
        return -1;
    ranks->hosts = ranks->control->hosts[0];
    ranks->nodes = ranks->control->nodes;
    return choose_device(ranks, request, err);
}

/* MPI can hang as it starts, and is watched from there on. What runs on a device tells the watchdog
 * of itself, so there that comes second. */
int ranks_join(struct ranks *ranks, struct sft_error *err)
{
    int devices = collective_devices(ranks->control, ranks->device, err);
    if (devices < 0 || (devices == 0 && ranks_watch(ranks, err) < 0))
        return -1;
    ranks->collective = collective_create(ranks->control, ranks->device, devices, err);
    if (ranks->collective == NULL)
        return -1;
    return devices == 0 ? 0 : ranks_watch(ranks, err);
}

/* Nobody begins before all are there, and nobody goes before all are through: who hangs is named by
 * a watchdog, whose own thread sees into MPI's end, or by whom it keeps waiting. */
static int ranks_end(struct ranks *ranks, struct sft_error *err)
{
    bool polled = ranks->collective != NULL && ranks->collective->on_device;
    if (control_barrier(ranks->control, err) < 0)
        return -1;
    if (ranks->collective != NULL && ranks->watchdog == NULL && ranks_watch(ranks, err) < 0)
        return -1;
    if (polled) { /* they wait for their end by themselves */
        watchdog_stop(ranks->watchdog);
        ranks->watchdog = ranks->control->watchdog = NULL;
    }
    if (collective_destroy(ranks->collective, err) < 0)
        return -1;
    return control_barrier(ranks->control, err);
}

void ranks_leave(struct ranks *ranks, int stuck)
{
    struct sft_error err = {""};
    bool told = control_has_failed(ranks->control);
    ranks->status = stuck;
    if (ranks_end(ranks, &err) < 0) {
        if (!told)
            fprintf(stderr, "sft-bench-job: %s\n", err.text);
        bootstrap_abort(&ranks->bootstrap, stuck);
    }
    watchdog_stop(ranks->watchdog);
    control_stop(ranks->control);
    bootstrap_stop(&ranks->bootstrap);
}
