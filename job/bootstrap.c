/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    return sft_error_set(err, "started by a PMIx server, but built without PMIx: install libpmix-dev, "
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

int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    if (bootstrap_is_pmix(bootstrap))
        return bootstrap_exchange_pmix(bootstrap, mine, bytes, all, err);
    memcpy(all, mine, bytes);
    return 0;
}

void bootstrap_stop(struct bootstrap *bootstrap)
{
    if (bootstrap_is_pmix(bootstrap))
        bootstrap_stop_pmix();
    bootstrap->name = NULL;
}

void bootstrap_abort(struct bootstrap *bootstrap, int status)
{
    fflush(NULL);
    if (bootstrap_is_pmix(bootstrap))
        bootstrap_abort_pmix(status);
    _exit(status);
}
