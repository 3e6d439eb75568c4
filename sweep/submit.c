/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: asprintf */
#include "sweep/submit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/grid.h"
#include "accounts/spawn.h"
#include "accounts/text.h"
#include "sweep/follow.h"
#include "sweep/plan.h"

#define WORDS 16
#define CANCEL_BATCH 200
#define FAILED_TOLD 20

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

int submit_ask(int jobs, struct sft_error *err)
{
    char answer[16];
    if (!isatty(STDIN_FILENO))
        return sft_error_set(err, "nobody here to ask: --yes submits, --plan only shows");
    printf("Submit %d job%s? [y/N] ", jobs, jobs == 1 ? "" : "s");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')
               ? 0
               : 1;
}

void submit_say(const struct sweep_options *options, int submitted)
{
    printf("%d submitted. To go on: the same command with --name %s; what is there: sft-sweep "
           "--name %s --status; "
           "to end it: sft-sweep --name %s --cancel\n",
           submitted, options->name, options->name, options->name);
    fflush(stdout);
}

char **submit_words(const struct sweep_options *options, const struct sweep_cell *cell)
{
    char **words = calloc(WORDS, sizeof *words);
    bool ok = words != NULL && word_add(words, "%s", spawn_program("SFT_SBATCH", "sbatch")) &&
              word_add(words, "--parsable") && word_add(words, "--job-name=%s", options->name) &&
              word_add(words, "--comment=" ROW_ASKED "%s", cell->text) &&
              word_add(words, "--output=%s-%%j.out", options->name);
    /* Runs beside each other share the network and disturb each other's figures; those that each
     * have a node, and it alone, do not. */
    if (ok && cell->node[0] != '\0')
        ok = word_add(words, "--nodelist=%s", cell->node) && word_add(words, "--exclusive");
    else if (ok && !options->beside)
        ok = word_add(words, "--dependency=singleton");
    if (ok && cell->node[0] == '\0' && options->exclude != NULL)
        ok = word_add(words, "--exclude=%s", options->exclude);
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

static int submit_one(const struct sweep_options *options, struct sweep_cell *cell,
                      struct sft_error *err)
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
        printf("submitted %lld  %s%s%s\n", id, cell->text, cell->node[0] != '\0' ? " on " : "",
               cell->node);
        fflush(stdout);
        cell->pending++;
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
            if (cell->refused[0] != '\0' || cell->had + sweep_cell_alive(cell) >= round)
                continue;
            if (follow_is_interrupted())
                return 1;
            /* Ctrl-C reaches an sbatch in the terminal, too. */
            if (submit_one(options, cell, err) < 0)
                return follow_is_interrupted() ? 1 : -1;
            (*submitted)++;
        }
    return follow_is_interrupted() ? 1 : 0;
}

/* The jobs from *next on, as many as one command line takes. */
static int cancel_some(const struct sweep_state *state, size_t *next, int *count,
                       struct sft_error *err)
{
    char id[CANCEL_BATCH][24];
    const char *argv[CANCEL_BATCH + 2] = {spawn_program("SFT_SCANCEL", "scancel")};
    int n = 0;
    for (; *next < state->count && n < CANCEL_BATCH; (*next)++)
        if (sweep_job_is_alive(&state->job[*next])) {
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

int submit_drop(long long id, struct sft_error *err)
{
    char text[24], *said;
    size_t length;
    const char *argv[] = {spawn_program("SFT_SCANCEL", "scancel"), "--state=PENDING", text, NULL};
    snprintf(text, sizeof text, "%lld", id);
    int rc = spawn_read(argv, NULL, &said, &length, err);
    free(said);
    return rc;
}

static const struct grid_column columns[] = {
    {"request", "REQUEST", "", true},  {"wanted", "WANTED", "", false},
    {"had", "COMPLETE", "", false},    {"running", "RUNNING", "", false},
    {"pending", "PENDING", "", false}, {"bad", "FAILED", "", false},
    {NULL, NULL, NULL, false},
};

void submit_status(const struct sweep_cells *cells, const struct sweep_options *options, FILE *out)
{
    struct grid grid;
    grid_init(&grid, columns);
    for (size_t i = 0; i < cells->count && grid_line(&grid) == 0; i++) {
        const struct sweep_cell *cell = &cells->cell[i];
        grid_set(&grid, "request", "%s%s%s", cell->text, cell->node[0] != '\0' ? " on " : "",
                 cell->node);
        if (options->whole || options->models != NULL)
            grid_set(&grid, "wanted", "%d", options->repeat);
        grid_set(&grid, "had", "%d", cell->had);
        grid_set(&grid, "running", "%d", cell->running);
        grid_set(&grid, "pending", "%d", cell->pending);
        grid_set(&grid, "bad", "%d", cell->bad);
    }
    grid_write(&grid, GRID_TABLE, out, NULL);
    grid_clear(&grid);
}

void submit_failed(const struct sweep_state *state, struct sweep_cells *cells, FILE *out)
{
    int told = 0;
    for (size_t i = state->count; i-- > 0 && told < FAILED_TOLD;) {
        const struct sweep_job *job = &state->job[i];
        if (job->state == SWEEP_BAD &&
            sweep_cells_find(cells, job->request, job->asked, job->node) != NULL) {
            fprintf(out, "failed: ");
            sweep_job_print(job, out);
            told++;
        }
    }
}

bool submit_is_whole(const struct sweep_cells *cells, int repeat)
{
    for (size_t i = 0; i < cells->count; i++)
        if (cells->cell[i].had < repeat)
            return false;
    return true;
}
