/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strptime, timegm */
#include "accounts/convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accounts/facts.h"
#include "lib/number.h"

bool convert_is_result(const json_t *root)
{
    return (json_is_string(json_object_get(root, "model")) ||
            json_is_string(json_object_get(root, "task"))) &&
           json_is_string(json_object_get(root, "state")) && json_object_get(root, "jobs") == NULL;
}

/* The value as a record has it; "" for what is none of its kinds. */
static const char *value_text(const json_t *value, char number[SFT_NUMBER])
{
    if (json_is_string(value))
        return json_string_value(value);
    number[0] = '\0';
    if (json_is_integer(value))
        snprintf(number, SFT_NUMBER, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        sft_number(number, json_real_value(value), 9);
    return number;
}

/* "JOBID.STEPID", of which anybody may have written anything. */
static long long step_job(const struct sft_record *record)
{
    const char *step = sft_record_get(record, "step");
    char *end = NULL;
    long long id = step != NULL ? strtoll(step, &end, 10) : 0;
    return end != NULL && *end == '.' && id > 0 ? id : 0;
}

static long long start_time(const struct sft_record *record)
{
    const char *start = sft_record_get(record, "start");
    struct tm tm = {0};
    const char *end = start != NULL ? strptime(start, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    return end != NULL && *end == '\0' ? (long long)timegm(&tm) : 0;
}

static json_t *result_job(const struct sft_record *record)
{
    double seconds = sft_record_get_real(record, "seconds", 0);
    const char *hosts = sft_record_get(record, "hosts"), *state = sft_record_get(record, "state");
    long long start = start_time(record),
              lasted = seconds > 0 && seconds < 1e9 ? llround(seconds) : 0;
    /* Nobody knows whether a run that says `running` still does. */
    return json_pack(
        "{s:I, s:s, s:{s:s}, s:{s:I, s:I, s:I, s:I}}", "job_id", (json_int_t)step_job(record),
        "nodes", hosts != NULL ? hosts : "", "state", "current",
        state != NULL && strcmp(state, "running") == 0 ? "RUNNING" : "UNKNOWN", "time",
        "submission", (json_int_t)start, "start", (json_int_t)start, "elapsed", (json_int_t)lasted,
        "end", (json_int_t)(start > 0 && lasted > 0 ? start + lasted : 0));
}

json_t *convert_result(const json_t *root, struct sft_record *record, struct sft_error *err)
{
    const char *key;
    json_t *value;
    char number[SFT_NUMBER];
    json_object_foreach((json_t *)root, key, value)
    {
        if (json_is_string(value) || json_is_number(value))
            sft_record_set(record, key, value_text(value, number), NULL);
    }
    /* Before there were the steps' own seconds, throughput was over the median step. */
    record->form = sft_record_get(record, "steps_s") != NULL ? SFT_RECORD_FORM : 1;
    json_t *job = result_job(record);
    if (job == NULL)
        sft_error_set(err, "no memory for a record");
    return job;
}

json_t *convert_queued(json_t *job)
{
    if (json_object_get(job, "job_state") == NULL)
        return json_incref(job);
    json_t *state = json_object_get(job, "job_state");
    long long start = facts_time(job, "start_time"), end = facts_time(job, "end_time");
    const char *word = json_string_value(json_is_array(state) ? json_array_get(state, 0) : state);
    bool ended = word != NULL && !facts_is_alive(word);
    end = ended ? end : 0; /* of a job that runs it is its time limit's */
    return json_pack(
        "{s:I, s:{s:I}, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:O}, s:{s:s, s:s}, s:{s:I, s:I, s:I, "
        "s:I}}",
        "job_id", (json_int_t)facts_number(json_object_get(job, "job_id")), "array", "job_id",
        (json_int_t)facts_number(json_object_get(job, "array_job_id")), "name",
        facts_text(job, "name"), "user", facts_text(job, "user_name"), "account",
        facts_text(job, "account"), "cluster", facts_text(job, "cluster"), "partition",
        facts_text(job, "partition"), "nodes", facts_text(job, "nodes"), "state", "current", state,
        "comment", "administrator", facts_text(job, "admin_comment"), "job",
        facts_text(job, "comment"), "time", "submission",
        (json_int_t)facts_time(job, "submit_time"), "start", (json_int_t)start, "end",
        (json_int_t)end, "elapsed", (json_int_t)(ended && end > start ? end - start : 0));
}
