/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/bootstrap.h"

#include <pmix.h>
#include <stdio.h>
#include <string.h>

/* A number that the server gives about the whole job (rank wildcard) or about this rank. */
static int value_get(const pmix_proc_t *proc, const char *key, int *number, struct sft_error *err)
{
    pmix_value_t *value = NULL;
    pmix_status_t status = PMIx_Get(proc, key, NULL, 0, &value);
    if (status != PMIX_SUCCESS)
        return sft_error_set(err, "PMIx server does not say %s: %s", key, PMIx_Error_string(status));
    int result = 0;
    if (value->type == PMIX_UINT32)
        *number = (int)value->data.uint32;
    else if (value->type == PMIX_UINT16)
        *number = value->data.uint16;
    else if (value->type == PMIX_PROC_RANK)
        *number = (int)value->data.rank;
    else
        result = sft_error_set(err, "PMIx server gives %s as a type %d", key, value->type);
    PMIX_VALUE_RELEASE(value);
    return result;
}

int bootstrap_start_pmix(struct bootstrap *bootstrap, struct sft_error *err)
{
    pmix_proc_t self, job;
    pmix_status_t status = PMIx_Init(&self, NULL, 0);
    if (status != PMIX_SUCCESS)
        return sft_error_set(err,
                             "the PMIx server of this step does not answer (%s): is srun's "
                             "--mpi=pmix built for this PMIx?",
                             PMIx_Error_string(status));
    bootstrap->name = "pmix";
    bootstrap->rank = (int)self.rank;
    PMIX_PROC_CONSTRUCT(&job);
    snprintf(job.nspace, sizeof job.nspace, "%s", self.nspace);
    job.rank = PMIX_RANK_WILDCARD;
    /* "OpenPMIx 4.2.2rc2 (...)": the two first words */
    snprintf(bootstrap->version, sizeof bootstrap->version, "%.*s", 32, PMIx_Get_version());
    size_t end = strcspn(bootstrap->version, ",(\n");
    while (end > 0 && bootstrap->version[end - 1] == ' ')
        end--;
    bootstrap->version[end] = '\0';
    if (value_get(&job, PMIX_JOB_SIZE, &bootstrap->size, err) < 0
        || value_get(&self, PMIX_LOCAL_RANK, &bootstrap->local_rank, err) < 0
        || value_get(&job, PMIX_LOCAL_SIZE, &bootstrap->local_size, err) < 0) {
        PMIx_Finalize(NULL, 0);
        return -1;
    }
    return 0;
}

void bootstrap_stop_pmix(void)
{
    PMIx_Finalize(NULL, 0);
}

void bootstrap_abort_pmix(int status)
{
    PMIx_Abort(status, "sft-bench-job failed", NULL, 0);
}
