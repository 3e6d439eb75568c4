/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef HAVE_MPI
struct comm *comm_create_mpi(const struct bootstrap *bootstrap, struct sft_error *err)
{
    sft_error_set(err,
                  "%d ranks, but built without MPI: install libopenmpi-dev, configure and build "
                  "again, or run one rank",
                  bootstrap->size);
    return NULL;
}

void comm_mpi_version(char *text, size_t size)
{
    snprintf(text, size, "none");
}
#endif

struct comm *comm_create(const struct bootstrap *bootstrap, struct sft_error *err)
{
    return bootstrap->size == 1 ? comm_create_self(err) : comm_create_mpi(bootstrap, err);
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
