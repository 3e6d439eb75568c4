/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/hosts.h"
#include "sweep/follow.h"
#include "sweep/look.h"
#include "sweep/lock.h"
#include "sweep/report.h"
#include "sweep/submit.h"
#include "sweep/waits.h"

static void say_nodes(const char *before, const struct words *nodes)
{
    if (nodes->count == 0)
        return;
    printf("%s", before);
    for (int i = 0; i < nodes->count; i++)
        printf("%s%s", i > 0 ? ", " : "", nodes->list[i]);
    printf("\n");
}

static void say_verdict(const struct look *w)
{
    if (w->verified)
        printf("verify (job %lld): %d node%s good enough, %d bad, %d could not be told\n",
               w->verdict.id, w->nodes.good.count, w->nodes.good.count == 1 ? "" : "s",
               w->nodes.bad.count, w->nodes.unknown.count);
    say_nodes("left out, verify called bad: ", &w->nodes.bad);
    say_nodes("left out, not in the run of verify: ", &w->nodes.unverified);
    say_nodes("left out, down or drained: ", &w->nodes.away);
    say_nodes("verify could not tell, used all the same: ", &w->nodes.unknown);
}

static int none_good(const struct look *w, struct sft_error *err)
{
    char *bad = names_join(&w->nodes.bad);
    sft_error_set(err, "no good node is left, so nothing is run: verify (job %lld) called bad: %s",
                  w->verdict.id, bad != NULL ? bad : "none, and they are not there now");
    free(bad);
    return -1;
}

static int plan_show(const struct look *w)
{
    struct plan_sum sum = {0};
    printf("suite %s on partition %s: %d node%s\n", w->options.name, w->plan.partition,
           w->nodes.good.count, w->nodes.good.count == 1 ? "" : "s");
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++) {
        int repeat = phase_repeat(phase, &w->options);
        if (w->cells[phase].count == 0)
            continue;
        printf("\n%s: %d run%s of each\n", phase_title(phase), repeat, repeat == 1 ? "" : "s");
        plan_table(&w->cells[phase], repeat, stdout);
        plan_add(&sum, &w->cells[phase], repeat);
    }
    printf("\n");
    plan_sums(&sum, &w->plan, stdout);
    plan_gpus(&w->cells[PHASE_MODELS], &w->plan, w->options.repeat, stdout);
    fflush(stdout);
    return sum.jobs;
}

/* verify's last job, and why there is no verdict. */
static int verify_failed(struct look *w, struct sft_error *err)
{
    const struct sweep_job *last = NULL;
    for (size_t i = 0; i < w->state.count; i++) {
        const struct sweep_job *job = &w->state.job[i];
        if (sweep_cells_find(&w->cells[PHASE_VERIFY], job->request, job->asked, job->node) != NULL)
            last = job;
    }
    if (last == NULL)
        return sft_error_set(err, "verify left nothing in Slurm, so nothing else is run; the same "
                                  "command tries again");
    return sft_error_set(err,
                         "verify did not come to its end (job %lld: %s%s%s), so nothing else is "
                         "run: see %s-%lld.out; the same command tries again, and 'verify = no' in "
                         "the suite does without",
                         last->id, last->word, last->why[0] != '\0' ? ": " : "", last->why,
                         w->options.name, last->id);
}

static int verdict_take(struct look *w, struct sft_error *err)
{
    if (w->cells[PHASE_VERIFY].count == 0)
        return 0;
    if (look_await(w, err) < 0 || look_again(w, err) < 0)
        return -1;
    if (w->cells[PHASE_VERIFY].cell[0].had == 0)
        return verify_failed(w, err);
    if (!w->verified)
        return sft_error_set(err, "the accounting does not have verify's record yet: the same "
                                  "command goes on when it has");
    say_verdict(w);
    look_fit(w);
    return w->nodes.good.count == 0 ? none_good(w, err) : 0;
}

/* An interrupt, or what somebody cancelled, ends the suite and not only a phase. */
static int phase_end(struct look *w, int rc)
{
    const char *name = w->options.name;
    if (rc < 0)
        return SWEEP_WRONG;
    if (rc == FOLLOW_INTERRUPTED) {
        printf("no longer following; the jobs go on. sft-sweep --name %s --status | --cancel; the "
               "same command with --name %s goes on with all that follows\n",
               name, name);
        return SWEEP_MISSING;
    }
    if (rc == FOLLOW_STUCK) {
        printf(
            "not complete: no job runs, and those that are pending wait for what does not come by "
            "itself. sft-sweep --name %s --cancel ends them; the same command with --name %s "
            "goes on\n",
            name, name);
        return SWEEP_MISSING;
    }
    if (phase_was_cancelled(&w->begun, &w->state)) {
        printf("jobs were cancelled, so nothing more is submitted: the same command with --name %s "
               "goes on\n",
               name);
        return SWEEP_MISSING;
    }
    return SWEEP_WHOLE;
}

/* The smoke trainings that wait for a node that is down, or that a prolog's failure there has held,
 * hold up all that follows. Ended here they are not what somebody cancelled. Returns how many. */
static int away_skip(struct look *w, const struct words *away, struct sft_error *err)
{
    int skipped = 0;
    for (size_t i = 0; i < w->state.count; i++) {
        const struct sweep_job *job = &w->state.job[i];
        if (!waits_for_help(job) || !hosts_has(away, job->node) ||
            sweep_cells_find(&w->cells[PHASE_SMOKE], job->request, job->asked, job->node) == NULL)
            continue;
        if (sweep_state_end(&w->begun, job->id, err) < 0 || submit_drop(job->id, err) < 0)
            return -1;
        printf("skipped: job %lld on %s, which is down or drained\n", job->id, job->node);
        skipped++;
    }
    fflush(stdout);
    return skipped;
}

struct away_asked {
    const char *partition;
    struct words there, away;
};

static int away_ask(void *context, struct sft_error *err)
{
    struct away_asked *nodes = context;
    return names_ask(&nodes->there, &nodes->away, nodes->partition, err);
}

static int phase_follow(struct look *w, struct sweep_cells *cells, struct sft_error *err)
{
    int rc, skipped = 1;
    while ((rc = follow_sweep(&w->state, cells, w->options.name, true, err)) == FOLLOW_STUCK) {
        struct away_asked nodes = {.partition = w->plan.partition};
        skipped = follow_try(away_ask, &nodes, err) < 0 ? -1 : away_skip(w, &nodes.away, err);
        words_clear(&nodes.there);
        words_clear(&nodes.away);
        if (skipped <= 0)
            break;
    }
    return skipped < 0 ? -1 : rc;
}

static int phase_run(struct look *w, enum phase phase, struct sft_error *err)
{
    struct sweep_cells *cells = &w->cells[phase];
    int submitted = 0;
    if (cells->count == 0)
        return SWEEP_WHOLE;
    /* Nodes may have gone down since. */
    if (phase == PHASE_MODELS) {
        if (look_again(w, err) < 0)
            return SWEEP_WRONG;
        look_fit(w);
    }
    struct sweep_options options = look_options(w, phase);
    printf("%s\n", phase_title(phase));
    int rc = submit_missing(cells, &options, &submitted, err);
    if (rc == 1)
        printf("interrupted: ");
    if (rc != 0) {
        submit_say(&options, submitted);
        return rc == 1 ? SWEEP_MISSING : SWEEP_WRONG;
    }
    int end = phase_end(w, phase_follow(w, cells, err));
    if (end == SWEEP_WHOLE && phase == PHASE_VERIFY && verdict_take(w, err) < 0)
        return SWEEP_WRONG;
    fflush(stdout);
    return end;
}

static bool is_whole(const struct look *w)
{
    bool whole = w->nodes.bad.count == 0;
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        whole = whole && submit_is_whole(&w->cells[phase], phase_repeat(phase, &w->options));
    return whole;
}

static void status_print(struct look *w)
{
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++) {
        struct sweep_options options = look_options(w, phase);
        if (w->cells[phase].count == 0)
            continue;
        printf("\n%s\n", phase_title(phase));
        submit_status(&w->cells[phase], &options, stdout);
        plan_refused(&w->cells[phase], options.repeat, stdout);
        submit_failed(&w->state, &w->cells[phase], stdout);
    }
}

/* With its file, which has the report's goals and title. */
static void say_report(const struct look *w)
{
    struct words words = {0};
    words_add(&words, "sft-sweep");
    if (w->options.suite != NULL)
        words_add(&words, "--suite=%s", w->options.suite);
    words_add(&words, "--name=%s", w->options.name);
    words_add(&words, "--report-only");
    char *line = words.failed ? NULL : words_quote(&words);
    printf("the accounting does not have every run yet: %s makes the report again\n",
           line != NULL ? line : "sft-sweep --report-only");
    free(line);
    words_clear(&words);
}

static void say_end(const struct look *w, bool whole, bool accounted)
{
    int refused = phase_refused(w->cells, &w->options);
    char but[48] = "";
    if (refused > 0)
        snprintf(but, sizeof but, " but for %d refused", refused);
    if (whole && accounted)
        printf("complete\n");
    else if (!accounted || phase_next(w->cells, &w->options) != PHASES)
        printf("not complete: the same command with --name %s runs what is missing\n",
               w->options.name);
    else if (w->nodes.bad.count + w->nodes.unverified.count > 0)
        printf("complete on the nodes that verify left%s\n", but);
    else
        printf("complete%s\n", but);
}

static int whole_end(struct look *w, struct sft_error *err)
{
    if (look_await(w, err) < 0 || look_again(w, err) < 0)
        return SWEEP_WRONG;
    look_fit(w);
    bool whole = is_whole(w), accounted = phase_is_accounted(&w->state);
    status_print(w);
    printf("\n");
    say_verdict(w);
    fflush(stdout);
    if (report_make(&w->options, w->suite, err) != SWEEP_WHOLE)
        return SWEEP_WRONG;
    if (!accounted)
        say_report(w);
    say_end(w, whole, accounted);
    return whole && accounted ? SWEEP_WHOLE : SWEEP_MISSING;
}

static int phases_run(struct look *w, struct sft_error *err)
{
    int end = SWEEP_WHOLE;
    follow_watch_interrupts();
    w->following = true;
    for (enum phase phase = PHASE_VERIFY; end == SWEEP_WHOLE && phase < PHASES; phase++)
        end = phase_run(w, phase, err);
    if (end == SWEEP_WHOLE)
        end = whole_end(w, err);
    /* Ctrl-C reaches what was asked, too. */
    return end == SWEEP_WRONG && follow_is_interrupted() ? phase_end(w, FOLLOW_INTERRUPTED) : end;
}

/* Verify is for what follows. */
static int none_runs(const struct look *w, struct sft_error *err)
{
    const struct sweep_cells *first = &w->cells[PHASE_VERIFY];
    bool verify = submit_is_whole(first, 1);
    if (!verify && first->cell[0].refused[0] != '\0')
        return sft_error_set(err, "verify is refused, so nothing is run: %s",
                             first->cell[0].refused);
    bool more = false;
    for (enum phase phase = PHASE_SMOKE; phase < PHASES; phase++)
        for (size_t i = 0; i < w->cells[phase].count; i++)
            more |= w->cells[phase].cell[i].refused[0] == '\0';
    return verify || more
               ? 0
               : sft_error_set(err, "all that would follow verify is refused, so nothing "
                                    "is submitted");
}

static int start(struct look *w, struct sft_error *err)
{
    int rc;
    if (w->suite->fitting && w->plan.gpus == 0) {
        sft_error_set(
            err,
            "partition %s has no GPUs that Slurm or sft-bench.conf tells of, and the suite "
            "without a file is for GPUs: --suite FILE says what to run",
            w->plan.partition);
        return SWEEP_WRONG;
    }
    if (w->state.queued) {
        sft_error_set(err,
                      "this cluster has no accounting (slurmdbd), and a suite knows by it what "
                      "is complete and what verify found: --models and --nodes do without");
        return SWEEP_WRONG;
    }
    say_verdict(w);
    look_fit(w);
    if (w->nodes.good.count == 0 && none_good(w, err) < 0)
        return SWEEP_WRONG;
    int jobs = plan_show(w);
    if (w->options.action == SWEEP_PLAN)
        return is_whole(w) ? SWEEP_WHOLE : SWEEP_MISSING;
    if (none_runs(w, err) < 0)
        return SWEEP_WRONG;
    if (jobs > 0 && !w->options.yes && (rc = submit_ask(jobs, err)) != 0)
        return rc < 0 ? SWEEP_WRONG : SWEEP_MISSING;
    return phases_run(w, err);
}

int whole_run(const struct sweep_options *options, const struct suite *suite, struct sft_error *err)
{
    struct look *w = look_create(options, suite, err);
    int end = SWEEP_WRONG;
    if (w == NULL)
        return end;
    if (lock_take(options->name, err) == 0 &&
        sweep_state_load(&w->begun, options->name, err) == 0 && look_again(w, err) == 0)
        end = start(w, err);
    look_destroy(w);
    return end;
}

int whole_status(const struct sweep_options *options, const struct suite *suite,
                 struct sft_error *err)
{
    struct look *w = look_create(options, suite, err);
    int end = SWEEP_WRONG;
    if (w == NULL)
        return end;
    if (look_again(w, err) == 0) {
        say_verdict(w);
        look_fit(w);
        status_print(w);
        end = is_whole(w) ? SWEEP_WHOLE : SWEEP_MISSING;
    }
    look_destroy(w);
    return end;
}
