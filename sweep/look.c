/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sweep/follow.h"

#define ACCOUNTING_LOOKS 60 /* seconds that a record may take into the accounting */

struct look *look_create(const struct sweep_options *options, const struct suite *suite,
                         struct sft_error *err)
{
    struct look *w = calloc(1, sizeof *w);
    if (w == NULL) {
        sft_error_set(err, "no memory for a suite");
        return NULL;
    }
    w->options = *options;
    w->suite = suite;
    return w;
}

void look_destroy(struct look *w)
{
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        sweep_cells_clear(&w->cells[phase]);
    phase_nodes_clear(&w->nodes);
    sweep_state_clear(&w->state);
    sweep_state_clear(&w->begun);
    free(w->exclude);
    free(w);
}

struct sweep_options look_options(const struct look *w, enum phase phase)
{
    struct sweep_options options = w->options;
    options.repeat = phase_repeat(phase, &w->options);
    options.exclude = phase == PHASE_VERIFY ? NULL : w->exclude;
    return options;
}

static int cells_make(struct look *w, enum phase phase, int count, struct sft_error *err)
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

static int exclude_make(struct look *w, const struct words *there, struct sft_error *err)
{
    struct words out = {0};
    phase_nodes_exclude(&out, &w->nodes, there);
    free(w->exclude);
    w->exclude = names_join(&out);
    int rc = out.failed || (out.count > 0 && w->exclude == NULL) ? -1 : 0;
    words_clear(&out);
    return rc < 0 ? sft_error_set(err, "no memory for nodes' names") : 0;
}

static int nodes_choose(struct look *w, const struct words *there, const struct words *away,
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
    return w->verified ? exclude_make(w, there, err) : 0;
}

struct nodes_asked {
    struct look *w;
    struct words there, away;
};

static int nodes_ask(void *context, struct sft_error *err)
{
    struct nodes_asked *nodes = context;
    struct look *w = nodes->w;
    return plan_begin(&w->plan, &w->conf, &w->options, err) < 0
               ? -1
               : names_ask(&nodes->there, &nodes->away, w->plan.partition, err);
}

static int state_ask(void *context, struct sft_error *err)
{
    struct look *w = context;
    sweep_state_clear(&w->state);
    return sweep_state_load(&w->state, w->options.name, err);
}

static int ask(const struct look *w, follow_asks *asks, void *context, struct sft_error *err)
{
    return w->following ? follow_try(asks, context, err) : asks(context, err);
}

static int look_nodes(struct look *w, const struct words *there, const struct words *away,
                      struct sft_error *err)
{
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

int look_again(struct look *w, struct sft_error *err)
{
    struct nodes_asked nodes = {.w = w};
    int rc = ask(w, state_ask, w, err);
    if (rc == 0)
        rc = ask(w, nodes_ask, &nodes, err);
    if (rc == 0)
        rc = look_nodes(w, &nodes.there, &nodes.away, err);
    words_clear(&nodes.there);
    words_clear(&nodes.away);
    return rc;
}

void look_fit(struct look *w)
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

int look_await(struct look *w, struct sft_error *err)
{
    const struct timespec nap = {1, 0};
    for (int i = 0; !phase_is_accounted(&w->state) && i < ACCOUNTING_LOOKS; i++) {
        if (follow_is_interrupted())
            break;
        nanosleep(&nap, NULL);
        if (ask(w, state_ask, w, err) < 0)
            return -1;
    }
    return 0;
}
