/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/ranks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record.h"

#define STALLED_SECONDS 5 /* to say why a run is ended before it ends */

/* A GPU, where the request does not say, when this process sees one; ranks of a node take turns. */
static int choose_device(const struct sft_request *request, int local_rank)
{
    if (request->device == SFT_DEVICE_CPU || request->gpus == 0)
        return -1;
    int devices = device_cuda_count();
    return devices > 0 ? local_rank % devices : -1;
}

bool ranks_host_is_new(const char *hosts, int rank)
{
    int before = 0;
    while (strcmp(hosts + (size_t)before * COMM_HOST, hosts + (size_t)rank * COMM_HOST) != 0)
        before++;
    return before == rank;
}

/* Collectives on a GPU: where its streams are, which the host does not know by itself. */
static int ranks_poll(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    struct comm *comm = ((struct ranks *)user)->comm;
    return comm->poll == NULL ? 0 : comm->poll(comm, progress, err);
}

static void ranks_stalled(void *user, const char *why)
{
    struct ranks *ranks = user;
    bootstrap_abort_within(SFT_EXIT_FAILED, STALLED_SECONDS);
    fprintf(stderr, "sft-bench-job: %s\n", why);
    ranks->last_word(ranks->user, why);
    bootstrap_abort(&ranks->bootstrap, SFT_EXIT_FAILED);
}

/* Names of the hosts by rank, on rank 0, and how many different ones. */
static int ranks_find_hosts(struct ranks *ranks, struct sft_error *err)
{
    struct comm *comm = ranks->comm;
    char host[COMM_HOST] = "";
    snprintf(host, sizeof host, "%s", ranks->bootstrap.host);
    ranks->hosts = calloc((size_t)comm->size, COMM_HOST);
    if (ranks->hosts == NULL)
        return sft_error_set(err, "no memory for the names of %d hosts", comm->size);
    if (comm->gather_text(comm, host, COMM_HOST, ranks->hosts, err) < 0)
        return -1;
    double nodes = 0;
    for (int rank = 0; rank < comm->size && comm->rank == 0; rank++)
        nodes += ranks_host_is_new(ranks->hosts, rank);
    if (comm->sum_double(comm, &nodes, 1, err) < 0)
        return -1;
    ranks->nodes = (int)nodes;
    return 0;
}

int ranks_join(struct ranks *ranks, const struct sft_request *request, struct sft_error *err)
{
    struct sft_request defaults;
    sft_request_defaults(&defaults, request->preset);
    int timeout = request->timeout > 0 ? request->timeout : defaults.timeout;
    const struct watchdog_options options = {
        .limit = timeout, .fail = ranks_stalled, .poll = ranks_poll, .user = ranks};
    if (bootstrap_start(&ranks->bootstrap, err) < 0)
        return -1;
    ranks->device = choose_device(request, ranks->bootstrap.local_rank);
    ranks->comm = comm_create(&ranks->bootstrap, ranks->device, timeout, err);
    if (ranks->comm == NULL)
        return -1;
    ranks->watchdog = watchdog_start(&options, &ranks->bootstrap, err);
    ranks->comm->watchdog = ranks->watchdog;
    return ranks->watchdog == NULL ? -1 : ranks_find_hosts(ranks, err);
}

void ranks_leave(struct ranks *ranks)
{
    struct comm *comm = ranks->comm;
    bool polled = comm != NULL && comm->poll != NULL;
    if (polled) /* a communicator that waits for its end by itself */
        watchdog_stop(ranks->watchdog);
    if (comm != NULL)
        comm->destroy(comm);
    if (!polled)
        watchdog_stop(ranks->watchdog);
    bootstrap_stop(&ranks->bootstrap);
    free(ranks->hosts);
}
