/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/comm.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are int; larger arrays go in pieces. */
#define PIECE ((size_t)1 << 28)
#define HOST_SIZE 256

struct mpi {
    MPI_Comm groups[COMM_GROUPS];
};

static int mpi_check(const struct comm *c, int status, const char *what, struct sft_error *err)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (status == MPI_SUCCESS)
        return 0;
    MPI_Error_string(status, text, &length);
    return sft_error_set(err, "%s on rank %d of %d: %.*s", what, c->rank, c->size, length, text);
}

static int mpi_sum(struct comm *c, void *values, size_t count, MPI_Datatype type, size_t size,
                   struct sft_error *err)
{
    for (size_t done = 0; done < count; done += PIECE) {
        size_t piece = count - done < PIECE ? count - done : PIECE;
        watchdog_enter(c->watchdog, type == MPI_FLOAT ? "all-reduce of floats" : "all-reduce of doubles");
        int status = MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * size, (int)piece, type,
                                   MPI_SUM, MPI_COMM_WORLD);
        watchdog_leave(c->watchdog);
        if (mpi_check(c, status, "all-reduce", err) < 0)
            return -1;
    }
    return 0;
}

static int mpi_sum_float(struct comm *c, float *values, size_t count, struct sft_error *err)
{
    return mpi_sum(c, values, count, MPI_FLOAT, sizeof *values, err);
}

static int mpi_sum_double(struct comm *c, double *values, size_t count, struct sft_error *err)
{
    return mpi_sum(c, values, count, MPI_DOUBLE, sizeof *values, err);
}

static MPI_Comm mpi_group(const struct comm *c, enum comm_group group)
{
    return ((const struct mpi *)c->state)->groups[group];
}

static int mpi_count(size_t count, const char *what, struct sft_error *err)
{
    if (count <= INT_MAX)
        return 0;
    return sft_error_set(err, "%s of %zu elements a rank: MPI counts to %d", what, count, INT_MAX);
}

/* MPI leaves the sum in the first part; it belongs into the member's own. */
static int mpi_reduce_scatter(struct comm *c, enum comm_group group, float *values, size_t count,
                              struct sft_error *err)
{
    if (mpi_count(count, "reduce-scatter", err) < 0)
        return -1;
    watchdog_enter(c->watchdog, "reduce-scatter");
    int status = MPI_Reduce_scatter_block(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM,
                                          mpi_group(c, group));
    watchdog_leave(c->watchdog);
    if (mpi_check(c, status, "reduce-scatter", err) < 0)
        return -1;
    memmove(values + (size_t)c->group_rank[group] * count, values, count * sizeof *values);
    return 0;
}

static int mpi_all_gather(struct comm *c, enum comm_group group, void *values, size_t bytes,
                          struct sft_error *err)
{
    if (mpi_count(bytes, "all-gather", err) < 0)
        return -1;
    watchdog_enter(c->watchdog, "all-gather");
    int status = MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, (int)bytes, MPI_BYTE,
                               mpi_group(c, group));
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, "all-gather", err);
}

static int mpi_gather_double(struct comm *c, const double *values, size_t count, double *all,
                             struct sft_error *err)
{
    watchdog_enter(c->watchdog, "gather of doubles");
    int status = MPI_Gather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0,
                            MPI_COMM_WORLD);
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, "gather", err);
}

static int mpi_gather_text(struct comm *c, const char *text, size_t size, char *all,
                           struct sft_error *err)
{
    watchdog_enter(c->watchdog, "gather of texts");
    int status = MPI_Gather(text, (int)size, MPI_CHAR, all, (int)size, MPI_CHAR, 0,
                            MPI_COMM_WORLD);
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, "gather", err);
}

static int mpi_barrier(struct comm *c, struct sft_error *err)
{
    watchdog_enter(c->watchdog, "barrier");
    int status = MPI_Barrier(MPI_COMM_WORLD);
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, "barrier", err);
}

static void mpi_destroy(struct comm *c)
{
    struct mpi *mpi = c->state;
    struct watchdog *watchdog = c->watchdog;
    watchdog_enter(watchdog, "end of MPI");
    for (int group = COMM_NODE; group < COMM_GROUPS; group++)
        if (mpi->groups[group] != MPI_COMM_NULL)
            MPI_Comm_free(&mpi->groups[group]);
    free(mpi);
    free(c);
    MPI_Finalize();
    watchdog_leave(watchdog);
}

/* The first rank with our host's name: one number for each node. */
static int mpi_node(const char *hosts, int size, const char *host)
{
    int rank = 0;
    while (rank < size - 1 && strcmp(hosts + (size_t)rank * HOST_SIZE, host) != 0)
        rank++;
    return rank;
}

/* Node and across by the bootstrap's host names, which on private clusters differ on one machine. */
static int mpi_make_groups(struct comm *c, const struct bootstrap *bootstrap, struct sft_error *err)
{
    struct mpi *mpi = c->state;
    char mine[HOST_SIZE] = "";
    char *hosts = calloc((size_t)c->size, HOST_SIZE);
    if (hosts == NULL)
        return sft_error_set(err, "no memory for the names of %d hosts", c->size);
    snprintf(mine, sizeof mine, "%s", bootstrap->host);
    int status = MPI_Allgather(mine, HOST_SIZE, MPI_CHAR, hosts, HOST_SIZE, MPI_CHAR,
                               MPI_COMM_WORLD);
    int node = mpi_node(hosts, c->size, mine), uneven = 0, place = 0;
    free(hosts);
    if (status == MPI_SUCCESS)
        status = MPI_Comm_split(MPI_COMM_WORLD, node, c->rank, &mpi->groups[COMM_NODE]);
    if (status == MPI_SUCCESS) {
        int most = 0, least = 0, size = 0;
        MPI_Comm_size(mpi->groups[COMM_NODE], &size);
        MPI_Comm_rank(mpi->groups[COMM_NODE], &place);
        MPI_Allreduce(&size, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        MPI_Allreduce(&size, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        uneven = most != least;
    }
    if (status == MPI_SUCCESS && uneven) {
        MPI_Comm_free(&mpi->groups[COMM_NODE]);
        status = MPI_Comm_split(MPI_COMM_WORLD, c->rank, 0, &mpi->groups[COMM_NODE]);
        place = c->rank;
    }
    if (status == MPI_SUCCESS)
        status = MPI_Comm_split(MPI_COMM_WORLD, place, c->rank, &mpi->groups[COMM_ACROSS]);
    for (int group = COMM_WORLD; group < COMM_GROUPS && status == MPI_SUCCESS; group++) {
        MPI_Comm_set_errhandler(mpi->groups[group], MPI_ERRORS_RETURN);
        MPI_Comm_rank(mpi->groups[group], &c->group_rank[group]);
        MPI_Comm_size(mpi->groups[group], &c->group_size[group]);
    }
    return mpi_check(c, status, "groups of ranks", err);
}

static struct comm *mpi_new(struct sft_error *err)
{
    struct comm *c = malloc(sizeof *c);
    struct mpi *mpi = malloc(sizeof *mpi);
    if (c == NULL || mpi == NULL) {
        sft_error_set(err, "no memory for a communicator");
        free(c);
        free(mpi);
        return NULL;
    }
    *mpi = (struct mpi) { { MPI_COMM_WORLD, MPI_COMM_NULL, MPI_COMM_NULL } };
    *c = (struct comm) {
        .name = "mpi",
        .state = mpi,
        .destroy = mpi_destroy,
        .sum_float = mpi_sum_float,
        .sum_double = mpi_sum_double,
        .reduce_scatter = mpi_reduce_scatter,
        .all_gather = mpi_all_gather,
        .gather_double = mpi_gather_double,
        .gather_text = mpi_gather_text,
        .barrier = mpi_barrier,
    };
    return c;
}

struct comm *comm_create_mpi(const struct bootstrap *bootstrap, struct sft_error *err)
{
    struct comm *c = mpi_new(err);
    if (c == NULL)
        return NULL;
    int provided, status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (status != MPI_SUCCESS) {
        sft_error_set(err, "MPI does not start (error %d)", status);
        free(c->state);
        free(c);
        return NULL;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &c->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c->size);
    if (c->rank != bootstrap->rank || c->size != bootstrap->size) {
        sft_error_set(err,
                      "MPI says rank %d of %d, %s says rank %d of %d: was MPI built for this PMIx?",
                      c->rank, c->size, bootstrap->name, bootstrap->rank, bootstrap->size);
        mpi_destroy(c);
        return NULL;
    }
    if (mpi_make_groups(c, bootstrap, err) < 0) {
        mpi_destroy(c);
        return NULL;
    }
    return c;
}

void comm_mpi_version(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(all, &length);
    snprintf(text, size, "%.*s", (int)strcspn(all, ",\n"), all);
}
