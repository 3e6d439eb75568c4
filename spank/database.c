/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/database.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurmdb.h>

#include "spank/settings.h"
#include "spank/slurm_compat.h"

#define DATABASE_TEXT 65536

/* One job, of its runs the last. */
static void database_condition(const struct spooled *spooled, slurmdb_job_cond_t *condition,
                               slurm_selected_step_t *job)
{
    memset(job, 0, sizeof *job);
    job->array_task_id = job->het_job_offset = NO_VAL;
    job->step_id.job_id = spooled->job_id;
    job->step_id.step_id = job->step_id.step_het_comp = NO_VAL;
    memset(condition, 0, sizeof *condition);
    condition->db_flags = SLURMDB_JOB_FLAG_NOTSET;
    condition->flags = JOBCOND_FLAG_NO_STEP | JOBCOND_FLAG_NO_DEFAULT_USAGE;
    condition->cluster_list = slurm_list_create(NULL);
    slurm_list_append(condition->cluster_list, (void *)(uintptr_t)spooled->cluster);
    condition->step_list = slurm_list_create(NULL);
    slurm_list_append(condition->step_list, job);
}

static void database_condition_free(slurmdb_job_cond_t *condition)
{
    slurm_list_destroy(condition->cluster_list);
    slurm_list_destroy(condition->step_list);
}

struct database_texts {
    char admin[DATABASE_TEXT], comment[SFT_RECORD_COMMENT + 1];
};

/* The change that the record is to what stands there. Returns whether there is one. */
static bool database_change(const slurmdb_job_rec_t *job, const struct spooled *spooled,
                            const struct sft_record *record, struct database_texts *texts,
                            slurmdb_job_rec_t *change)
{
    memset(change, 0, sizeof *change);
    change->derived_ec = NO_VAL;
    if (sft_record_merge(job->admin_comment, record, texts->admin, sizeof texts->admin, NULL) ==
            0 &&
        (job->admin_comment == NULL || strcmp(job->admin_comment, texts->admin) != 0))
        change->admin_comment = texts->admin;
    if (spooled->comment && settings_job_comment() &&
        sft_record_merge(job->derived_es, record, texts->comment, sizeof texts->comment, NULL) ==
            0 &&
        (job->derived_es == NULL || strcmp(job->derived_es, texts->comment) != 0))
        change->derived_es = texts->comment;
    return change->admin_comment != NULL || change->derived_es != NULL;
}

static enum database_result database_modify(void *connection, slurmdb_job_cond_t *condition,
                                            slurmdb_job_rec_t *change, struct sft_error *err)
{
    compat_list done = slurmdb_job_modify(connection, condition, change);
    if (done == NULL) {
        sft_error_set(err, "slurmdbd: %s", slurm_strerror(errno));
        return DATABASE_SILENT;
    }
    slurm_list_destroy(done);
    if (slurmdb_connection_commit(connection, true) == SLURM_SUCCESS)
        return DATABASE_WRITTEN;
    sft_error_set(err, "slurmdbd: %s", slurm_strerror(errno));
    return DATABASE_SILENT;
}

static enum database_result database_job(void *connection, slurmdb_job_cond_t *condition,
                                         const slurmdb_job_rec_t *job,
                                         const struct spooled *spooled,
                                         const struct sft_record *record, bool forgotten,
                                         struct sft_error *err)
{
    slurmdb_job_rec_t change;
    if (job == NULL || job->submit > spooled->time)
        return DATABASE_OTHER;
    if (job->end == 0 && !forgotten)
        return DATABASE_RUNS;
    struct database_texts *texts = malloc(sizeof *texts);
    if (texts == NULL) {
        sft_error_set(err, "out of memory");
        return DATABASE_SILENT;
    }
    enum database_result result = database_change(job, spooled, record, texts, &change)
                                      ? database_modify(connection, condition, &change, err)
                                  : job->end == 0 ? DATABASE_ENDLESS
                                                  : DATABASE_STANDS;
    free(texts);
    return result;
}

enum database_result database_put(const struct spooled *spooled, const struct sft_record *record,
                                  bool forgotten, struct sft_error *err)
{
    slurmdb_job_cond_t condition;
    slurm_selected_step_t job;
    enum database_result result = DATABASE_SILENT;
    uint16_t flags = 0;
    void *connection = slurmdb_connection_get(&flags);
    database_condition(spooled, &condition, &job);
    compat_list jobs = slurmdb_jobs_get(connection, &condition);
    if (jobs == NULL) {
        sft_error_set(err, "slurmdbd: %s", slurm_strerror(errno));
    } else {
        compat_list_iterator each = slurm_list_iterator_create(jobs);
        result = database_job(connection, &condition, slurm_list_next(each), spooled, record,
                              forgotten, err);
        slurm_list_iterator_destroy(each);
        slurm_list_destroy(jobs);
    }
    database_condition_free(&condition);
    slurmdb_connection_close(&connection);
    return result;
}
