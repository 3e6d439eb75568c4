/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/collective/comm.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef HAVE_NCCL
struct comm *comm_create_nccl(struct bootstrap *bootstrap, const char *hosts, int device, int limit,
                              struct sft_error *err)
{
    (void)hosts, (void)device, (void)limit;
    sft_error_set(err,
                  "%d ranks with GPUs, but built without NCCL: install libnccl-dev, configure and "
                  "build again, or say device=cpu",
                  bootstrap->size);
    return NULL;
}
#endif

#ifndef HAVE_MPI
struct comm *comm_create_mpi(struct bootstrap *bootstrap, struct sft_error *err)
{
    sft_error_set(err,
                  "%d ranks, but built without MPI: install libopenmpi-dev, configure and build "
                  "again, or run one rank",
                  bootstrap->size);
    return NULL;
}
#endif

/* What each rank tells the others before they have a communicator. */
struct card {
    char host[COMM_HOST];
    int device;
};

static struct comm *create_from_cards(struct bootstrap *bootstrap, const struct card *cards,
                                      char *hosts, int device, int limit, struct sft_error *err)
{
    int without = -1, with = 0;
    for (int rank = 0; rank < bootstrap->size; rank++) {
        memcpy(hosts + (size_t)rank * COMM_HOST, cards[rank].host, COMM_HOST);
        with += cards[rank].device >= 0;
        if (cards[rank].device < 0 && without < 0)
            without = rank;
    }
    if (with == bootstrap->size)
        return comm_create_nccl(bootstrap, hosts, device, limit, err);
    if (with == 0)
        return comm_create_mpi(bootstrap, err);
    sft_error_set(
        err,
        "rank %d on %.80s has no GPU, %d of %d ranks have one: look at that node, leave it "
        "out with --exclude, or say device=cpu",
        without, cards[without].host, with, bootstrap->size);
    return NULL;
}

struct comm *comm_create(struct bootstrap *bootstrap, int device, int limit, struct sft_error *err)
{
    struct comm *c = NULL;
    struct card mine = {"", device};
    size_t size = (size_t)bootstrap->size;
    if (bootstrap->size == 1)
        return comm_create_self(err);
    struct card *cards = calloc(size, sizeof *cards);
    char *hosts = calloc(size, COMM_HOST);
    snprintf(mine.host, sizeof mine.host, "%s", bootstrap->host);
    if (cards == NULL || hosts == NULL)
        sft_error_set(err, "no memory for the names of %zu hosts", size);
    else if (bootstrap_exchange(bootstrap, &mine, sizeof mine, cards, err) == 0)
        c = create_from_cards(bootstrap, cards, hosts, device, limit, err);
    free(cards);
    free(hosts);
    return c;
}

static bool same_host(const char *hosts, int a, int b)
{
    return strcmp(hosts + (size_t)a * COMM_HOST, hosts + (size_t)b * COMM_HOST) == 0;
}

struct place {
    int in_node, of_node; /* which rank of its host, how many ranks the host has */
    int node;             /* hosts that have an earlier rank than this host's first */
};

static struct place place_of(const char *hosts, int size, int rank)
{
    struct place p = {0};
    int first = rank;
    for (int other = size - 1; other >= 0; other--)
        if (same_host(hosts, other, rank)) {
            p.in_node += other < rank;
            p.of_node++;
            first = other;
        }
    for (int other = 0; other < first; other++) {
        int earlier = 0;
        while (!same_host(hosts, earlier, other))
            earlier++;
        p.node += earlier == other;
    }
    return p;
}

void comm_find_groups(struct comm *c, const char *hosts)
{
    struct place mine = place_of(hosts, c->size, c->rank);
    bool even = true;
    for (int rank = 0; rank < c->size; rank++)
        even = even && place_of(hosts, c->size, rank).of_node == mine.of_node;
    c->group_rank[COMM_WORLD] = c->rank;
    c->group_size[COMM_WORLD] = c->size;
    c->group_rank[COMM_NODE] = even ? mine.in_node : 0;
    c->group_size[COMM_NODE] = even ? mine.of_node : 1;
    c->group_rank[COMM_ACROSS] = even ? mine.node : 0;
    c->group_size[COMM_ACROSS] = even ? c->size / mine.of_node : 1;
}

#define TEXT_SIZE SFT_ERROR_SIZE

/* The first text that is not empty, and how many failed besides. */
static int agree_report(const char *all, int size, double failures, struct sft_error *err)
{
    const char *first = all;
    while (*first == '\0' && first < all + (size_t)(size - 1) * TEXT_SIZE)
        first += TEXT_SIZE;
    if (failures > 1)
        return sft_error_set(err, "%s, and %.0f more ranks", first, failures - 1);
    return sft_error_set(err, "%s", first);
}

int comm_agree(struct comm *c, const char *host, int failed, struct sft_error *err)
{
    double failures = failed ? 1 : 0;
    if (c->sum_double(c, &failures, 1, err) < 0)
        return -1;
    if (failures == 0)
        return 0;
    char mine[TEXT_SIZE] = "";
    char *all = calloc((size_t)c->size, TEXT_SIZE);
    if (failed && c->size > 1)
        snprintf(mine, sizeof mine, "%.900s (rank %d on %.80s)", err->text, c->rank, host);
    else if (failed)
        snprintf(mine, sizeof mine, "%s", err->text);
    if (all != NULL && c->gather_text(c, mine, TEXT_SIZE, all, err) == 0)
        (void)(c->rank == 0 ? agree_report(all, c->size, failures, err)
                            : sft_error_set(err, "%s", ""));
    free(all);
    return -1;
}
