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
#include "sweep/report.h"
#include "sweep/site.h"
#include "sweep/submit.h"
#include "sweep/whole.h"

static int follow(struct sweep_state *seen, struct sweep_cells *cells,
                  const struct sweep_options *options, struct sft_error *err)
{
    int rc = follow_sweep(seen, cells, options->name, false, err);
    if (rc < 0)
        return SWEEP_WRONG;
    if (rc == FOLLOW_INTERRUPTED) {
        printf("no longer following; the jobs go on. sft-sweep --name %s --status | --cancel\n",
               options->name);
        return SWEEP_MISSING;
    }
    submit_status(cells, options, stdout);
    if (submit_is_whole(cells, options->repeat)) {
        printf("complete: sft-report --sweep %s --format html --output %s.html\n", options->name,
               options->name);
        return SWEEP_WHOLE;
    }
    printf("not complete: the same command with --name %s runs what is missing\n", options->name);
    return SWEEP_MISSING;
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
        submit_say(options, submitted);
    if (rc != 0)
        return rc == 1 ? SWEEP_MISSING : SWEEP_WRONG;
    return options->detach ? SWEEP_WHOLE : follow(seen, cells, options, err);
}

static int plan(struct sweep_state *seen, struct sweep_cells *cells,
                const struct sweep_options *options, struct sft_error *err)
{
    struct plan_nodes nodes;
    int rc;
    sweep_state_count(seen, cells, false);
    static struct conf conf;
    if (plan_begin(&nodes, &conf, options, err) < 0)
        return SWEEP_WRONG;
    plan_cells(cells, &nodes, &conf);
    int jobs = plan_print(cells, &nodes, options, stdout);
    fflush(stdout);
    if (options->action == SWEEP_PLAN)
        return submit_is_whole(cells, options->repeat) ? SWEEP_WHOLE : SWEEP_MISSING;
    if (jobs > 0 && !options->yes && (rc = submit_ask(jobs, err)) != 0)
        return rc < 0 ? SWEEP_WRONG : SWEEP_MISSING;
    return submit(seen, cells, options, jobs, err);
}

static int run(const struct sweep_options *options, struct sweep_cells *cells,
               struct sft_error *err)
{
    struct sweep_state seen;
    if (lock_take(options->name, err) < 0 || sweep_state_load(&seen, options->name, err) < 0)
        return SWEEP_WRONG;
    int rc = plan(&seen, cells, options, err);
    sweep_state_clear(&seen);
    return rc;
}

static int status(const struct sweep_options *options, struct sweep_cells *cells,
                  struct sft_error *err)
{
    struct sweep_state state;
    if (sweep_state_load(&state, options->name, err) < 0)
        return SWEEP_WRONG;
    sweep_state_count(&state, cells, options->models == NULL);
    if (cells->count > 0) {
        submit_status(cells, options, stdout);
        submit_failed(&state, cells, stdout);
    }
    sweep_state_clear(&state);
    if (cells->count == 0) {
        sft_error_set(err, "no jobs of yours have the name %s", options->name);
        return SWEEP_WRONG;
    }
    return options->models == NULL || submit_is_whole(cells, options->repeat) ? SWEEP_WHOLE
                                                                              : SWEEP_MISSING;
}

static int cancel(const struct sweep_options *options, struct sft_error *err)
{
    struct sweep_state state;
    int count;
    if (sweep_state_load(&state, options->name, err) < 0)
        return SWEEP_WRONG;
    int rc = submit_cancel(&state, &count, err);
    sweep_state_clear(&state);
    if (rc < 0)
        return SWEEP_WRONG;
    printf("%d job%s cancelled\n", count, count == 1 ? "" : "s");
    return SWEEP_WHOLE;
}

/* A site's file that cannot be read is told where a plan needs it. */
static void cells_resolve(struct sweep_cells *cells)
{
    static struct conf conf;
    if (cells->count > 0 && site_load(&conf, NULL) == 0)
        sweep_cells_resolve(cells, &conf.sets);
}

static int act_grid(const struct sweep_options *options, struct sft_error *err)
{
    struct sweep_cells cells;
    if (sweep_cells_make(&cells, options, err) < 0)
        return SWEEP_WRONG;
    cells_resolve(&cells);
    int end =
        options->action == SWEEP_STATUS ? status(options, &cells, err) : run(options, &cells, err);
    sweep_cells_clear(&cells);
    return end;
}

static int act_suite(struct sweep_options *options, struct sft_error *err)
{
    static struct suite suite;
    if (options->suite == NULL)
        suite_standard(&suite);
    else if (suite_load(&suite, options->suite, err) < 0)
        return SWEEP_WRONG;
    suite_options(&suite, options);
    switch (options->action) {
    case SWEEP_CANCEL:
        return cancel(options, err);
    case SWEEP_REPORT:
        return report_make(options, &suite, err);
    case SWEEP_STATUS:
        return whole_status(options, &suite, err);
    default:
        return whole_run(options, &suite, err);
    }
}

static int act(struct sweep_options *options, struct sft_error *err)
{
    switch (options->action) {
    case SWEEP_HELP:
        sweep_options_help(stdout);
        return SWEEP_WHOLE;
    case SWEEP_VERSION:
        puts("sft-sweep " PACKAGE_VERSION);
        return SWEEP_WHOLE;
    case SWEEP_RUN:
    case SWEEP_PLAN:
    case SWEEP_STATUS:
    case SWEEP_CANCEL:
    case SWEEP_REPORT:
        break;
    }
    if (options->whole)
        return act_suite(options, err);
    return options->action == SWEEP_CANCEL ? cancel(options, err) : act_grid(options, err);
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct sweep_options options;
    int exit_status = SWEEP_WRONG;
    setlocale(LC_CTYPE, "");
    if (sweep_options_parse(&options, argc, argv, time(NULL), &err) == 0)
        exit_status = act(&options, &err);
    if (fflush(stdout) != 0 && exit_status != SWEEP_WRONG) {
        sft_error_set(&err, "standard output: %s", strerror(errno));
        exit_status = SWEEP_WRONG;
    }
    text_make_plain(err.text);
    if (exit_status == SWEEP_WRONG)
        fprintf(stderr, "sft-sweep: %s\n", err.text);
    return exit_status;
}
