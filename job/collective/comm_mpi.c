/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/collective/comm.h"

#include <limits.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are int; larger arrays go in pieces. */
#define PIECE ((size_t)1 << 28)

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

static int mpi_sum(struct comm *c, MPI_Comm group, void *values, size_t count, MPI_Datatype type,
                   size_t size, struct sft_error *err)
{
    for (size_t done = 0; done < count; done += PIECE) {
        size_t piece = count - done < PIECE ? count - done : PIECE;
        watchdog_enter(c->watchdog,
                       type == MPI_FLOAT ? "all-reduce of floats" : "all-reduce of doubles");
        int status = MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * size, (int)piece, type,
                                   MPI_SUM, group);
        watchdog_leave(c->watchdog);
        if (mpi_check(c, status, "all-reduce", err) < 0)
            return -1;
    }
    return 0;
}

static int mpi_sum_double(struct comm *c, double *values, size_t count, struct sft_error *err)
{
    return mpi_sum(c, MPI_COMM_WORLD, values, count, MPI_DOUBLE, sizeof *values, err);
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

static int mpi_attach(struct comm *c, struct device *device, struct sft_error *err)
{
    (void)c;
    if (device->format == FORMAT_FP32 && device->queue(device, LANE_COMPUTE) == NULL)
        return 0;
    return sft_error_set(err, "MPI sums floats in host memory, not %s of the %s backend",
                         format_traits[device->format].name, device->name);
}

static void mpi_enroll(struct comm *c, void *memory, size_t bytes)
{
    (void)c, (void)memory, (void)bytes;
}

static void mpi_dismiss(struct comm *c, void *memory)
{
    (void)c, (void)memory;
}

static int mpi_all_reduce(struct comm *c, enum comm_group group, void *values, size_t count,
                          const char *what, struct sft_error *err)
{
    (void)what;
    return mpi_sum(c, mpi_group(c, group), values, count, MPI_FLOAT, sizeof(float), err);
}

static int mpi_sum_norm(struct comm *c, double *value, struct sft_error *err)
{
    return mpi_sum_double(c, value, 1, err);
}

/* In place MPI leaves the sum in the first part; it belongs into the member's own. */
static int mpi_reduce_scatter(struct comm *c, enum comm_group group, void *values, size_t count,
                              void *to, const char *what, struct sft_error *err)
{
    float *all = values, *own = all + (size_t)c->group_rank[group] * count;
    bool inside = to == own;
    if (mpi_count(count, what, err) < 0)
        return -1;
    watchdog_enter(c->watchdog, what);
    int status = MPI_Reduce_scatter_block(inside ? MPI_IN_PLACE : values, inside ? values : to,
                                          (int)count, MPI_FLOAT, MPI_SUM, mpi_group(c, group));
    watchdog_leave(c->watchdog);
    if (mpi_check(c, status, what, err) < 0)
        return -1;
    if (inside && own != all)
        memmove(own, all, count * sizeof *all);
    return 0;
}

static int mpi_all_gather(struct comm *c, enum comm_group group, const void *from, size_t count,
                          void *to, const char *what, struct sft_error *err)
{
    float *all = to;
    bool inside = from == all + (size_t)c->group_rank[group] * count;
    if (mpi_count(count, what, err) < 0)
        return -1;
    watchdog_enter(c->watchdog, what);
    int status = MPI_Allgather(inside ? MPI_IN_PLACE : from, (int)count, MPI_FLOAT, to, (int)count,
                               MPI_FLOAT, mpi_group(c, group));
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, what, err);
}

static int mpi_gather_double(struct comm *c, const double *values, size_t count, double *all,
                             struct sft_error *err)
{
    watchdog_enter(c->watchdog, "gather of doubles");
    int status =
        MPI_Gather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    watchdog_leave(c->watchdog);
    return mpi_check(c, status, "gather", err);
}

static int mpi_gather_text(struct comm *c, const char *text, size_t size, char *all,
                           struct sft_error *err)
{
    watchdog_enter(c->watchdog, "gather of texts");
    int status = MPI_Gather(text, (int)size, MPI_CHAR, all, (int)size, MPI_CHAR, 0, MPI_COMM_WORLD);
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

/* Node and across by the bootstrap's host names, which on private clusters differ on one machine.
 * They go through the bootstrap because nobody may send by MPI yet: under Slurm 22.05 Open MPI
 * leaves MPI_Init on one rank while another is still inside, where an early message finds no
 * handler (a call to NULL in about one run of fifty). Names of all ranks, each sent after its
 * MPI_Init, say that all have left it. */
static int mpi_make_groups(struct comm *c, struct bootstrap *bootstrap, struct sft_error *err)
{
    struct mpi *mpi = c->state;
    char mine[COMM_HOST] = "";
    int status = MPI_SUCCESS;
    char *hosts = calloc((size_t)c->size, COMM_HOST);
    if (hosts == NULL)
        return sft_error_set(err, "no memory for the names of %d hosts", c->size);
    snprintf(mine, sizeof mine, "%s", bootstrap->host);
    int failed = bootstrap_exchange(bootstrap, mine, sizeof mine, hosts, err);
    if (failed == 0)
        comm_find_groups(c, hosts);
    free(hosts);
    if (failed != 0)
        return -1;
    /* the members of one group are named by its first: a node's by one number across, and reverse
     */
    for (int group = COMM_NODE; group < COMM_GROUPS && status == MPI_SUCCESS; group++) {
        int other = group == COMM_NODE ? COMM_ACROSS : COMM_NODE;
        bool single = c->group_size[group] == 1;
        status = MPI_Comm_split(MPI_COMM_WORLD, single ? MPI_UNDEFINED : c->group_rank[other],
                                c->group_rank[group], &mpi->groups[group]);
        if (status == MPI_SUCCESS && single)
            status = MPI_Comm_dup(MPI_COMM_SELF, &mpi->groups[group]);
        if (status == MPI_SUCCESS)
            MPI_Comm_set_errhandler(mpi->groups[group], MPI_ERRORS_RETURN);
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
    *mpi = (struct mpi){{MPI_COMM_WORLD, MPI_COMM_NULL, MPI_COMM_NULL}};
    *c = (struct comm){
        .name = "mpi",
        .state = mpi,
        .destroy = mpi_destroy,
        .attach = mpi_attach,
        .enroll = mpi_enroll,
        .dismiss = mpi_dismiss,
        .all_reduce = mpi_all_reduce,
        .sum_norm = mpi_sum_norm,
        .sum_double = mpi_sum_double,
        .reduce_scatter = mpi_reduce_scatter,
        .all_gather = mpi_all_gather,
        .gather_double = mpi_gather_double,
        .gather_text = mpi_gather_text,
        .barrier = mpi_barrier,
    };
    return c;
}

/* "Open MPI v4.1.4" */
static void mpi_describe(struct comm *c)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0, most = (int)sizeof c->version - 1;
    MPI_Get_library_version(all, &length);
    int end = (int)strcspn(all, ",\n");
    snprintf(c->version, sizeof c->version, "%.*s", end < most ? end : most, all);
}

struct comm *comm_create_mpi(struct bootstrap *bootstrap, struct sft_error *err)
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
    mpi_describe(c);
    return c;
}
