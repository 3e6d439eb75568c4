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
#include "lib/request.h"
#include "spank/options.h"
#include "spank/slurmd.h"

enum { FIELDS = 2, WHY = 480 }; /* comment and admin comment */

struct ending_record {
    bool any, complete;
    char text[SFT_RECORD_MAX];
    char why[WHY]; /* why it is not complete */
};

static struct {
    pid_t pid; /* srun forks, too */
    uint32_t job_id;
    char step[32];
    struct ending_record before[FIELDS]; /* what an earlier run of this step left, before a requeue */
} ending;

/* This step's record in a comment. It counts only when it was not there before. */
static void ending_read(const char *comment, const struct ending_record *before,
                        struct ending_record *found)
{
    struct sft_record record;
    memset(found, 0, sizeof *found);
    while (comment != NULL && sft_record_next(&record, &comment) == 1) {
        const char *step = sft_record_get(&record, "step"), *state = sft_record_get(&record, "state");
        const char *fail = sft_record_get(&record, "fail");
        if (step != NULL && strcmp(step, ending.step) == 0
            && sft_record_format(&record, false, found->text, sizeof found->text, NULL) == 0
            && strcmp(found->text, before->text) != 0) {
            found->any = true;
            found->complete = state != NULL && strcmp(state, "complete") == 0;
            snprintf(found->why, WHY, "%s%s", fail != NULL ? "failed: " : "left only a partial record: it "
                                                                          "or its slurmstepd ended early",
                     fail != NULL ? fail : "");
        }
        sft_record_clear(&record);
    }
}

/* The records of both fields and the job's nodes. Returns -1 when the controller does not tell. */
static int ending_ask(struct ending_record found[FIELDS], char *nodes, size_t size,
                      struct sft_error *err)
{
    job_info_msg_t *answer = NULL;
    if (compat_load_job(&answer, ending.job_id, SHOW_ALL) != SLURM_SUCCESS)
        return sft_error_set(err, "%s", slurm_strerror(errno));
    const job_info_t *job = answer->record_count > 0 ? &answer->job_array[0] : NULL;
    for (int i = 0; job != NULL && i < FIELDS; i++)
        ending_read(i == 0 ? job->comment : job->admin_comment, &ending.before[i], &found[i]);
    if (job != NULL && nodes != NULL)
        snprintf(nodes, size, "%s", job->nodes != NULL ? job->nodes : "its nodes");
    slurm_free_job_info_msg(answer);
    return job != NULL ? 0 : sft_error_set(err, "the job is not known any more");
}

/* The reason may be the user's text: as an error's it holds no control characters and is one line. */
static void ending_tell(const struct ending_record found[FIELDS], const char *nodes)
{
    char log[480];
    struct sft_error line = { "" };
    slurmd_log(nodes, log, sizeof log);
    const char *why = found[1].any ? found[1].why
        : found[0].any             ? found[0].why
                                   : "left no record: it did not start, or its slurmstepd ended early";
    sft_error_set(&line, "step %s %s; look into %s", ending.step, why, log);
    fprintf(stderr, "sft-bench: %s\n", line.text);
}

/* Calling exit in here replaces the status and goes on with the handlers that are left; glibc says so.
 * srun has told the controller of the job's end by now, so nothing is waiting for us. */
static void ending_check(int status, void *unused)
{
    static struct ending_record found[FIELDS];
    static char nodes[256];
    struct sft_error err = { "" };
    (void)unused;
    if ((status & 0xff) != 0 || getpid() != ending.pid)
        return;
    ending.pid = 0;
    if (ending_ask(found, nodes, sizeof nodes, &err) < 0) {
        fprintf(stderr, "sft-bench: note: whether step %s left a complete record could not be checked (%s): "
                        "sft-report -j %u shows it later\n", ending.step, err.text, ending.job_id);
        return;
    }
    if (found[0].complete || found[1].complete)
        return;
    ending_tell(found, nodes);
    exit(1);
}

/* Words for sft-bench-job with which it trains nothing. */
static bool ending_trains(spank_t spank)
{
    static const char *const idle[] = { "--help", "--version", "--plan", "--check" };
    struct sft_request request;
    const char *text = options_value(spank);
    char **words = NULL;
    int count = 0;
    if (text != NULL && sft_request_parse(&request, text, NULL) == 0 && request.explain)
        return false;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &words) != ESPANK_SUCCESS)
        return true;
    for (int i = 1; i < count; i++)
        for (size_t k = 0; k < sizeof idle / sizeof idle[0]; k++)
            if (strcmp(words[i], idle[k]) == 0)
                return false;
    return true;
}

/* A requeued job counts its steps from 0 again and keeps its comments: what stands there now under this
 * step's number is an earlier run's. */
static void ending_remember(void)
{
    const char *restarts = getenv("SLURM_RESTART_COUNT");
    static struct ending_record found[FIELDS];
    if (restarts != NULL && atoi(restarts) > 0 && ending_ask(found, NULL, 0, NULL) == 0)
        memcpy(ending.before, found, sizeof found);
}

void ending_watch(spank_t spank)
{
    uint32_t step_id;
    if (!options_given(spank) || ending.pid != 0
        || spank_get_item(spank, S_JOB_ID, &ending.job_id) != ESPANK_SUCCESS
        || spank_get_item(spank, S_JOB_STEPID, &step_id) != ESPANK_SUCCESS || !ending_trains(spank))
        return;
    snprintf(ending.step, sizeof ending.step, "%u.%u", ending.job_id, step_id);
    ending_remember();
    if (on_exit(ending_check, NULL) == 0)
        ending.pid = getpid();
}
