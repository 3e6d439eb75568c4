/* SPDX-License-Identifier: Apache-2.0 */
/* What verify leaves behind. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "job/run/task.h"
#include "job/run/verify.h"
#include "lib/file_write.h"

/* "JOBID.STEPID", or "" outside of Slurm. */
static void step_name(char *text, size_t size)
{
    const char *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID");
    text[0] = '\0';
    if (job != NULL && step != NULL)
        snprintf(text, size, "%.20s.%.20s", job, step);
}

static void request_text(const struct verify_lead *lead, char *text, size_t size)
{
    struct sft_request request = *lead->worker->request;
    request.nodes = lead->control->nodes;
    if (sft_request_format(&request, text, size, NULL) < 0)
        text[0] = '\0';
}

static void list_add(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);
    if (used + strlen(word) + 2 < size)
        snprintf(text + used, size - used, "%s%s", used > 0 ? "," : "", word);
}

int verify_describe(const struct verify_lead *lead, struct result *result, const char *mixed,
                    struct sft_error *err)
{
    struct sft_record *record = &result->record;
    char step[48], request[301], hosts[700] = "";
    step_name(step, sizeof step);
    request_text(lead, request, sizeof request);
    for (int node = 0; node < lead->input.nodes; node++)
        list_add(hosts, sizeof hosts, lead->input.node[node].name);
    const char *const texts[][2] = {{"step", step},     {"state", "running"},
                                    {"task", "verify"}, {"backend", lead->on_gpu ? "cuda" : "cpu"},
                                    {"hosts", hosts},   {"request", request},
                                    {"mixed", mixed},   {"version", PACKAGE_VERSION}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i][1][0] != '\0' && sft_record_set(record, texts[i][0], texts[i][1], err) < 0)
            return -1;
    if (sft_record_set_integer(record, "nodes", lead->input.nodes, err) < 0 ||
        sft_record_set_integer(record, "ranks", lead->input.ranks, err) < 0)
        return -1;
    return result_write(result, true, err);
}

/* The node that a user should look at first. */
static int worst_node(const struct verify_lead *lead)
{
    enum verdict_kind kind = judge_worst(lead->verdicts, lead->input.nodes);
    int worst = -1;
    for (int node = 0; node < lead->input.nodes; node++)
        if (lead->verdicts[node].kind == kind &&
            (worst < 0 || lead->verdicts[node].ratio < lead->verdicts[worst].ratio))
            worst = node;
    return kind == VERDICT_GOOD ? -1 : worst;
}

static int record_worst(const struct verify_lead *lead, struct sft_record *record,
                        struct sft_error *err)
{
    int worst = worst_node(lead);
    char why[2 * JUDGE_TEXT];
    if (worst < 0)
        return 0;
    const struct verdict *verdict = &lead->verdicts[worst];
    snprintf(why, sizeof why, "%s%s%s", verdict->finding_text,
             verdict->cause[0] != '\0' ? "; " : "", verdict->cause);
    if (sft_record_set(record, "worst_host", lead->input.node[worst].name, err) < 0 ||
        sft_record_set(record, "worst_why", why, err) < 0)
        return -1;
    return sft_record_set_real(record, "worst_ratio", verdict->ratio, err);
}

static int record_verdicts(const struct verify_lead *lead, struct sft_record *record,
                           struct sft_error *err)
{
    static const char *const keys[] = {[VERDICT_GOOD] = "nodes_good",
                                       [VERDICT_WARNING] = "nodes_warning",
                                       [VERDICT_BAD] = "nodes_bad",
                                       [VERDICT_UNKNOWN] = "nodes_unknown"};
    int count[] = {0, 0, 0, 0};
    char bad[700] = "", unknown[700] = "", checks[256] = "";
    for (int node = 0; node < lead->input.nodes; node++) {
        count[lead->verdicts[node].kind]++;
        if (lead->verdicts[node].kind == VERDICT_BAD)
            list_add(bad, sizeof bad, lead->input.node[node].name);
        if (lead->verdicts[node].kind == VERDICT_UNKNOWN)
            list_add(unknown, sizeof unknown, lead->input.node[node].name);
    }
    for (enum check check = 0; check < CHECK_WORDS; check++)
        if (lead->done & CHECK_BIT(check))
            list_add(checks, sizeof checks, check_name(check));
    for (int kind = 0; kind < 4; kind++)
        if (sft_record_set_integer(record, keys[kind], count[kind], err) < 0)
            return -1;
    if ((bad[0] != '\0' && sft_record_set(record, "hosts_bad", bad, err) < 0) ||
        (unknown[0] != '\0' && sft_record_set(record, "hosts_unknown", unknown, err) < 0) ||
        sft_record_set(record, "checks", checks, err) < 0)
        return -1;
    return sft_record_set(record, "verdict",
                          verdict_name(judge_worst(lead->verdicts, lead->input.nodes)), err);
}

static int record_end(const struct verify_lead *lead, struct result *result, struct sft_error *err)
{
    struct sft_record *record = &result->record;
    const struct machine *machine = &lead->worker->machine;
    const char *device = lead->on_gpu ? lead->input.rank[0].facts.name : machine->host.model;
    if ((device[0] != '\0' && sft_record_set(record, "device", device, err) < 0) ||
        record_verdicts(lead, record, err) < 0 || record_worst(lead, record, err) < 0 ||
        sft_record_set(record, "state", "complete", err) < 0)
        return -1;
    return result_write(result, true, err);
}

static char *json_text(const struct verify_lead *lead, const char *now)
{
    char step[48], request[SFT_REQUEST_MAX];
    json_t *root = table_json(&lead->input, lead->verdicts, &lead->sizes);
    step_name(step, sizeof step);
    request_text(lead, request, sizeof request);
    json_object_set_new(root, "time", json_string(now));
    json_object_set_new(root, "version", json_string(PACKAGE_VERSION));
    if (step[0] != '\0')
        json_object_set_new(root, "step", json_string(step));
    json_object_set_new(root, "request", json_string(request));
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return text;
}

static int text_write(const char *path, const char *text, struct sft_error *err)
{
    struct file_write file;
    if (file_write_open(&file, path, err) < 0)
        return -1;
    file_write_put(&file, text, strlen(text));
    return file_write_close(&file, true, err);
}

/* "verify.json" into out=, which was made for result.json already, and verify-TIME-STEP.json into
 * the history, which is the site's to make: one that is not there is not mounted. */
static int file_leave(const struct verify_lead *lead, const char *name, const char *ending,
                      const struct tm *tm, const char *text, struct sft_error *err)
{
    const struct sft_request *request = lead->worker->request;
    char now[32], path[PATH_MAX], step[48];
    step_name(step, sizeof step);
    strftime(now, sizeof now, "%Y%m%dT%H%M%SZ", tm);
    snprintf(path, sizeof path, "%s/%s.%s", request->out, name, ending);
    if (request->out[0] != '\0' && text_write(path, text, err) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/%s-%s-%s.%s", request->history, name, now,
             step[0] != '\0' ? step : lead->control->hosts[0], ending);
    return request->history[0] == '\0' ? 0 : text_write(path, text, err);
}

/* What was measured of predictions' ceilings, where there is no folder for it, too. */
static int ceilings_leave(const struct verify_lead *lead, const struct tm *tm,
                          struct sft_error *err)
{
    const struct sft_request *request = lead->worker->request;
    char *text;
    int failed = verify_ceilings_text(lead, &text, err);
    if (failed < 0)
        sft_error_prefix(err, "ceilings are not written");
    else if (text != NULL && request->out[0] == '\0' && request->history[0] == '\0')
        printf("\n%s", text);
    else if (text != NULL)
        failed = file_leave(lead, "ceilings", "conf", tm, text, err);
    free(text);
    return failed;
}

static int files_write(const struct verify_lead *lead, struct sft_error *err)
{
    char now[32];
    time_t seconds = time(NULL);
    struct tm tm;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    char *text = json_text(lead, now);
    if (text == NULL)
        return sft_error_set(err, "no memory for verify.json");
    int failed = file_leave(lead, "verify", "json", &tm, text, err);
    free(text);
    return failed < 0 ? -1 : ceilings_leave(lead, &tm, err);
}

int verify_tell(struct verify_lead *lead, struct result *result, struct sft_error *err)
{
    judge_nodes(&lead->input, lead->verdicts);
    table_print(stdout, &lead->input, lead->verdicts, &lead->sizes);
    struct sft_error why = {""};
    int lost = files_write(lead, &why);
    if (lost < 0)
        task_complain(&why);
    if (record_end(lead, result, err) < 0)
        return -1;
    if (lost == 0 && result_lost(result, &why) < 0) {
        task_complain(&why);
        lost = -1;
    }
    char text[SFT_RECORD_MAX];
    if (result->file < 0 && sft_record_format(&result->record, false, text, sizeof text, NULL) == 0)
        printf("record     %s\n", text);
    fflush(stdout);
    return lost;
}
