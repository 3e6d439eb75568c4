/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strptime */
#include "accounts/filter.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/text.h"

static int jobs_add(struct filter *filter, const char *word, struct sft_error *err)
{
    long long id;
    if (text_digits(word, &id) < 0 || id < 1 || id > 4294967295LL)
        return sft_error_set(err, "--job=%.64s: must be job ids, as in --job 12,15", word);
    if (filter->job_count == FILTER_JOBS_MAX)
        return sft_error_set(err, "--job: at most %d job ids", FILTER_JOBS_MAX);
    filter->jobs[filter->job_count++] = id;
    return 0;
}

int filter_set_jobs(struct filter *filter, const char *text, struct sft_error *err)
{
    char *copy = strdup(text), *rest = copy, *word;
    if (copy == NULL)
        return sft_error_set(err, "--job: no memory");
    int rc = 0;
    while (rc == 0 && (word = strsep(&rest, ",")) != NULL)
        rc = jobs_add(filter, word, err);
    free(copy);
    return rc;
}

int filter_set_state(struct filter *filter, const char *text, struct sft_error *err)
{
    static const char *const states[] = {"complete", "partial", "failed", "running"};
    filter->state = NULL;
    if (strcmp(text, "all") == 0)
        return 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(text, states[i]) == 0)
            filter->state = states[i];
    if (filter->state == NULL)
        return sft_error_set(
            err, "--state=%.64s: must be complete, partial, failed, running or all", text);
    return 0;
}

/* `5d`: seconds before now, or -1 where the text has another form. */
static long long time_ago(const char *text)
{
    size_t length = strlen(text);
    char digits[16];
    long long count;
    if (length < 2 || length > sizeof digits)
        return -1;
    memcpy(digits, text, length - 1);
    digits[length - 1] = '\0';
    long long unit = text[length - 1] == 'd'   ? 86400
                     : text[length - 1] == 'h' ? 3600
                     : text[length - 1] == 'm' ? 60
                                               : 0;
    if (unit == 0 || text_digits(digits, &count) < 0 || count > 100000000)
        return -1;
    return count * unit;
}

/* The first (or with `end` the last) second of the day that lies `days` after that of `day`. */
static time_t day_edge(struct tm day, int days, bool end)
{
    day.tm_mday += days;
    day.tm_hour = end ? 23 : 0;
    day.tm_min = day.tm_sec = end ? 59 : 0;
    day.tm_isdst = -1;
    return mktime(&day);
}

static bool parse_date(const char *text, bool end, time_t *result)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *rest = strptime(text, forms[i], &tm);
        if (rest == NULL || *rest != '\0')
            continue;
        int day = tm.tm_mday;
        *result = i == 0 ? day_edge(tm, 0, end) : mktime(&tm);
        /* mktime makes 3 March of 31 February: look whether the day stayed. */
        struct tm back;
        return *result != -1 && localtime_r(result, &back) != NULL && back.tm_mday == day;
    }
    return false;
}

int filter_parse_time(const char *text, bool end, time_t now, time_t *result, struct sft_error *err)
{
    struct tm today;
    localtime_r(&now, &today);
    long long ago = time_ago(text);
    if (ago >= 0)
        *result = now - (time_t)ago;
    else if (strcmp(text, "now") == 0)
        *result = now;
    else if (strcmp(text, "today") == 0)
        *result = day_edge(today, 0, end);
    else if (strcmp(text, "yesterday") == 0)
        *result = day_edge(today, -1, end);
    else if (!parse_date(text, end, result))
        return sft_error_set(err,
                             "%.64s: no such time; write YYYY-MM-DD, YYYY-MM-DDTHH:MM, today, "
                             "yesterday, or 7d, 12h, 30m for that long ago",
                             text);
    return *result > 0 ? 0 : sft_error_set(err, "%.64s: lies before 1970", text);
}

int filter_finish(struct filter *filter, time_t now, struct sft_error *err)
{
    if (filter->sweep != NULL && filter->since == 0)
        filter->since = 1; /* its name is enough */
    if (filter->since == 0 && filter->job_count == 0)
        filter->since = (filter->until != 0 ? filter->until : now) - FILTER_DAYS * (time_t)86400;
    if (filter->until != 0 && filter->until < filter->since)
        return sft_error_set(err, "--until lies before --since");
    return 0;
}

static bool takes_time(const struct filter *filter, const struct row *row)
{
    long long at = row->started != 0 ? row->started : row->submitted;
    if (at == 0)
        return true; /* the file does not say: better shown than lost */
    return (filter->since == 0 || at >= filter->since) &&
           (filter->until == 0 || at <= filter->until);
}

static bool takes_text(const char *wanted, const char *text)
{
    return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

bool filter_takes(const struct filter *filter, const struct row *row)
{
    return takes_time(filter, row) && takes_text(filter->state, row->state) &&
           takes_text(filter->sweep, row->job_name) &&
           takes_text(filter->model, sft_record_get(&row->record, "model"));
}

static bool chooses_job(const struct filter *filter, const struct row *row)
{
    if (filter->job_count == 0)
        return true;
    for (size_t i = 0; i < filter->job_count; i++)
        if (filter->jobs[i] == row->job_id ||
            (row->array_id != 0 && filter->jobs[i] == row->array_id))
            return true;
    return false;
}

/* slurmdbd keeps names in small letters, whatever the system has. */
static bool user_is(const char *word, const char *user)
{
    long long uid;
    if (strcasecmp(word, user) == 0)
        return true;
    const struct passwd *known =
        text_digits(word, &uid) == 0 && uid <= UINT_MAX ? getpwuid((uid_t)uid) : NULL;
    return known != NULL && strcasecmp(known->pw_name, user) == 0;
}

static bool chooses_user(const char *users, const char *user)
{
    char word[256];
    for (; *users != '\0'; users += *users == ',') {
        size_t length = strcspn(users, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, users);
        if (length > 0 && length < sizeof word && user_is(word, user))
            return true;
        users += length;
    }
    return false;
}

bool filter_chooses(const struct filter *filter, const struct row *row)
{
    return chooses_job(filter, row) &&
           (filter->all_users || filter->user == NULL || *row->user == '\0' ||
            chooses_user(filter->user, row->user));
}
