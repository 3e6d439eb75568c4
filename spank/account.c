/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spank/slurm_compat.h"

/* Bytes of all steps' full records in one job's admin comment; far under the accounting's column
 * and under a message's sensible size. */
#define ACCOUNT_ADMIN_MAX 32768

struct texts {
    char comment[SFT_RECORD_COMMENT + 1];
    char admin[ACCOUNT_ADMIN_MAX];
};

/* Set desc's comments to what they have to become; returns how many change. */
static int account_texts(const job_info_t *job, const struct sft_record *record, bool comment,
                         struct texts *texts, job_desc_msg_t *desc, struct sft_error *err)
{
    int changes = 0;
    if (sft_record_merge(job->admin_comment, record, texts->admin, sizeof texts->admin, err) == 0
        && (job->admin_comment == NULL || strcmp(job->admin_comment, texts->admin) != 0)) {
        desc->admin_comment = texts->admin;
        changes++;
    }
    if (comment
        && sft_record_merge(job->comment, record, texts->comment, sizeof texts->comment, err) == 0
        && (job->comment == NULL || strcmp(job->comment, texts->comment) != 0)) {
        desc->comment = texts->comment;
        changes++;
    }
    return changes;
}

static int account_update(uint32_t job_id, const struct sft_record *record, bool comment,
                          struct texts *texts, int *changes, struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    job_desc_msg_t desc;
    if (compat_load_job(&answer, job_id, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "job %u: %s", job_id, slurm_strerror(errno));
    int rc = 0;
    compat_job_update(&desc, job_id);
    *changes = answer->record_count == 0
        ? 0
        : account_texts(&answer->job_array[0], record, comment, texts, &desc, err);
    if (*changes > 0 && slurm_update_job(&desc) != SLURM_SUCCESS)
        rc = compat_job_is_over(errno)
            ? 1
            : sft_error_set(err, "job %u: update: %s", job_id, slurm_strerror(errno));
    slurm_free_job_info_msg(answer);
    return rc;
}

/* Two steps of a job may publish at once, and the later would undo the earlier. So look again
 * after each update until nothing is to be changed. */
int account_publish(uint32_t job_id, const struct sft_record *record, bool comment,
                    struct sft_error *err)
{
    struct texts *texts = malloc(sizeof *texts);
    if (texts == NULL)
        return sft_error_set(err, "out of memory");
    int rc = 0, changes = 1;
    for (int attempt = 0; attempt < 3 && rc == 0 && changes > 0; attempt++)
        rc = account_update(job_id, record, comment, texts, &changes, err);
    free(texts);
    return rc;
}
