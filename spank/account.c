/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spank/slurm_compat.h"

/* Bytes of all steps' full records in one job's admin comment; far under the accounting's column
 * and under a message's sensible size. */
#define ACCOUNT_ADMIN_MAX 32768

enum { ACCOUNT_LOOKS = 4 };

struct texts {
    char comment[SFT_RECORD_COMMENT + 1];
    char admin[ACCOUNT_ADMIN_MAX];
};

static void account_refuse(struct account *account, unsigned what, const char *why)
{
    account->refused |= what;
    if (account->why[0] == '\0')
        snprintf(account->why, sizeof account->why, "%s", why);
}

/* One comment's new text. Returns whether it has to change. */
static bool account_text(struct account *account, unsigned what, const char *was,
                         const struct sft_record *record, char *text, size_t size)
{
    if (((account->wanted & ~account->refused) & what) == 0)
        return false;
    if (sft_record_merge(was, record, text, size, NULL) != 0) {
        account_refuse(account, what, "what stands in it leaves no room");
        return false;
    }
    return was == NULL || strcmp(was, text) != 0;
}

/* Which of the job's comments have to change, and their new texts. */
static unsigned account_texts(struct account *account, const job_info_t *job,
                              const struct sft_record *record, struct texts *texts)
{
    unsigned changes = 0;
    if (account_text(account, ACCOUNT_ADMIN, job->admin_comment, record, texts->admin,
                     sizeof texts->admin))
        changes |= ACCOUNT_ADMIN;
    if (account_text(account, ACCOUNT_COMMENT, job->comment, record, texts->comment,
                     sizeof texts->comment))
        changes |= ACCOUNT_COMMENT;
    return changes;
}

/* Update these comments. 0, or the controller's code. */
static int account_send(const job_info_t *job, unsigned what, struct texts *texts)
{
    job_desc_msg_t desc;
    compat_job_update(&desc, job);
    if (what & ACCOUNT_ADMIN)
        desc.admin_comment = texts->admin;
    if (what & ACCOUNT_COMMENT)
        desc.comment = texts->comment;
    return slurm_update_job(&desc) == SLURM_SUCCESS ? 0 : errno;
}

static enum account_result account_failed(const struct account *account, int code,
                                          struct sft_error *err)
{
    if (compat_job_is_over(code))
        return ACCOUNT_OVER;
    sft_error_set(err, "job %u: %s", account->job_id, slurm_strerror(code));
    return ACCOUNT_SILENT;
}

/* Both at once is one message. A site's job_submit that guards one of the two refuses the whole of
 * it: then each alone, and first the admin comment, which always reaches the accounting. */
static enum account_result account_update(struct account *account, const job_info_t *job,
                                          unsigned changes, struct texts *texts,
                                          struct sft_error *err)
{
    static const unsigned each[] = {ACCOUNT_ADMIN, ACCOUNT_COMMENT};
    int code = account_send(job, changes, texts);
    if (code == 0)
        return ACCOUNT_STANDS;
    if (!compat_is_refusal(code))
        return account_failed(account, code, err);
    for (size_t i = 0; i < 2; i++) {
        if ((changes & each[i]) == 0)
            continue;
        if (changes != each[i])
            code = account_send(job, each[i], texts);
        if (code != 0 && !compat_is_refusal(code))
            return account_failed(account, code, err);
        if (code != 0)
            account_refuse(account, each[i], slurm_strerror(code));
    }
    return ACCOUNT_STANDS;
}

/* For the first of an array's jobs the controller tells of all of them. */
static const job_info_t *account_job(const struct account *account, const job_info_msg_t *answer)
{
    for (uint32_t i = 0; i < answer->record_count; i++) {
        const job_info_t *job = &answer->job_array[i];
        if (compat_job_id(job) == account->job_id &&
            (account->before == 0 || job->submit_time <= account->before))
            return job;
    }
    return NULL;
}

/* Look what stands there, and change it if need be. *changes: what was not as it has to be. */
static enum account_result account_look(struct account *account, const struct sft_record *record,
                                        struct texts *texts, unsigned *changes,
                                        struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    *changes = 0;
    if (compat_load_job(&answer, account->job_id, SHOW_ALL) != SLURM_SUCCESS)
        return account_failed(account, errno, err);
    const job_info_t *job = account_job(account, answer);
    enum account_result result = ACCOUNT_OVER;
    account->known = job != NULL;
    if (job != NULL) {
        *changes = account_texts(account, job, record, texts);
        result =
            *changes == 0 ? ACCOUNT_STANDS : account_update(account, job, *changes, texts, err);
    }
    slurm_free_job_info_msg(answer);
    return result;
}

/* Two steps of a job may publish at once, and the later would undo the earlier. So look again
 * after each update until nothing is to be changed. What is never as it was written, though the
 * update was accepted, a job_submit has changed without a word. */
enum account_result account_publish(struct account *account, const struct sft_record *record,
                                    struct sft_error *err)
{
    struct texts *texts = malloc(sizeof *texts);
    enum account_result result = ACCOUNT_STANDS;
    unsigned changes = 1;
    account->changed = account->known = false;
    if (texts == NULL) {
        sft_error_set(err, "out of memory");
        return ACCOUNT_SILENT;
    }
    int looks = account->once ? 1 : ACCOUNT_LOOKS;
    for (int i = 0; i < looks && result == ACCOUNT_STANDS && changes != 0; i++) {
        result = account_look(account, record, texts, &changes, err);
        account->changed = account->changed || changes != 0;
    }
    free(texts);
    if (result == ACCOUNT_STANDS && !account->once && (changes & ~account->refused) != 0)
        account_refuse(account, changes, "the site's job_submit changes what is written");
    if (result == ACCOUNT_STANDS && (account->wanted & ~account->refused) == 0)
        result = ACCOUNT_REFUSED;
    return result;
}
