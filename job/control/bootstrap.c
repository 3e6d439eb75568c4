/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/control/bootstrap.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ABORT_SECONDS 2 /* for the PMIx server to end the step before we end alone */

/* Slurm's name of the node where there is one: several slurmd may share a host. */
static void bootstrap_host(struct bootstrap *bootstrap)
{
    const char *node = getenv("SLURMD_NODENAME");
    if (node != NULL && node[0] != '\0')
        snprintf(bootstrap->host, sizeof bootstrap->host, "%s", node);
    else if (gethostname(bootstrap->host, sizeof bootstrap->host) < 0)
        strcpy(bootstrap->host, "unknown");
    bootstrap->host[sizeof bootstrap->host - 1] = '\0';
}

int bootstrap_rank_told(void)
{
    const char *rank = getenv("PMIX_RANK");
    if (rank == NULL)
        rank = getenv("SLURM_PROCID");
    return rank == NULL ? 0 : atoi(rank);
}

int bootstrap_start_single(struct bootstrap *bootstrap, struct sft_error *err)
{
    const char *tasks = getenv("SLURM_NTASKS"), *step = getenv("SLURM_STEP_ID");
    if (step != NULL && tasks != NULL && atoi(tasks) > 1 && getenv("SLURM_PROCID") != NULL)
        return sft_error_set(err, "srun started %.16s tasks without PMIx: add --mpi=pmix", tasks);
    bootstrap->name = "single";
    bootstrap->size = bootstrap->local_size = 1;
    return 0;
}

#ifndef HAVE_PMIX
int bootstrap_start_pmix(struct bootstrap *bootstrap, struct sft_error *err)
{
    (void)bootstrap;
    return sft_error_set(err,
                         "started by a PMIx server, but built without PMIx: install libpmix-dev, "
                         "configure and build again");
}

int bootstrap_exchange_pmix(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                            struct sft_error *err)
{
    (void)mine, (void)bytes, (void)all;
    return sft_error_set(err, "%d ranks, but built without PMIx", bootstrap->size);
}

void bootstrap_stop_pmix(void)
{
}

void bootstrap_abort_pmix(int status)
{
    (void)status;
}
#endif

int bootstrap_start(struct bootstrap *bootstrap, struct sft_error *err)
{
    memset(bootstrap, 0, sizeof *bootstrap);
    bootstrap_host(bootstrap);
    if (getenv("PMIX_RANK") != NULL && getenv("PMIX_NAMESPACE") != NULL)
        return bootstrap_start_pmix(bootstrap, err);
    return bootstrap_start_single(bootstrap, err);
}

static int bootstrap_is_pmix(const struct bootstrap *bootstrap)
{
    return bootstrap->name != NULL && strcmp(bootstrap->name, "pmix") == 0;
}

void bootstrap_stop(struct bootstrap *bootstrap)
{
    if (bootstrap_is_pmix(bootstrap))
        bootstrap_stop_pmix();
    bootstrap->name = NULL;
}

static volatile sig_atomic_t abort_status;

static void abort_now(int number)
{
    (void)number;
    _exit(abort_status);
}

void bootstrap_abort_within(int status, unsigned int seconds)
{
    struct sigaction action = {.sa_handler = abort_now};
    sigset_t alarm_only;
    abort_status = status;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(seconds);
}

void bootstrap_abort(struct bootstrap *bootstrap, int status)
{
    bootstrap_abort_within(status, ABORT_SECONDS);
    fflush(NULL);
    if (bootstrap_is_pmix(bootstrap))
        bootstrap_abort_pmix(status);
    _exit(status);
}
