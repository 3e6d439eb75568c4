/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sweep/follow.h"
#include "sweep/lock.h"
#include "sweep/phase.h"
#include "sweep/plan.h"
#include "sweep/report.h"
#include "sweep/submit.h"
#include "sweep/waits.h"

#define ACCOUNTING_LOOKS 60 /* seconds that a record may take into the accounting */

struct whole {
    struct sweep_options options;
    const struct suite *suite;
    struct conf conf;
    struct plan_nodes plan;
    struct phase_nodes nodes;
    struct sweep_state state, begun; /* begun: as it was at the start */
    struct sweep_cells cells[PHASES];
    char *exclude;
    bool verified; /* verify's record is read: */
    struct sweep_verify verdict;
};

static void whole_clear(struct whole *w)
{
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        sweep_cells_clear(&w->cells[phase]);
    phase_nodes_clear(&w->nodes);
    sweep_state_clear(&w->state);
    sweep_state_clear(&w->begun);
    free(w->exclude);
    free(w);
}

/* The options of a phase's submissions. */
static struct sweep_options phase_options(const struct whole *w, enum phase phase)
{
    struct sweep_options options = w->options;
    options.repeat = phase_repeat(phase, &w->options);
    options.exclude = phase == PHASE_VERIFY ? NULL : w->exclude;
    return options;
}

static int cells_make(struct whole *w, enum phase phase, int count, struct sft_error *err)
{
    struct sweep_cells *cells = &w->cells[phase];
    if (phase_cells(w->cells, phase, w->suite, &w->options, &w->nodes, count, err) < 0)
        return -1;
    sweep_cells_resolve(cells, &w->conf.sets);
    sweep_state_count(&w->state, cells, false);
    w->plan.nodes = phase == PHASE_VERIFY ? count : w->nodes.good.count;
    plan_cells(cells, &w->plan, &w->conf);
    phase_cells_refuse(cells, &w->nodes);
    return 0;
}

/* Slurm must not place a run on a node that verify has not called good, not on one that comes back
 * later either. */
static int exclude_make(struct whole *w, struct sft_error *err)
{
    struct words out = {0};
    words_add_all(&out, w->nodes.bad.list, w->nodes.bad.count);
    words_add_all(&out, w->nodes.unverified.list, w->nodes.unverified.count);
    for (int i = 0; i < w->nodes.away.count; i++)
        if (!names_have(&w->nodes.verified, w->nodes.away.list[i]))
            names_add(&out, w->nodes.away.list[i]);
    free(w->exclude);
    w->exclude = names_join(&out);
    int rc = out.failed || (out.count > 0 && w->exclude == NULL) ? -1 : 0;
    words_clear(&out);
    return rc < 0 ? sft_error_set(err, "no memory for nodes' names") : 0;
}

static int nodes_choose(struct whole *w, const struct words *there, const struct words *away,
                        struct sft_error *err)
{
    struct sweep_cells *cells = &w->cells[PHASE_VERIFY];
    const struct sweep_verify *verdict = sweep_state_verdict(&w->state, cells);
    w->verified = verdict != NULL;
    if (verdict != NULL)
        w->verdict = *verdict;
    struct words ran = {0};
    if (cells->count == 0)
        phase_nodes_ran(&ran, &w->state);
    phase_nodes_clear(&w->nodes);
    int rc = ran.failed ? sft_error_set(err, "no memory for nodes' names")
                        : phase_nodes_choose(&w->nodes, there, away,
                                             w->verified ? &w->verdict : NULL, &ran, err);
    words_clear(&ran);
    if (rc < 0)
        return -1;
    return w->verified ? exclude_make(w, err) : 0;
}

/* Everything anew: what Slurm has of the suite, the nodes, and so the cells of all phases. */
static int look_nodes(struct whole *w, struct words *there, struct words *away,
                      struct sft_error *err)
{
    if (plan_begin(&w->plan, &w->conf, &w->options, err) < 0 ||
        names_ask(there, away, w->plan.partition, err) < 0)
        return -1;
    if (there->count == 0)
        return sft_error_set(err, "no node of partition %s can run jobs now", w->plan.partition);
    if (cells_make(w, PHASE_VERIFY, there->count, err) < 0 || nodes_choose(w, there, away, err) < 0)
        return -1;
    w->plan.left = there->count - w->nodes.good.count;
    w->plan.away = away->count;
    if (cells_make(w, PHASE_SMOKE, there->count, err) < 0)
        return -1;
    return cells_make(w, PHASE_MODELS, there->count, err);
}

static int look(struct whole *w, struct sft_error *err)
{
    struct words there = {0}, away = {0};
    sweep_state_clear(&w->state);
    int rc = sweep_state_load(&w->state, w->options.name, err);
    if (rc == 0)
        rc = look_nodes(w, &there, &away, err);
    words_clear(&there);
    words_clear(&away);
    return rc;
}

static void say_nodes(const char *before, const struct words *nodes, const char *after)
{
    if (nodes->count == 0)
        return;
    printf("%s", before);
    for (int i = 0; i < nodes->count; i++)
        printf("%s%s", i > 0 ? ", " : "", nodes->list[i]);
    printf("%s\n", after);
}

static void say_verdict(const struct whole *w)
{
    if (w->verified)
        printf("verify (job %lld): %d node%s good enough, %d bad, %d could not be told\n",
               w->verdict.id, w->nodes.good.count, w->nodes.good.count == 1 ? "" : "s",
               w->nodes.bad.count, w->nodes.unknown.count);
    say_nodes("left out, verify called bad: ", &w->nodes.bad, "");
    say_nodes("left out, not in the run of verify: ", &w->nodes.unverified, "");
    say_nodes("left out, down or drained: ", &w->nodes.away, "");
    say_nodes("verify could not tell, used all the same: ", &w->nodes.unknown, "");
}

static int none_good(const struct whole *w, struct sft_error *err)
{
    char *bad = names_join(&w->nodes.bad);
    sft_error_set(err, "no good node is left, so nothing is run: verify (job %lld) called bad: %s",
                  w->verdict.id, bad != NULL ? bad : "none, and they are not there now");
    free(bad);
    return -1;
}

/* Of the suite without a file what does not fit into the GPUs' memory is no part. */
static void cells_fit(struct whole *w)
{
    struct sweep_cells *models = &w->cells[PHASE_MODELS];
    size_t kept = 0;
    for (size_t i = 0; w->suite->fitting && i < models->count; i++)
        if (models->cell[i].unfit)
            printf("left out: %s: %s\n", models->cell[i].text, models->cell[i].refused);
        else
            models->cell[kept++] = models->cell[i];
    if (w->suite->fitting)
        models->count = kept;
}

static int plan_show(const struct whole *w)
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
static int verify_failed(struct whole *w, struct sft_error *err)
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

/* Until the accounting has what is complete. */
static int accounting_await(struct whole *w, struct sft_error *err)
{
    const struct timespec nap = {1, 0};
    for (int i = 0; !phase_is_accounted(&w->state) && i < ACCOUNTING_LOOKS; i++) {
        if (follow_is_interrupted())
            break;
        nanosleep(&nap, NULL);
        sweep_state_clear(&w->state);
        if (sweep_state_load(&w->state, w->options.name, err) < 0)
            return -1;
    }
    return 0;
}

static int verdict_take(struct whole *w, struct sft_error *err)
{
    if (w->cells[PHASE_VERIFY].count == 0)
        return 0;
    if (accounting_await(w, err) < 0 || look(w, err) < 0)
        return -1;
    if (w->cells[PHASE_VERIFY].cell[0].had == 0)
        return verify_failed(w, err);
    if (!w->verified)
        return sft_error_set(err, "the accounting does not have verify's record yet: the same "
                                  "command goes on when it has");
    say_verdict(w);
    cells_fit(w);
    return w->nodes.good.count == 0 ? none_good(w, err) : 0;
}

/* An interrupt, or what somebody cancelled, ends the suite and not only a phase. */
static int phase_end(struct whole *w, int rc)
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

/* The smoke trainings that wait for a node that is down hold up all that follows. Ended here they
 * are not what somebody cancelled. Returns how many. */
static int away_skip(struct whole *w, const struct words *away, struct sft_error *err)
{
    int skipped = 0;
    for (size_t i = 0; i < w->state.count; i++) {
        const struct sweep_job *job = &w->state.job[i];
        if (job->state != SWEEP_PENDING || waits_read(job->reason) != WAITS_NODE ||
            !names_have(away, job->node) ||
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

static int phase_follow(struct whole *w, struct sweep_cells *cells, struct sft_error *err)
{
    int rc, skipped = 1;
    while ((rc = follow_sweep(&w->state, cells, w->options.name, true, err)) == FOLLOW_STUCK &&
           skipped > 0) {
        struct words there = {0}, away = {0};
        skipped =
            names_ask(&there, &away, w->plan.partition, err) < 0 ? -1 : away_skip(w, &away, err);
        words_clear(&there);
        words_clear(&away);
        if (skipped <= 0)
            break;
    }
    return skipped < 0 ? -1 : rc;
}

static int phase_run(struct whole *w, enum phase phase, struct sft_error *err)
{
    struct sweep_cells *cells = &w->cells[phase];
    int submitted = 0;
    if (cells->count == 0)
        return SWEEP_WHOLE;
    /* Nodes may have gone down since. */
    if (phase == PHASE_MODELS) {
        if (look(w, err) < 0)
            return SWEEP_WRONG;
        cells_fit(w);
    }
    struct sweep_options options = phase_options(w, phase);
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

static bool is_whole(const struct whole *w)
{
    bool whole = w->nodes.bad.count == 0;
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        whole = whole && submit_is_whole(&w->cells[phase], phase_repeat(phase, &w->options));
    return whole;
}

static void status_print(struct whole *w)
{
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++) {
        struct sweep_options options = phase_options(w, phase);
        if (w->cells[phase].count == 0)
            continue;
        printf("\n%s\n", phase_title(phase));
        submit_status(&w->cells[phase], &options, stdout);
        plan_refused(&w->cells[phase], options.repeat, stdout);
        submit_failed(&w->state, &w->cells[phase], stdout);
    }
}

static void say_end(const struct whole *w, bool whole, bool accounted)
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

static int whole_end(struct whole *w, struct sft_error *err)
{
    if (accounting_await(w, err) < 0 || look(w, err) < 0)
        return SWEEP_WRONG;
    cells_fit(w);
    bool whole = is_whole(w), accounted = phase_is_accounted(&w->state);
    status_print(w);
    printf("\n");
    say_verdict(w);
    fflush(stdout);
    if (report_make(&w->options, w->suite, err) != SWEEP_WHOLE)
        return SWEEP_WRONG;
    if (!accounted)
        printf(
            "the accounting does not have every run yet: sft-sweep --name %s --report-only makes "
            "the report again\n",
            w->options.name);
    say_end(w, whole, accounted);
    return whole && accounted ? SWEEP_WHOLE : SWEEP_MISSING;
}

static int phases_run(struct whole *w, struct sft_error *err)
{
    int end = SWEEP_WHOLE;
    follow_watch_interrupts();
    for (enum phase phase = PHASE_VERIFY; end == SWEEP_WHOLE && phase < PHASES; phase++)
        end = phase_run(w, phase, err);
    return end == SWEEP_WHOLE ? whole_end(w, err) : end;
}

/* Verify is for what follows. */
static int none_runs(const struct whole *w, struct sft_error *err)
{
    bool verify = submit_is_whole(&w->cells[PHASE_VERIFY], 1);
    bool more = false;
    for (enum phase phase = PHASE_SMOKE; phase < PHASES; phase++)
        for (size_t i = 0; i < w->cells[phase].count; i++)
            more |= w->cells[phase].cell[i].refused[0] == '\0';
    return verify || more
               ? 0
               : sft_error_set(err, "all that would follow verify is refused, so nothing "
                                    "is submitted");
}

static int start(struct whole *w, struct sft_error *err)
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
    say_verdict(w);
    cells_fit(w);
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

static struct whole *whole_create(const struct sweep_options *options, const struct suite *suite,
                                  struct sft_error *err)
{
    struct whole *w = calloc(1, sizeof *w);
    if (w == NULL) {
        sft_error_set(err, "no memory for a suite");
        return NULL;
    }
    w->options = *options;
    w->suite = suite;
    return w;
}

int whole_run(const struct sweep_options *options, const struct suite *suite, struct sft_error *err)
{
    struct whole *w = whole_create(options, suite, err);
    int end = SWEEP_WRONG;
    if (w == NULL)
        return end;
    if (lock_take(options->name, err) == 0 &&
        sweep_state_load(&w->begun, options->name, err) == 0 && look(w, err) == 0)
        end = start(w, err);
    whole_clear(w);
    return end;
}

int whole_status(const struct sweep_options *options, const struct suite *suite,
                 struct sft_error *err)
{
    struct whole *w = whole_create(options, suite, err);
    int end = SWEEP_WRONG;
    if (w == NULL)
        return end;
    if (look(w, err) == 0) {
        say_verdict(w);
        cells_fit(w);
        status_print(w);
        end = is_whole(w) ? SWEEP_WHOLE : SWEEP_MISSING;
    }
    whole_clear(w);
    return end;
}
