/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/ending.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/record.h"
#include "spank/options.h"
#include "spank/page.h"
#include "spank/slurmd.h"

enum { FIELDS = 2, WHY = 480 }; /* comment and admin comment */

#define ENDING_PARTIAL "left only a partial record: it or its slurmstepd ended early"
#define ENDING_NONE                                                                                \
    "left no record: it did not start, its slurmstepd ended early, rank 0's node has no plugin, "  \
    "or slurmctld takes no comments"
#define ENDING_IDLE "did not start, or its slurmstepd ended early"

struct ending_record {
    bool any, complete;
    char text[SFT_RECORD_MAX];
    char why[WHY]; /* why it is not complete */
};

static struct {
    pid_t pid; /* srun forks, too */
    uint32_t job_id;
    char step[32];
    bool records;                        /* it leaves one */
    struct ending_record before[FIELDS]; /* what a run before a requeue left under this step */
} ending;

/* This step's record in a comment. It counts only when it was not there before. */
static void ending_read(const char *comment, const struct ending_record *before,
                        struct ending_record *found)
{
    struct sft_record record;
    memset(found, 0, sizeof *found);
    while (comment != NULL && sft_record_next(&record, &comment) == 1) {
        const char *step = sft_record_get(&record, "step");
        const char *state = sft_record_get(&record, "state");
        const char *fail = sft_record_get(&record, "fail");
        if (step != NULL && strcmp(step, ending.step) == 0 &&
            sft_record_format(&record, false, found->text, sizeof found->text, NULL) == 0 &&
            strcmp(found->text, before->text) != 0) {
            found->any = true;
            found->complete = state != NULL && strcmp(state, "complete") == 0;
            snprintf(found->why, WHY, "%s%s", fail != NULL ? "failed: " : ENDING_PARTIAL,
                     fail != NULL ? fail : "");
        }
        sft_record_clear(&record);
    }
}

struct ending_answer {
    struct ending_record found[FIELDS];
    char nodes[256];
    bool failed; /* Slurm says so of the job */
};

/* Returns -1 when the controller does not tell. */
static int ending_ask(struct ending_answer *tell, struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    if (compat_load_job(&answer, ending.job_id, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "%s", slurm_strerror(errno));
    const job_info_t *job = answer->record_count > 0 ? &answer->job_array[0] : NULL;
    if (job != NULL) {
        ending_read(job->comment, &ending.before[0], &tell->found[0]);
        ending_read(job->admin_comment, &ending.before[1], &tell->found[1]);
        snprintf(tell->nodes, sizeof tell->nodes, "%s",
                 job->nodes != NULL ? job->nodes : "its nodes");
        tell->failed = (job->job_state & JOB_STATE_BASE) == JOB_FAILED;
    }
    slurm_free_job_info_msg(answer);
    return job != NULL ? 0 : sft_error_set(err, "the job is not known any more");
}

/* NULL when all is well. A run that leaves no record can only be judged by its job, which the node
 * ends as failed when the step did not start. */
static const char *ending_why(const struct ending_answer *tell)
{
    const struct ending_record *comment = &tell->found[0], *admin = &tell->found[1];
    if (!ending.records)
        return tell->failed ? ENDING_IDLE : NULL;
    if (comment->complete || admin->complete)
        return NULL;
    return admin->any ? admin->why : comment->any ? comment->why : ENDING_NONE;
}

/* The reason may be the user's text: as an error's it is one line without control characters. */
static void ending_tell(const char *why, const char *nodes)
{
    char log[480];
    struct sft_error line = {""};
    slurmd_log(nodes, log, sizeof log);
    sft_error_set(&line, "step %s %s; look into %s", ending.step, why, log);
    fprintf(stderr, "sft-bench: %s\n", line.text);
}

static void ending_unknown(const char *why)
{
    if (ending.records)
        fprintf(stderr,
                "sft-bench: note: whether step %s left a complete record could not be "
                "checked (%s): sft-report -j %u shows it later\n",
                ending.step, why, ending.job_id);
}

/* Calling exit in here replaces the status and goes on with the handlers that are left; glibc says
 * so. srun has told the controller of the job's end by now, so nothing is waiting for us. */
static void ending_check(int status, void *unused)
{
    static struct ending_answer tell;
    struct sft_error err = {""};
    bool failed = (status & 0xff) != 0;
    (void)unused;
    if (getpid() != ending.pid || (failed && !ending.records))
        return;
    ending.pid = 0;
    if (ending_ask(&tell, &err) < 0) {
        if (!failed)
            ending_unknown(err.text);
        return;
    }
    const char *why = ending_why(&tell);
    /* From 23.11.4 on srun fails where a step did not start, but cannot say why. What ended a run
     * that did start was said on its way. */
    if (why == NULL || (failed && strstr(why, PAGE_NOT_STARTED) == NULL))
        return;
    ending_tell(why, tell.nodes);
    if (!failed)
        exit(1);
}

/* A requeued job counts its steps from 0 again and keeps its comments: what stands there now under
 * this step's number is an earlier run's. */
static void ending_remember(void)
{
    const char *restarts = getenv("SLURM_RESTART_COUNT");
    static struct ending_answer tell;
    if (restarts != NULL && strcmp(restarts, "0") != 0 && ending_ask(&tell, NULL) == 0)
        memcpy(ending.before, tell.found, sizeof tell.found);
}

void ending_watch(spank_t spank)
{
    uint32_t step_id;
    if (!options_given(spank) || ending.pid != 0 ||
        spank_get_item(spank, S_JOB_ID, &ending.job_id) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_STEPID, &step_id) != ESPANK_SUCCESS)
        return;
    ending.records = options_records(spank, options_value(spank));
    snprintf(ending.step, sizeof ending.step, "%u.%u", ending.job_id, step_id);
    ending_remember();
    if (on_exit(ending_check, NULL) == 0)
        ending.pid = getpid();
}
