/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives of host memory, where the CPU computes. */
#include "config.h"

#include "job/collective/collective.h"

#include <dlfcn.h>
#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are int; larger arrays go in pieces. */
#define PIECE ((size_t)1 << 28)

struct mpi {
    struct control *control;
    MPI_Comm groups[COLLECTIVE_GROUPS];
};

static int mpi_check(const struct collective *c, int status, const char *what,
                     struct sft_error *err)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (status == MPI_SUCCESS)
        return 0;
    MPI_Error_string(status, text, &length);
    return sft_error_set(err, "%s on rank %d of %d: %.*s", what, c->group_rank[COLLECTIVE_WORLD],
                         c->group_size[COLLECTIVE_WORLD], length, text);
}

/* A call as MPI knows it. */
struct mpi_call {
    MPI_Comm group;
    MPI_Datatype type;
    MPI_Op operation;
    size_t bytes; /* of `count` elements */
};

static int all_reduce(const struct mpi_call *m, const struct collective_call *call)
{
    int status = MPI_SUCCESS;
    size_t size = collective_type_size(call->type);
    for (size_t done = 0; done < call->count && status == MPI_SUCCESS; done += PIECE) {
        size_t piece = call->count - done < PIECE ? call->count - done : PIECE;
        status = MPI_Allreduce(MPI_IN_PLACE, (char *)call->to + done * size, (int)piece, m->type,
                               m->operation, m->group);
    }
    return status;
}

/* In place MPI leaves the sum in the first part; it belongs into the member's own. */
static int reduce_scatter(const struct mpi_call *m, const struct collective_call *call, int member)
{
    char *all = call->from, *own = all + (size_t)member * m->bytes;
    bool inside = call->to == own;
    int status = MPI_Reduce_scatter_block(inside ? MPI_IN_PLACE : all, inside ? all : call->to,
                                          (int)call->count, m->type, m->operation, m->group);
    if (status == MPI_SUCCESS && inside && own != all)
        memmove(own, all, m->bytes);
    return status;
}

static int all_gather(const struct mpi_call *m, const struct collective_call *call, int member)
{
    bool inside = call->from == (char *)call->to + (size_t)member * m->bytes;
    return MPI_Allgather(inside ? MPI_IN_PLACE : call->from, (int)call->count, m->type, call->to,
                         (int)call->count, m->type, m->group);
}

static const char *call_name(const struct collective_call *call)
{
    if (call->kind != COLLECTIVE_ALL_REDUCE)
        return call->what;
    switch (call->type) {
    case COLLECTIVE_FP32:
        return "all-reduce of floats";
    case COLLECTIVE_FP64:
        return "all-reduce of doubles";
    default:
        return call->what;
    }
}

static int call_run(const struct mpi_call *m, const struct collective_call *call, int member)
{
    switch (call->kind) {
    case COLLECTIVE_ALL_REDUCE:
        return all_reduce(m, call);
    case COLLECTIVE_REDUCE_SCATTER:
        return reduce_scatter(m, call, member);
    case COLLECTIVE_ALL_GATHER:
        break;
    }
    return all_gather(m, call, member);
}

static int mpi_run(struct collective *c, struct device *device, const struct collective_call *call,
                   struct sft_error *err)
{
    const struct mpi *mpi = c->state;
    const MPI_Datatype types[COLLECTIVE_TYPES] = {MPI_FLOAT, MPI_DATATYPE_NULL, MPI_DOUBLE,
                                                  MPI_UINT32_T, MPI_UINT8_T};
    struct mpi_call m = {mpi->groups[call->group], types[call->type],
                         call->reduction == COLLECTIVE_MAX ? MPI_MAX : MPI_SUM,
                         call->count * collective_type_size(call->type)};
    int member = c->group_rank[call->group];
    if (call->type == COLLECTIVE_BF16 || device->queue(device, LANE_COMPUTE) != NULL)
        return sft_error_set(
            err,
            "%s: MPI knows fp32, fp64 and whole numbers in host memory, not %s of the %s "
            "backend",
            call->what, format_traits[device->format].name, device->name);
    if (call->kind != COLLECTIVE_ALL_REDUCE && call->count > INT_MAX)
        return sft_error_set(err, "%s of %zu elements a rank: MPI counts to %d", call->what,
                             call->count, INT_MAX);
    watchdog_enter(mpi->control->watchdog, call_name(call));
    int status = call_run(&m, call, member);
    watchdog_leave(mpi->control->watchdog);
    return mpi_check(c, status, call->what, err);
}

static int mpi_destroy(struct collective *c, struct sft_error *err)
{
    (void)err;
    struct mpi *mpi = c->state;
    struct watchdog *watchdog = mpi->control->watchdog;
    watchdog_enter(watchdog, "end of MPI");
    for (int group = COLLECTIVE_NODE; group < COLLECTIVE_GROUPS; group++)
        if (mpi->groups[group] != MPI_COMM_NULL)
            MPI_Comm_free(&mpi->groups[group]);
    free(mpi);
    free(c);
    MPI_Finalize();
    watchdog_leave(watchdog);
    return 0;
}

/* Node and across by control's host names, which on private clusters differ on one machine. Nobody
 * may send by MPI before all have left MPI_Init: under Slurm 22.05 Open MPI leaves it on one rank
 * while another is still inside, where an early message finds no handler (a call to NULL in about
 * one run of fifty). */
static int mpi_make_groups(struct collective *c, struct sft_error *err)
{
    struct mpi *mpi = c->state;
    int status = MPI_SUCCESS;
    if (control_barrier(mpi->control, err) < 0)
        return -1;
    /* the members of one group are named by its first: a node's by one number across, and reverse
     */
    watchdog_enter(mpi->control->watchdog, "groups of ranks");
    for (int group = COLLECTIVE_NODE; group < COLLECTIVE_GROUPS && status == MPI_SUCCESS; group++) {
        int other = group == COLLECTIVE_NODE ? COLLECTIVE_ACROSS : COLLECTIVE_NODE;
        bool single = c->group_size[group] == 1;
        status = MPI_Comm_split(MPI_COMM_WORLD, single ? MPI_UNDEFINED : c->group_rank[other],
                                c->group_rank[group], &mpi->groups[group]);
        if (status == MPI_SUCCESS && single)
            status = MPI_Comm_dup(MPI_COMM_SELF, &mpi->groups[group]);
        if (status == MPI_SUCCESS)
            MPI_Comm_set_errhandler(mpi->groups[group], MPI_ERRORS_RETURN);
    }
    watchdog_leave(mpi->control->watchdog);
    return mpi_check(c, status, "groups of ranks", err);
}

static struct collective *mpi_new(struct control *control, struct sft_error *err)
{
    struct collective *c = malloc(sizeof *c);
    struct mpi *mpi = malloc(sizeof *mpi);
    if (c == NULL || mpi == NULL) {
        sft_error_set(err, "no memory for collectives");
        free(c);
        free(mpi);
        return NULL;
    }
    *mpi = (struct mpi){control, {MPI_COMM_WORLD, MPI_COMM_WORLD, MPI_COMM_NULL, MPI_COMM_NULL}};
    *c = (struct collective){.name = "mpi", .state = mpi, .destroy = mpi_destroy, .run = mpi_run};
    collective_find_groups(c, control);
    return c;
}

/* "Open MPI v4.1.4" */
void collective_mpi_version(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0, most = (int)size - 1;
    MPI_Get_library_version(all, &length);
    int end = (int)strcspn(all, ",\n");
    snprintf(text, size, "%.*s", end < most ? end : most, all);
}

static int mpi_check_world(const struct control *control, struct sft_error *err)
{
    int rank = -1, size = 0;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == control->rank && size == control->size)
        return 0;
    return sft_error_set(
        err, "MPI says rank %d of %d, pmix says rank %d of %d: was MPI built for this PMIx?", rank,
        size, control->rank, control->size);
}

static atomic_bool mpi_begins;

#ifdef HAVE_PMIX
/* Open MPI 4 and 5 have one name for their library, so this stands whichever we were built with;
 * 4's MPI_Init does not ask. Open MPI 5's MPI_Init leaves PMIx_Init out where this says that PMIx
 * runs, as it does for control, and PMIx_Init is what tells it who it is: it fails then. PMIx
 * counts its starts, so while MPI begins this answers no in PMIx's place. To start MPI first would
 * be the other way: but then ranks that cannot all use MPI would wait in it, and none could say
 * why. */
int PMIx_Initialized(void) __attribute__((visibility("default")));
int PMIx_Initialized(void)
{
    int (*really)(void);
    if (mpi_begins)
        return 0;
    *(void **)&really = dlsym(RTLD_NEXT, "PMIx_Initialized");
    return really != NULL && really();
}
#endif

static int mpi_begin(void)
{
    int provided;
    mpi_begins = true;
    int status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    mpi_begins = false;
    return status;
}

struct collective *collective_create_mpi(struct control *control, struct sft_error *err)
{
    struct collective *c = mpi_new(control, err);
    if (c == NULL)
        return NULL;
    /* A write to a rank that is gone is MPI's to see, and the watchdog's to name: it must not end
     * this rank. */
    signal(SIGPIPE, SIG_IGN);
    watchdog_enter(control->watchdog, "start of MPI");
    int status = mpi_begin();
    watchdog_leave(control->watchdog);
    if (status != MPI_SUCCESS) {
        sft_error_set(err, "MPI does not start (error %d)", status);
        free(c->state);
        free(c);
        return NULL;
    }
    if (mpi_check_world(control, err) == 0 && mpi_make_groups(c, err) == 0) {
        collective_mpi_version(c->version, sizeof c->version);
        return c;
    }
    free(c->state); /* without MPI's end, which would wait for ranks that may be gone */
    free(c);
    return NULL;
}
