/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: getentropy */
#include "sweep/state.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/load.h"
#include "accounts/spawn.h"
#include "accounts/text.h"

static struct sweep_job *state_find(struct sweep_state *state, long long id)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->job[i].id == id)
            return &state->job[i];
    return NULL;
}

static struct sweep_job *state_add(struct sweep_state *state, long long id, struct sft_error *err)
{
    if (state->count == state->room) {
        size_t room = state->room == 0 ? 64 : 2 * state->room;
        struct sweep_job *grown = realloc(state->job, room * sizeof *grown);
        if (grown == NULL) {
            sft_error_set(err, "no memory for %zu jobs", room);
            return NULL;
        }
        state->job = grown;
        state->room = room;
    }
    struct sweep_job *job = &state->job[state->count++];
    *job = (struct sweep_job){.id = id, .state = SWEEP_BAD, .tok_s = NAN};
    return job;
}

int sweep_state_end(struct sweep_state *state, long long id, struct sft_error *err)
{
    struct sweep_job *job = state_find(state, id);
    if (job == NULL && (job = state_add(state, id, err)) == NULL)
        return -1;
    job->state = SWEEP_BAD;
    return 0;
}

static int job_compare(const void *a, const void *b)
{
    const struct sweep_job *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void job_reason(struct sweep_job *job, const struct sft_record *record)
{
    const char *why =
        sft_record_get(record, strcmp(job->word, "doubted") == 0 ? "doubted" : "fail");
    snprintf(job->why, sizeof job->why, "%s", why != NULL && job->state == SWEEP_BAD ? why : "");
}

/* What a record says of its run. Its own request has the site's additions, and is left out where it
 * is long. */
static void job_record(struct sweep_job *job, const struct row *row)
{
    const char *request = sft_record_get(&row->record, "request");
    job->asked = row->asked[0] != '\0';
    if (job->asked)
        request = row->asked;
    bool doubted = row->marks & ROW_DOUBTED;
    job->state = strcmp(row->state, "complete") == 0 && !doubted ? SWEEP_COMPLETE : SWEEP_BAD;
    snprintf(job->word, sizeof job->word, "%.23s", doubted ? "doubted" : row->state);
    if (request != NULL)
        snprintf(job->request, sizeof job->request, "%s", request);
    job->tok_s = sft_record_get_real(&row->record, "tok_s", NAN);
    job->accounted = true;
    job->cancelled = strncmp(row->job_state, "CANCELLED", 9) == 0;
    snprintf(job->node, sizeof job->node, "%.64s", row->nodelist);
    job_reason(job, &row->record);
}

static int verify_record(struct sweep_state *state, const struct row *row, struct sft_error *err)
{
    const char *task = sft_record_get(&row->record, "task"),
               *bad = sft_record_get(&row->record, "hosts_bad"),
               *unknown = sft_record_get(&row->record, "hosts_unknown");
    if (task == NULL || strcmp(task, "verify") != 0)
        return 0;
    struct sweep_verify *grown =
        realloc(state->verify, (state->verify_count + 1) * sizeof *state->verify);
    if (grown == NULL)
        return sft_error_set(err, "no memory for what verify found");
    state->verify = grown;
    struct sweep_verify *verify = &grown[state->verify_count++];
    *verify = (struct sweep_verify){.id = row->job_id};
    if (strlen(row->nodelist) < sizeof verify->nodes)
        strcpy(verify->nodes, row->nodelist);
    snprintf(verify->bad, sizeof verify->bad, "%s", bad != NULL ? bad : "");
    snprintf(verify->unknown, sizeof verify->unknown, "%s", unknown != NULL ? unknown : "");
    verify->bad_count = (int)sft_record_get_real(&row->record, "nodes_bad", 0);
    return 0;
}

const struct sweep_verify *sweep_state_verdict(const struct sweep_state *state,
                                               struct sweep_cells *cells)
{
    const struct sweep_job *last = NULL;
    for (size_t i = 0; i < state->count; i++) {
        const struct sweep_job *job = &state->job[i];
        if (job->state == SWEEP_COMPLETE && (last == NULL || job->id > last->id) &&
            sweep_cells_find(cells, job->request, job->asked, job->node) != NULL)
            last = job;
    }
    for (size_t i = 0; last != NULL && i < state->verify_count; i++)
        if (state->verify[i].id == last->id)
            return &state->verify[i];
    return NULL;
}

int sweep_state_rows(struct sweep_state *state, const struct rows *rows, struct sft_error *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = rows->row[i];
        struct sweep_job *job = state_find(state, row->job_id);
        /* What only the owner's comment says is no result; of several steps one that is complete
         * counts. */
        if ((row->marks & ROW_COMMENT_ALONE) || strcmp(row->state, "running") == 0 ||
            (job != NULL && job->state == SWEEP_COMPLETE))
            continue;
        if (job == NULL && (job = state_add(state, row->job_id, err)) == NULL)
            return -1;
        job_record(job, row);
        if (job->state == SWEEP_COMPLETE && verify_record(state, row, err) < 0)
            return -1;
    }
    return 0;
}

static bool word_in(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* The comment begins with the mark and the request; the record, if there is one, stands behind. */
static void job_comment(struct sweep_job *job, const char *comment, bool ended)
{
    struct sft_record record;
    const char *cursor = comment;
    row_asked(comment, job->request, sizeof job->request);
    job->asked = job->request[0] != '\0';
    while (ended && sft_record_next(&record, &cursor) == 1) {
        const char *said = sft_record_get(&record, "state");
        if (said != NULL && strcmp(said, "complete") == 0) {
            job->state = SWEEP_COMPLETE;
            strcpy(job->word, "complete");
            job->tok_s = sft_record_get_real(&record, "tok_s", NAN);
        }
        job_reason(job, &record);
        sft_record_clear(&record);
    }
}

static int queue_line(struct sweep_state *state, char *line, struct sft_error *err)
{
    static const char *const pending[] = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT",
                                          NULL};
    static const char *const running[] = {"RUNNING",   "CONFIGURING", "COMPLETING",
                                          "SUSPENDED", "STOPPED",     "RESIZING",
                                          "SIGNALING", "STAGE_OUT",   NULL};
    enum { ID, WORD, NODES, WANTED, REASON, COMMENT, FIELDS };
    char *field[FIELDS] = {line};
    long long id;
    for (int i = WORD; i < FIELDS; i++) {
        if ((field[i] = strchr(field[i - 1], '|')) == NULL)
            return 0;
        *field[i]++ = '\0';
    }
    if (text_digits(line, &id) < 0)
        return 0;
    const char *word = field[WORD], *nodes = field[field[NODES][0] != '\0' ? NODES : WANTED];
    enum sweep_job_state said = word_in(word, pending)   ? SWEEP_PENDING
                                : word_in(word, running) ? SWEEP_RUNNING
                                                         : SWEEP_BAD;
    struct sweep_job *job = state_find(state, id);
    /* A job with a record in the accounting is known better from there, unless that is of a run
     * before a requeue. */
    if (job != NULL && (job->state == SWEEP_COMPLETE || said == SWEEP_BAD))
        return 0;
    if (job == NULL && (job = state_add(state, id, err)) == NULL)
        return -1;
    *job = (struct sweep_job){.id = id, .state = said, .tok_s = NAN};
    job->cancelled = strcmp(word, "CANCELLED") == 0;
    snprintf(job->word, sizeof job->word, "%.23s", word);
    snprintf(job->node, sizeof job->node, "%.64s", nodes);
    if (said == SWEEP_PENDING)
        snprintf(job->reason, sizeof job->reason, "%.99s", field[REASON]);
    job_comment(job, field[COMMENT], job->state == SWEEP_BAD);
    return 0;
}

int sweep_state_queue(struct sweep_state *state, const char *mark, char *text,
                      struct sft_error *err)
{
    size_t length = strlen(mark);
    while (*text != '\0') {
        char *end = strchr(text, '\n');
        if (end != NULL)
            *end = '\0';
        if (strncmp(text, mark, length) == 0 && text[length] == '|' &&
            queue_line(state, text + length + 1, err) < 0)
            return -1;
        text = end != NULL ? end + 1 : text + strlen(text);
    }
    return 0;
}

static int state_accounting(struct sweep_state *state, const char *name, const char *user,
                            struct sft_error *err)
{
    struct rows rows;
    struct filter *filter = calloc(1, sizeof *filter);
    rows_init(&rows);
    if (filter == NULL)
        return sft_error_set(err, "no memory");
    filter->sweep = name;
    filter->user = user;
    filter->since = 1;
    int rc = load_sacct(&rows, filter, err);
    if (rc == 0)
        rc = sweep_state_rows(state, &rows, err);
    state->queued = rows.queued;
    rows_clear(&rows);
    free(filter);
    return rc;
}

static int state_queue(struct sweep_state *state, const char *name, const char *user,
                       struct sft_error *err)
{
    char *text, mark[24], format[48];
    uint64_t random;
    size_t length;
    if (getentropy(&random, sizeof random) < 0)
        return sft_error_set(err, "no random number: %s", strerror(errno));
    snprintf(mark, sizeof mark, "%016" PRIx64, random);
    snprintf(format, sizeof format, "%s|%%A|%%T|%%N|%%n|%%r|%%k", mark);
    const char *argv[] = {spawn_program("SFT_SQUEUE", "squeue"),
                          "--noheader",
                          "--states=all",
                          "--user",
                          user,
                          "--name",
                          name,
                          "-o",
                          format,
                          NULL};
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    int rc = sweep_state_queue(state, mark, text, err);
    free(text);
    return rc;
}

int sweep_state_load(struct sweep_state *state, const char *name, struct sft_error *err)
{
    const struct passwd *user = getpwuid(geteuid());
    memset(state, 0, sizeof *state);
    if (user == NULL)
        return sft_error_set(err, "user %u has no name here", (unsigned)geteuid());
    if (state_accounting(state, name, user->pw_name, err) < 0 ||
        state_queue(state, name, user->pw_name, err) < 0) {
        sweep_state_clear(state);
        return -1;
    }
    if (state->count > 0)
        qsort(state->job, state->count, sizeof *state->job, job_compare);
    return 0;
}

void sweep_state_clear(struct sweep_state *state)
{
    free(state->job);
    free(state->verify);
    memset(state, 0, sizeof *state);
}

void sweep_job_print(const struct sweep_job *job, FILE *out)
{
    char request[120], word[sizeof job->word], why[sizeof job->why];
    snprintf(why, sizeof why, "%s", job->why);
    text_make_printable(why);
    snprintf(request, sizeof request, "%.119s", job->request[0] != '\0' ? job->request : "?");
    snprintf(word, sizeof word, "%s", job->word);
    text_make_printable(request);
    text_make_printable(word);
    fprintf(out, "%lld  %s  %s", job->id, request, word);
    if (isfinite(job->tok_s))
        fprintf(out, "  %.0f tokens/s", job->tok_s);
    fprintf(out, "%s%s\n", why[0] != '\0' ? ": " : "", why);
}

void sweep_state_count(const struct sweep_state *state, struct sweep_cells *cells, bool add)
{
    for (size_t i = 0; i < cells->count; i++)
        cells->cell[i].had = cells->cell[i].pending = cells->cell[i].running = cells->cell[i].bad =
            0;
    for (size_t i = 0; i < state->count; i++) {
        const struct sweep_job *job = &state->job[i];
        struct sweep_cell *cell = sweep_cells_find(cells, job->request, job->asked, job->node);
        if (cell == NULL && add)
            cell = sweep_cells_add(cells, job->request);
        if (cell == NULL)
            continue;
        cell->had += job->state == SWEEP_COMPLETE;
        cell->pending += job->state == SWEEP_PENDING;
        cell->running += job->state == SWEEP_RUNNING;
        cell->bad += job->state == SWEEP_BAD;
    }
}
