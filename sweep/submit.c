/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: asprintf */
#include "sweep/submit.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report/grid.h"
#include "report/spawn.h"
#include "report/text.h"
#include "sweep/plan.h"

#define POLL_SECONDS 2
#define WORDS 16
#define CANCEL_BATCH 200

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static const char *program_of(const char *variable, const char *name)
{
    const char *said = getenv(variable);
    return said != NULL && *said != '\0' ? said : name;
}

static void words_free(char **words)
{
    for (int i = 0; words != NULL && i < WORDS; i++)
        free(words[i]);
    free(words);
}

static bool word_add(char **words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool word_add(char **words, const char *format, ...)
{
    int n = 0;
    va_list arguments;
    while (words[n] != NULL)
        n++;
    va_start(arguments, format);
    int length = vasprintf(&words[n], format, arguments);
    va_end(arguments);
    if (length < 0)
        words[n] = NULL;
    return length >= 0;
}

char **submit_words(const struct sweep_options *options, const struct sweep_cell *cell)
{
    char **words = calloc(WORDS, sizeof *words);
    bool ok = words != NULL && word_add(words, "%s", program_of("SFT_SBATCH", "sbatch"))
        && word_add(words, "--parsable") && word_add(words, "--job-name=%s", options->name)
        && word_add(words, "--comment=" SWEEP_MARK "%s", cell->text)
        && word_add(words, "--output=%s-%%j.out", options->name);
    /* Runs beside each other share the network and disturb each other's figures. */
    if (ok && !options->beside)
        ok = word_add(words, "--dependency=singleton");
    if (ok && options->partition != NULL)
        ok = word_add(words, "--partition=%s", options->partition);
    if (ok && options->account != NULL)
        ok = word_add(words, "--account=%s", options->account);
    if (ok && options->time != NULL)
        ok = word_add(words, "--time=%s", options->time);
    if (ok && word_add(words, "--sft-bench=%s", cell->text))
        return words;
    words_free(words);
    return NULL;
}

static int submit_one(const struct sweep_options *options, struct sweep_cell *cell, struct sft_error *err)
{
    char **words = submit_words(options, cell), *text = NULL;
    size_t length;
    long long id;
    if (words == NULL)
        return sft_error_set(err, "no memory");
    int rc = spawn_read((const char *const *)words, NULL, &text, &length, err);
    if (rc == 0)
        text[strcspn(text, ";\n")] = '\0'; /* ID[;CLUSTER] */
    if (rc == 0 && text_digits(text, &id) < 0)
        rc = sft_error_set(err, "sbatch answered '%.60s' and no job's id", text);
    if (rc == 0) {
        printf("submitted %lld  %s\n", id, cell->text);
        fflush(stdout);
        cell->alive++;
    } else {
        sft_error_prefix(err, "%s", cell->text);
    }
    free(text);
    words_free(words);
    return rc;
}

int submit_missing(struct sweep_cells *cells, const struct sweep_options *options, int *submitted,
                   struct sft_error *err)
{
    *submitted = 0;
    for (int round = 1; round <= options->repeat; round++)
        for (size_t i = 0; i < cells->count; i++) {
            struct sweep_cell *cell = &cells->cell[i];
            if (cell->refused[0] != '\0' || cell->had + cell->alive >= round)
                continue;
            if (submit_one(options, cell, err) < 0)
                return -1;
            (*submitted)++;
        }
    return 0;
}

static bool is_alive(const struct sweep_job *job)
{
    return job->state == SWEEP_PENDING || job->state == SWEEP_RUNNING;
}

/* The jobs from *next on, as many as one command line takes. */
static int cancel_some(const struct sweep_state *state, size_t *next, int *count, struct sft_error *err)
{
    char id[CANCEL_BATCH][24];
    const char *argv[CANCEL_BATCH + 2] = { program_of("SFT_SCANCEL", "scancel") };
    int n = 0;
    for (; *next < state->count && n < CANCEL_BATCH; (*next)++)
        if (is_alive(&state->job[*next])) {
            snprintf(id[n], sizeof id[n], "%lld", state->job[*next].id);
            argv[n + 1] = id[n];
            n++;
        }
    char *text;
    size_t length;
    if (n == 0)
        return 0;
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    free(text);
    *count += n;
    return 0;
}

int submit_cancel(const struct sweep_state *state, int *count, struct sft_error *err)
{
    size_t next = 0;
    *count = 0;
    while (next < state->count)
        if (cancel_some(state, &next, count, err) < 0)
            return -1;
    return 0;
}

struct follower {
    long long said[SWEEP_CELLS * 4]; /* ids of ended jobs that were told */
    size_t count;
    bool live; /* a line stands that is rewritten */
};

static void live_clear(struct follower *f)
{
    if (f->live)
        fprintf(stderr, "\r\033[K");
    f->live = false;
}

static bool was_said(struct follower *f, long long id)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->said[i] == id)
            return true;
    if (f->count < sizeof f->said / sizeof f->said[0])
        f->said[f->count++] = id;
    return false;
}

static void say_ended(struct follower *f, const struct sweep_state *state, bool silent)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct sweep_job *job = &state->job[i];
        char request[120], word[32];
        if (is_alive(job) || was_said(f, job->id) || silent)
            continue;
        snprintf(request, sizeof request, "%.119s", job->request[0] != '\0' ? job->request : "?");
        snprintf(word, sizeof word, "%s", job->word);
        text_make_printable(request);
        text_make_printable(word);
        live_clear(f);
        printf("%lld  %s  %s", job->id, request, word);
        if (isfinite(job->tok_s))
            printf("  %.0f tokens/s", job->tok_s);
        printf("\n");
    }
    fflush(stdout);
}

static int say_live(struct follower *f, const struct sweep_state *state)
{
    int pending = 0, running = 0;
    long long id = 0;
    for (size_t i = 0; i < state->count; i++) {
        pending += state->job[i].state == SWEEP_PENDING;
        running += state->job[i].state == SWEEP_RUNNING;
        id = state->job[i].state == SWEEP_RUNNING ? state->job[i].id : id;
    }
    if (isatty(STDERR_FILENO) && pending + running > 0) {
        live_clear(f);
        fprintf(stderr, "%d running, %d pending", running, pending);
        if (id != 0)
            fprintf(stderr, " (job %lld)", id);
        f->live = true;
    }
    return pending + running;
}

/* One look; returns how many jobs are left, -1 where Slurm did not answer. */
static int follow_look(struct follower *f, struct sweep_cells *cells, const struct sweep_options *options,
                       bool silent, struct sft_error *err)
{
    struct sweep_state state;
    if (sweep_state_load(&state, options->name, err) < 0)
        return -1;
    say_ended(f, &state, silent);
    int left = say_live(f, &state);
    sweep_state_count(&state, cells, false);
    sweep_state_clear(&state);
    return left;
}

static void nap(void)
{
    struct timespec time = { POLL_SECONDS, 0 };
    nanosleep(&time, NULL);
}

int submit_follow(struct sweep_cells *cells, const struct sweep_options *options, struct sft_error *err)
{
    static struct follower follower;
    struct sigaction action = { .sa_handler = on_interrupt };
    int failures = 0, left;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    left = follow_look(&follower, cells, options, true, err);
    while (!interrupted && left != 0) {
        nap();
        left = follow_look(&follower, cells, options, false, err);
        failures = left < 0 ? failures + 1 : 0;
        if (failures == 1)
            fprintf(stderr, "sft-sweep: note: %s; the jobs go on, trying again\n", err->text);
        if (failures > 150)
            return -1;
    }
    live_clear(&follower);
    return interrupted ? 1 : 0;
}

static const struct grid_column columns[] = {
    { "request", "REQUEST", "", true }, { "wanted", "WANTED", "", false }, { "had", "COMPLETE", "", false },
    { "alive", "QUEUED", "", false },   { "bad", "FAILED", "", false },    { NULL, NULL, NULL, false },
};

void submit_status(const struct sweep_cells *cells, const struct sweep_options *options, FILE *out)
{
    struct grid grid;
    grid_init(&grid, columns);
    for (size_t i = 0; i < cells->count && grid_line(&grid) == 0; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        grid_set(&grid, "request", "%s", cell->text);
        if (options->models != NULL)
            grid_set(&grid, "wanted", "%d", options->repeat);
        grid_set(&grid, "had", "%d", cell->had);
        grid_set(&grid, "alive", "%d", cell->alive);
        grid_set(&grid, "bad", "%d", cell->bad);
    }
    grid_write(&grid, OPTIONS_TABLE, out, NULL);
    grid_clear(&grid);
}

bool submit_is_whole(const struct sweep_cells *cells, int repeat)
{
    for (size_t i = 0; i < cells->count; i++)
        if (cells->cell[i].refused[0] != '\0' || cells->cell[i].had < repeat)
            return false;
    return true;
}
