/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/facts.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/request.h"

/* A number as Slurm writes it: plain, or since 23.02 {"set": , "infinite": , "number": }. */
long long facts_number(const json_t *value)
{
    if (json_is_object(value)) {
        if (json_is_false(json_object_get(value, "set")))
            return 0;
        value = json_object_get(value, "number");
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        return real > 0 && real < 9e15 ? (long long)real : 0;
    }
    return json_is_integer(value) ? json_integer_value(value) : 0;
}

#define NO_TIME 4294967293LL /* from here on: Slurm's infinite, none and not set */

long long facts_time(const json_t *times, const char *key)
{
    long long value = facts_number(json_object_get(times, key));
    return value > 0 && value < NO_TIME ? value : 0;
}

const char *facts_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

bool facts_is_alive(const char *state)
{
    static const char *const alive[] = {"RUNNING",   "COMPLETING", "PENDING",
                                        "SUSPENDED", "RESIZING",   "CONFIGURING",
                                        "STOPPED",   "SIGNALING",  "STAGE_OUT"};
    for (size_t i = 0; i < sizeof alive / sizeof *alive; i++)
        if (strcmp(state, alive[i]) == 0)
            return true;
    return false;
}

static bool has_flag(const json_t *state, const char *flag)
{
    for (size_t i = 1; i < json_array_size(state); i++) {
        const char *word = json_string_value(json_array_get(state, i));
        if (word != NULL && strcmp(word, flag) == 0)
            return true;
    }
    return false;
}

/* `state.current` is a word in 22.05 and a list of words (the state, then its flags) since 23.02. A
 * run that was requeued has ended: what waits is the job's next run, with a line of its own in the
 * accounting. */
const char *facts_state(const json_t *job)
{
    const json_t *state = json_object_get(json_object_get(job, "state"), "current");
    const json_t *first = json_is_array(state) ? json_array_get(state, 0) : state;
    const char *word = json_is_string(first) ? json_string_value(first) : "UNKNOWN";
    return facts_is_alive(word) && has_flag(state, "REQUEUED") ? "REQUEUED" : word;
}

/* Slurm before 24.11 has no user where the job has no association; then the name of its uid. */
static const char *job_user_of(const json_t *job, const struct scan_job *chosen, char *number,
                               size_t size)
{
    const char *user = facts_text(job, "user");
    if (*user != '\0' || chosen == NULL)
        return user;
    const struct passwd *known = getpwuid((uid_t)chosen->uid);
    snprintf(number, size, "%lld", chosen->uid);
    return known != NULL ? known->pw_name : number;
}

/* Slurm 21.08 writes as `start` when the job became eligible; how long a job ran is right there,
 * too, and tells when an ended one started. */
static long long facts_started(const json_t *time)
{
    long long start = facts_time(time, "start");
    long long elapsed = facts_number(json_object_get(time, "elapsed"));
    long long suspended = facts_number(json_object_get(time, "suspended"));
    long long began = facts_time(time, "end") - elapsed - suspended;
    bool is_eligible = start != 0 && start == facts_time(time, "eligible");
    return is_eligible && elapsed > 0 && began > start ? began : start;
}

int facts_read(struct row *row, const json_t *job, const struct scan_job *chosen)
{
    char asked[SFT_REQUEST_MAX], number[24];
    row_asked(facts_text(json_object_get(job, "comment"), "job"), asked, sizeof asked);
    const struct {
        char **field;
        const char *text;
    } texts[] = {
        {&row->job_name, facts_text(job, "name")},
        {&row->job_state, facts_state(job)},
        {&row->user, job_user_of(job, chosen, number, sizeof number)},
        {&row->account, facts_text(job, "account")},
        {&row->cluster, facts_text(job, "cluster")},
        {&row->partition, facts_text(job, "partition")},
        {&row->nodelist, facts_text(job, "nodes")},
        {&row->asked, asked},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((*texts[i].field = strdup(texts[i].text)) == NULL)
            return -1;
    const json_t *time = json_object_get(job, "time");
    row->job_id = facts_number(json_object_get(job, "job_id"));
    row->array_id = facts_number(json_object_get(json_object_get(job, "array"), "job_id"));
    row->submitted = facts_time(time, "submission");
    row->started = facts_started(time);
    row->ended = facts_time(time, "end");
    row->elapsed = facts_number(json_object_get(time, "elapsed"));
    return 0;
}
