/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/figures.h"

#define PAGE_STAMPS 16 /* fields that a record may get here */
#define PAGE_WHY 400   /* bytes of a reason */
#define PAGE_SLACK 1.01

/* "a, b, c" in a text of a few words. */
struct list {
    char text[200];
    size_t used;
};

static void list_add(struct list *list, const char *between, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void list_add(struct list *list, const char *between, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof list->text - list->used;
    int length = snprintf(list->text + list->used, room, "%s", list->used > 0 ? between : "");
    if (length < 0 || (size_t)length >= room)
        return;
    va_start(arguments, format);
    int more =
        vsnprintf(list->text + list->used + length, room - (size_t)length, format, arguments);
    va_end(arguments);
    if (more >= 0 && (size_t)length + (size_t)more < room)
        list->used += (size_t)length + (size_t)more;
    else
        list->text[list->used] = '\0';
}

/* What was held against the page: what agrees, and what does not. */
struct checks {
    struct list right, wrong;
};

static void check_program(struct checks *checks, const struct page_facts *facts)
{
    if (facts->verdict == PROGRAM_SITE)
        list_add(&checks->right, ",", "program");
    else if (facts->verdict == PROGRAM_WRONG)
        list_add(&checks->wrong, "; ", "program is %s", facts->program);
}

/* A page that says nothing of a number agrees with it. */
static void check_count(struct checks *checks, const struct sft_record *record, const char *key,
                        uint32_t known)
{
    const char *said = sft_record_get(record, key);
    if (known == 0)
        return;
    if (said == NULL || sft_record_get_real(record, key, -1) == (double)known)
        list_add(&checks->right, ",", "%s", key);
    else
        list_add(&checks->wrong, "; ", "%s were %u, not %.20s", key, known, said);
}

static void check_step(struct checks *checks, const struct sft_record *record,
                       const struct page_facts *facts)
{
    const char *said = sft_record_get(record, "step");
    if (said != NULL && strcmp(said, facts->step) != 0)
        list_add(&checks->wrong, "; ", "it calls itself step %.30s", said);
}

static void check_model(struct checks *checks, const struct sft_record *record,
                        const struct page_facts *facts)
{
    const char *said = sft_record_get(record, "model");
    if (said != NULL && facts->model[0] != '\0' && strcmp(said, facts->model) != 0)
        list_add(&checks->wrong, "; ", "%s was asked for, not %.30s", facts->model, said);
}

/* Half of the steps took the median or longer, so that much time must have gone by, whatever the
 * others took; and all steps together no more than the step's life. */
static bool time_fits(const struct sft_record *record, double life)
{
    double steps = sft_record_get_real(record, "steps_done", -1);
    double median = sft_record_get_real(record, "step_ms", -1) / 1e3;
    double all = sft_record_get_real(record, "steps_s", steps * median);
    double seconds = sft_record_get_real(record, "seconds", 0);
    return steps >= 0 && median >= 0 && all <= life * PAGE_SLACK + 0.1 &&
           ceil(steps / 2) * median <= all * PAGE_SLACK && seconds <= life * PAGE_SLACK + 1;
}

static void check_time(struct checks *checks, const struct sft_record *record,
                       const struct page_facts *facts)
{
    const char *steps = sft_record_get(record, "steps_done"),
               *ms = sft_record_get(record, "step_ms");
    if (facts->start == 0 || steps == NULL || ms == NULL)
        return;
    if (time_fits(record, facts->life))
        list_add(&checks->right, ",", "time");
    else
        list_add(&checks->wrong, "; ", "%.20s steps of %.20s ms do not fit into %.1f s", steps, ms,
                 facts->life);
}

static void check_ceiling(struct checks *checks, const struct sft_record *record)
{
    struct sft_error why = {""};
    int possible = sft_record_possible(record, &why);
    if (possible > 0)
        list_add(&checks->right, ",", "ceiling");
    else if (possible < 0)
        list_add(&checks->wrong, "; ", "%.120s", why.text);
}

static int put_checks(struct sft_record *record, const struct page_facts *facts,
                      struct sft_error *err)
{
    struct checks checks = {0};
    check_program(&checks, facts);
    check_count(&checks, record, "nodes", facts->nodes);
    check_count(&checks, record, "ranks", facts->ranks);
    check_time(&checks, record, facts);
    check_step(&checks, record, facts);
    check_model(&checks, record, facts);
    check_ceiling(&checks, record);
    const char *const texts[][2] = {{"program", facts->program},
                                    {"checked", checks.right.text},
                                    {"doubted", checks.wrong.text}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sft_record_unset(record, texts[i][0]);
        if (texts[i][1][0] != '\0' && sft_record_set(record, texts[i][0], texts[i][1], err) < 0)
            return -1;
    }
    return 0;
}

/* How a rank ended: "was killed by signal 9 (...)", "ended with status 1". */
static void put_status(char *text, size_t size, int status)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const char *what = number == SIGKILL   ? "out of memory, another rank's end, or somebody's kill"
                       : number == SIGTERM ? "cancelled, or its time was up"
                                           : strsignal(number);
    if (number > 0)
        snprintf(text, size, "was killed by signal %d (%s)", number, what);
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}

/* Slurm's reason; `when` of rank 0's words the end came. */
static void put_end(char why[PAGE_WHY], const struct page_facts *facts, const char *when)
{
    char end[100], other[100], before[160] = "";
    put_status(end, sizeof end, facts->status);
    put_status(other, sizeof other, facts->other_status);
    if (facts->other)
        snprintf(before, sizeof before, ", after rank %u %s", facts->other_rank, other);
    switch (facts->end) {
    case PAGE_RUNS:
        snprintf(why, PAGE_WHY,
                 "no rank wrote anything: the run ended in its start; look at slurmd's log "
                 "on %s",
                 facts->host);
        break;
    case PAGE_UNSTARTED:
        if (facts->unstarted[0] != '\0')
            snprintf(why, PAGE_WHY, PAGE_NOT_STARTED " on %s: %s", facts->host, facts->unstarted);
        else
            snprintf(why, PAGE_WHY, PAGE_NOT_STARTED ": look at slurmd's log on %s", facts->host);
        break;
    case PAGE_ORPHANED:
        snprintf(why, PAGE_WHY, "slurmstepd on %s was killed %s", facts->host, when);
        break;
    case PAGE_ENDED:
        snprintf(why, PAGE_WHY, "rank 0 on %s %s %s%s", facts->host, end, when, before);
        break;
    }
}

/* A run whose files found no room has been measured all the same. */
static bool is_whole(int status)
{
    return WIFEXITED(status) &&
           (WEXITSTATUS(status) == SFT_EXIT_DONE || WEXITSTATUS(status) == SFT_EXIT_NO_FILE);
}

static int put_state(struct sft_record *record, const struct page_facts *facts, const char *junk,
                     struct sft_error *err)
{
    char why[PAGE_WHY] = "";
    const char *said = sft_record_get(record, "state"), *reason = sft_record_get(record, "fail");
    bool silent = record->count == 0, claims = said != NULL && strcmp(said, "complete") == 0;
    bool failed = silent || (said != NULL && strcmp(said, "failed") == 0);
    bool complete =
        claims && facts->end == PAGE_ENDED && (facts->judges || is_whole(facts->status));
    if (junk != NULL)
        snprintf(why, sizeof why, "what rank 0 on %s wrote is no record: %s", facts->host, junk);
    else if (failed || (!complete && facts->end != PAGE_RUNS))
        put_end(why, facts,
                silent   ? "before its first word"
                : claims ? "after its last word"
                         : "before its last word");
    if (silent && facts->end == PAGE_ENDED && WIFEXITED(facts->status) && junk == NULL &&
        !facts->other)
        snprintf(why + strlen(why), sizeof why - strlen(why), ": its output may tell why");
    if (why[0] != '\0' && (reason == NULL || reason[0] == '\0') &&
        sft_record_set(record, "fail", why, err) < 0)
        return -1;
    return sft_record_set(record, "state",
                          failed     ? "failed"
                          : complete ? "complete"
                                     : "partial",
                          err);
}

static int put_text(struct sft_record *record, const char *key, const char *value,
                    struct sft_error *err)
{
    if (value[0] == '\0' || sft_record_get(record, key) != NULL)
        return 0;
    return sft_record_set(record, key, value, err);
}

static int put_facts(struct sft_record *record, const struct page_facts *facts,
                     struct sft_error *err)
{
    struct tm tm;
    char start[32] = "";
    if (facts->start != 0 && gmtime_r(&facts->start, &tm) != NULL)
        strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if ((facts->model[0] != '\0' && sft_record_set(record, "model", facts->model, err) < 0) ||
        put_text(record, "request", facts->request, err) < 0 ||
        put_text(record, "version", PACKAGE_VERSION, err) < 0 ||
        sft_record_set(record, "step", facts->step, err) < 0)
        return -1;
    if ((facts->nodes > 0 && sft_record_set_integer(record, "nodes", facts->nodes, err) < 0) ||
        (facts->ranks > 0 && sft_record_set_integer(record, "ranks", facts->ranks, err) < 0))
        return -1;
    if (start[0] == '\0')
        return 0;
    return sft_record_set(record, "start", start, err) < 0
               ? -1
               : sft_record_set_real(record, "seconds", facts->life, err);
}

static void drop_unknown(struct sft_record *record)
{
    for (size_t i = record->count; i-- > 0;)
        if (sft_figure_find(record->fields[i].key) == NULL)
            sft_record_unset(record, record->fields[i].key);
}

/* State first: it asks whether the page said anything. Checks before facts, which they are held
 * against. */
static int page_stamp(struct sft_record *record, const struct page_facts *facts, const char *junk,
                      struct sft_error *err)
{
    if (record->count + PAGE_STAMPS > SFT_RECORD_FIELDS)
        drop_unknown(record);
    if (put_state(record, facts, junk, err) < 0 || put_checks(record, facts, err) < 0 ||
        put_facts(record, facts, err) < 0)
        return -1;
    return sft_record_fit(record, SFT_RECORD_MAX, err);
}

/* The record of what the page says; -1 when it says none. */
static int page_parse(const char *page, size_t length, const struct page_facts *facts,
                      struct sft_record *record, struct sft_error *err)
{
    char text[SFT_RECORD_PAGE + 1] = "";
    memcpy(text, page, length < SFT_RECORD_PAGE ? length : SFT_RECORD_PAGE);
    if (sft_record_parse(record, sft_record_page_text(text), NULL, err) < 0)
        return -1;
    record->form = SFT_RECORD_FORM; /* what is published is ours */
    if (page_stamp(record, facts, NULL, err) == 0)
        return 0;
    sft_record_clear(record);
    return -1;
}

int page_read(const char *page, size_t length, const struct page_facts *facts,
              struct sft_record *record, struct sft_error *err)
{
    struct sft_error junk = {""};
    bool empty = length == 0 || page[0] == '\0';
    if (!empty && page_parse(page, length, facts, record, &junk) == 0)
        return 1;
    if (!empty)
        sft_error_set(err, "%s", junk.text);
    sft_record_init(record);
    if (empty ? facts->idle : facts->end == PAGE_RUNS)
        return 0;
    if (page_stamp(record, facts, empty ? NULL : junk.text, err) == 0)
        return 1;
    sft_record_clear(record);
    return -1;
}
