/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/control/bootstrap.h"

#include <pmix.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number that the server gives about the whole job (rank wildcard) or about this rank. */
static int value_get(const pmix_proc_t *proc, const char *key, int *number, struct sft_error *err)
{
    pmix_value_t *value = NULL;
    pmix_status_t status = PMIx_Get(proc, key, NULL, 0, &value);
    if (status != PMIX_SUCCESS)
        return sft_error_set(err, "PMIx server does not say %s: %s", key,
                             PMIx_Error_string(status));
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
    snprintf(bootstrap->job, sizeof bootstrap->job, "%s", self.nspace);
    PMIX_PROC_CONSTRUCT(&job);
    snprintf(job.nspace, sizeof job.nspace, "%s", self.nspace);
    job.rank = PMIX_RANK_WILDCARD;
    /* "OpenPMIx 4.2.2rc2 (...)": the two first words */
    snprintf(bootstrap->version, sizeof bootstrap->version, "%.*s", 32, PMIx_Get_version());
    size_t end = strcspn(bootstrap->version, ",(\n");
    while (end > 0 && bootstrap->version[end - 1] == ' ')
        end--;
    bootstrap->version[end] = '\0';
    if (value_get(&job, PMIX_JOB_SIZE, &bootstrap->size, err) < 0 ||
        value_get(&self, PMIX_LOCAL_RANK, &bootstrap->local_rank, err) < 0 ||
        value_get(&job, PMIX_LOCAL_SIZE, &bootstrap->local_size, err) < 0) {
        PMIx_Finalize(NULL, 0);
        return -1;
    }
    return 0;
}

static int exchange_publish(const char *key, const void *mine, size_t bytes, struct sft_error *err)
{
    pmix_value_t value;
    pmix_info_t collect;
    bool yes = true;
    char *copy = malloc(bytes); /* the value's destructor frees it */
    if (copy == NULL)
        return sft_error_set(err, "no memory for %zu bytes to exchange", bytes);
    memcpy(copy, mine, bytes);
    PMIX_VALUE_CONSTRUCT(&value);
    value.type = PMIX_BYTE_OBJECT;
    value.data.bo.bytes = copy;
    value.data.bo.size = bytes;
    pmix_status_t status = PMIx_Put(PMIX_GLOBAL, key, &value);
    PMIX_VALUE_DESTRUCT(&value);
    if (status == PMIX_SUCCESS)
        status = PMIx_Commit();
    PMIX_INFO_LOAD(&collect, PMIX_COLLECT_DATA, &yes, PMIX_BOOL);
    if (status == PMIX_SUCCESS)
        status = PMIx_Fence(NULL, 0, &collect, 1);
    PMIX_INFO_DESTRUCT(&collect);
    if (status != PMIX_SUCCESS)
        return sft_error_set(err, "ranks cannot exchange through the PMIx server: %s",
                             PMIx_Error_string(status));
    return 0;
}

static int exchange_get(const pmix_proc_t *from, const char *key, size_t bytes, void *to,
                        struct sft_error *err)
{
    pmix_value_t *value = NULL;
    int result = 0;
    pmix_status_t status = PMIx_Get(from, key, NULL, 0, &value);
    if (status != PMIX_SUCCESS)
        return sft_error_set(err, "the PMIx server does not have what rank %u put there: %s",
                             from->rank, PMIx_Error_string(status));
    if (value->type == PMIX_BYTE_OBJECT && value->data.bo.size == bytes)
        memcpy(to, value->data.bo.bytes, bytes);
    else
        result = sft_error_set(err,
                               "the PMIx server gives something else than rank %u put there: do "
                               "all nodes have the same sft-bench-job?",
                               from->rank);
    PMIX_VALUE_RELEASE(value);
    return result;
}

int bootstrap_exchange_pmix(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                            struct sft_error *err)
{
    char key[PMIX_MAX_KEYLEN + 1];
    pmix_proc_t from;
    snprintf(key, sizeof key, "sft-bench.%d", bootstrap->exchanges++);
    if (exchange_publish(key, mine, bytes, err) < 0)
        return -1;
    PMIX_PROC_CONSTRUCT(&from);
    snprintf(from.nspace, sizeof from.nspace, "%s", bootstrap->job);
    for (int rank = 0; rank < bootstrap->size; rank++) {
        from.rank = (pmix_rank_t)rank;
        if (exchange_get(&from, key, bytes, (char *)all + (size_t)rank * bytes, err) < 0)
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
