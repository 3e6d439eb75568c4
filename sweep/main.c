/* SPDX-License-Identifier: Apache-2.0 */
/* sft-sweep: every model on every number of nodes, several times, as Slurm jobs of one name. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/text.h"
#include "sweep/follow.h"
#include "sweep/lock.h"
#include "sweep/plan.h"
#include "sweep/site.h"
#include "sweep/submit.h"

enum { WHOLE = 0, MISSING = 1, BAD = 2 };

static int ask(int jobs, struct sft_error *err)
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

static void say_how(const struct sweep_options *options, int submitted)
{
    printf("%d submitted. To go on: the same command with --name %s; what is there: sft-sweep "
           "--name %s --status; "
           "to end it: sft-sweep --name %s --cancel\n",
           submitted, options->name, options->name, options->name);
    fflush(stdout);
}

static int follow(struct sweep_state *seen, struct sweep_cells *cells,
                  const struct sweep_options *options, struct sft_error *err)
{
    int rc = follow_sweep(seen, cells, options->name, err);
    if (rc < 0)
        return BAD;
    if (rc == 1) {
        printf("no longer following; the jobs go on. sft-sweep --name %s --status | --cancel\n",
               options->name);
        return MISSING;
    }
    submit_status(cells, options, stdout);
    if (submit_is_whole(cells, options->repeat)) {
        printf("complete: sft-report --sweep %s --format html --output %s.html\n", options->name,
               options->name);
        return WHOLE;
    }
    printf("not complete: the same command with --name %s runs what is missing\n", options->name);
    return MISSING;
}

static int submit(struct sweep_state *seen, struct sweep_cells *cells,
                  const struct sweep_options *options, int jobs, struct sft_error *err)
{
    int submitted = 0, rc;
    follow_watch_interrupts();
    rc = submit_missing(cells, options, &submitted, err);
    if (rc == 1)
        printf("interrupted: ");
    if (rc != 0 || jobs > 0)
        say_how(options, submitted);
    if (rc != 0)
        return rc == 1 ? MISSING : BAD;
    return options->detach ? WHOLE : follow(seen, cells, options, err);
}

static int plan(struct sweep_state *seen, struct sweep_cells *cells,
                const struct sweep_options *options, struct sft_error *err)
{
    struct plan_nodes nodes;
    int rc;
    sweep_state_count(seen, cells, false);
    if (plan_make(cells, &nodes, options, err) < 0)
        return BAD;
    int jobs = plan_print(cells, &nodes, options, stdout);
    fflush(stdout);
    if (options->action == SWEEP_PLAN)
        return submit_is_whole(cells, options->repeat) ? WHOLE : MISSING;
    if (jobs > 0 && !options->yes && (rc = ask(jobs, err)) != 0)
        return rc < 0 ? BAD : MISSING;
    return submit(seen, cells, options, jobs, err);
}

static int run(const struct sweep_options *options, struct sweep_cells *cells,
               struct sft_error *err)
{
    struct sweep_state seen;
    if (lock_take(options->name, err) < 0 || sweep_state_load(&seen, options->name, err) < 0)
        return BAD;
    int rc = plan(&seen, cells, options, err);
    sweep_state_clear(&seen);
    return rc;
}

static int status(const struct sweep_options *options, struct sweep_cells *cells,
                  struct sft_error *err)
{
    struct sweep_state state;
    if (sweep_state_load(&state, options->name, err) < 0)
        return BAD;
    sweep_state_count(&state, cells, options->models == NULL);
    if (cells->count > 0) {
        submit_status(cells, options, stdout);
        submit_failed(&state, cells, stdout);
    }
    sweep_state_clear(&state);
    if (cells->count == 0) {
        sft_error_set(err, "no jobs of yours have the name %s", options->name);
        return BAD;
    }
    return options->models == NULL || submit_is_whole(cells, options->repeat) ? WHOLE : MISSING;
}

static int cancel(const struct sweep_options *options, struct sft_error *err)
{
    struct sweep_state state;
    int count;
    if (sweep_state_load(&state, options->name, err) < 0)
        return BAD;
    int rc = submit_cancel(&state, &count, err);
    sweep_state_clear(&state);
    if (rc < 0)
        return BAD;
    printf("%d job%s cancelled\n", count, count == 1 ? "" : "s");
    return WHOLE;
}

/* A site's file that cannot be read is told where a plan needs it. */
static void cells_resolve(struct sweep_cells *cells)
{
    static struct conf conf;
    if (cells->count > 0 && site_load(&conf, NULL) == 0)
        sweep_cells_resolve(cells, &conf.sets);
}

static int act(const struct sweep_options *options, struct sft_error *err)
{
    struct sweep_cells cells;
    int exit_status;
    if (options->action == SWEEP_HELP) {
        sweep_options_help(stdout);
        return WHOLE;
    }
    if (options->action == SWEEP_VERSION) {
        puts("sft-sweep " PACKAGE_VERSION);
        return WHOLE;
    }
    if (options->action == SWEEP_CANCEL)
        return cancel(options, err);
    if (sweep_cells_make(&cells, options, err) < 0)
        return BAD;
    cells_resolve(&cells);
    exit_status =
        options->action == SWEEP_STATUS ? status(options, &cells, err) : run(options, &cells, err);
    sweep_cells_clear(&cells);
    return exit_status;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct sweep_options options;
    int exit_status = BAD;
    setlocale(LC_CTYPE, "");
    if (sweep_options_parse(&options, argc, argv, time(NULL), &err) == 0)
        exit_status = act(&options, &err);
    if (fflush(stdout) != 0 && exit_status != BAD) {
        sft_error_set(&err, "standard output: %s", strerror(errno));
        exit_status = BAD;
    }
    text_make_plain(err.text);
    if (exit_status == BAD)
        fprintf(stderr, "sft-sweep: %s\n", err.text);
    return exit_status;
}
