/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/comm.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are int; larger arrays go in pieces. */
#define PIECE ((size_t)1 << 28)

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
        int status = MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * size, (int)piece, type,
                                   MPI_SUM, MPI_COMM_WORLD);
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

static int mpi_gather_double(struct comm *c, const double *values, size_t count, double *all,
                             struct sft_error *err)
{
    int status = MPI_Gather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0,
                            MPI_COMM_WORLD);
    return mpi_check(c, status, "gather", err);
}

static int mpi_gather_text(struct comm *c, const char *text, size_t size, char *all,
                           struct sft_error *err)
{
    int status = MPI_Gather(text, (int)size, MPI_CHAR, all, (int)size, MPI_CHAR, 0,
                            MPI_COMM_WORLD);
    return mpi_check(c, status, "gather", err);
}

static int mpi_barrier(struct comm *c, struct sft_error *err)
{
    return mpi_check(c, MPI_Barrier(MPI_COMM_WORLD), "barrier", err);
}

static void mpi_destroy(struct comm *c)
{
    free(c);
    MPI_Finalize();
}

struct comm *comm_create_mpi(const struct bootstrap *bootstrap, struct sft_error *err)
{
    struct comm *c = malloc(sizeof *c);
    if (c == NULL) {
        sft_error_set(err, "no memory for a communicator");
        return NULL;
    }
    *c = (struct comm) {
        .name = "mpi",
        .destroy = mpi_destroy,
        .sum_float = mpi_sum_float,
        .sum_double = mpi_sum_double,
        .gather_double = mpi_gather_double,
        .gather_text = mpi_gather_text,
        .barrier = mpi_barrier,
    };
    int provided, status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (status != MPI_SUCCESS) {
        sft_error_set(err, "MPI does not start (error %d)", status);
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
    return c;
}

void comm_mpi_version(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(all, &length);
    snprintf(text, size, "%.*s", (int)strcspn(all, ",\n"), all);
}
