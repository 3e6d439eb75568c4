/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/phase.h"

#include <stdio.h>
#include <string.h>

#include "node/hosts.h"

const char *phase_title(enum phase phase)
{
    static const char *const titles[] = {
        [PHASE_VERIFY] = "verify", [PHASE_SMOKE] = "smoke trainings", [PHASE_MODELS] = "models"};
    return titles[phase];
}

int phase_repeat(enum phase phase, const struct sweep_options *options)
{
    return phase == PHASE_MODELS ? options->repeat : 1;
}

/* Where verify ran, as Slurm says it, and what it called bad there. */
static int verdict_read(struct phase_nodes *nodes, const struct sweep_verify *verify,
                        struct sft_error *err)
{
    struct words wrong = {0};
    hosts_expand(verify->nodes, &nodes->verified, &wrong);
    int unread = wrong.count;
    words_clear(&wrong);
    names_split(&nodes->bad, verify->bad);
    names_split(&nodes->unknown, verify->unknown);
    if (unread > 0 || nodes->verified.count == 0)
        return sft_error_set(err, "verify (job %lld): its list of nodes, '%.100s', cannot be read",
                             verify->id, verify->nodes);
    if (nodes->bad.count < verify->bad_count)
        return sft_error_set(
            err,
            "verify (job %lld) called %d nodes bad and its record names %d: see "
            "what it printed, drain the bad ones and begin a suite of another name",
            verify->id, verify->bad_count, nodes->bad.count);
    for (int i = 0; i < nodes->bad.count; i++)
        if (!hosts_has(&nodes->verified, nodes->bad.list[i]))
            return sft_error_set(
                err,
                "verify (job %lld) called %s bad, and Slurm has no such node there "
                "to leave out: begin a suite of another name",
                verify->id, nodes->bad.list[i]);
    return 0;
}

void phase_nodes_ran(struct words *ran, const struct sweep_state *state)
{
    struct words wrong = {0};
    for (size_t i = 0; i < state->count; i++)
        if (state->job[i].node[0] != '\0')
            hosts_expand(state->job[i].node, ran, &wrong);
    words_clear(&wrong);
}

/* A node that powers down may be one that Slurm no longer tells of, so what verify saw is asked for
 * by what is there. What ran may have run in another partition. */
static void absent_choose(struct phase_nodes *nodes, const struct words *there,
                          const struct words *ran)
{
    const struct words *some = ran != NULL ? &nodes->away : &nodes->verified;
    for (int i = 0; i < some->count; i++) {
        const char *name = some->list[i];
        if (hosts_has(there, name) || (ran != NULL && !hosts_has(ran, name)))
            continue;
        nodes->reach++;
        if (!hosts_has(&nodes->bad, name))
            names_add(&nodes->absent, name);
    }
}

int phase_nodes_choose(struct phase_nodes *nodes, const struct words *there,
                       const struct words *away, const struct sweep_verify *verify,
                       const struct words *ran, struct sft_error *err)
{
    memset(nodes, 0, sizeof *nodes);
    words_add_all(&nodes->away, away->list, away->count);
    if (verify != NULL && verdict_read(nodes, verify, err) < 0)
        return -1;
    for (int i = 0; i < there->count; i++) {
        const char *name = there->list[i];
        if (verify != NULL && !hosts_has(&nodes->verified, name))
            names_add(&nodes->unverified, name);
        else if (!hosts_has(&nodes->bad, name))
            names_add(&nodes->good, name);
    }
    nodes->reach = there->count;
    absent_choose(nodes, there, verify != NULL ? NULL : ran);
    return nodes->good.failed || nodes->bad.failed || nodes->unknown.failed || nodes->away.failed ||
                   nodes->unverified.failed || nodes->verified.failed || nodes->absent.failed
               ? sft_error_set(err, "no memory for nodes' names")
               : 0;
}

void phase_nodes_exclude(struct words *out, const struct phase_nodes *nodes,
                         const struct words *there)
{
    /* sbatch refuses a name that Slurm no longer has. */
    for (int i = 0; i < nodes->bad.count; i++)
        if (hosts_has(there, nodes->bad.list[i]) || hosts_has(&nodes->away, nodes->bad.list[i]))
            names_add(out, nodes->bad.list[i]);
    for (int i = 0; i < nodes->unverified.count; i++)
        names_add(out, nodes->unverified.list[i]);
    for (int i = 0; i < nodes->away.count; i++)
        if (!hosts_has(&nodes->verified, nodes->away.list[i]))
            names_add(out, nodes->away.list[i]);
}

void phase_nodes_clear(struct phase_nodes *nodes)
{
    struct words *const all[] = {&nodes->good,    &nodes->away,       &nodes->bad,
                                 &nodes->unknown, &nodes->unverified, &nodes->verified,
                                 &nodes->absent};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        words_clear(all[i]);
}

static int cells_verify(struct sweep_cells *cells, const struct suite *suite,
                        const struct sweep_options *options, int count, struct sft_error *err)
{
    struct sft_request request;
    if (strcmp(suite->verify, "no") == 0)
        return 0;
    return suite_verify(suite, options, count, &request, err) < 0
               ? -1
               : sweep_cells_put(cells, &request, "", err);
}

static int cells_smoke(struct sweep_cells *cells, const struct suite *suite,
                       const struct sweep_options *options, const struct phase_nodes *nodes,
                       struct sft_error *err)
{
    const struct words *const both[] = {&nodes->good, &nodes->absent};
    for (size_t i = 0; i < suite->smoke.count; i++) {
        struct sft_request request;
        if (suite_request(suite, options, true, suite->smoke.at[i].text, &request, err) < 0)
            return -1;
        request.nodes = 1;
        for (int k = 0; k < 2; k++)
            for (int node = 0; node < both[k]->count; node++)
                if (sweep_cells_put(cells, &request, both[k]->list[node], err) < 0)
                    return -1;
    }
    return 0;
}

/* The i-th number of nodes that a model without one of its own runs on: as the suite says, else the
 * powers of two that reach. 0: no more. */
static int nodes_wanted(const struct suite *suite, int i, int count)
{
    int nodes = 0;
    if (suite->nodes[0] != '\0')
        return sweep_nodes_read(suite->nodes, i, &nodes, NULL) == 1 ? nodes : 0;
    return i < 15 && 1 << i <= count ? 1 << i : 0;
}

static int cells_model(struct sweep_cells *cells, const struct suite *suite,
                       const struct sft_request *request, int count, struct sft_error *err)
{
    struct sft_request next = *request;
    if (request->nodes > 0)
        return sweep_cells_put(cells, request, "", err);
    for (int i = 0; (next.nodes = nodes_wanted(suite, i, count)) > 0; i++)
        if (sweep_cells_put(cells, &next, "", err) < 0)
            return -1;
    return 0;
}

static int cells_models(struct sweep_cells cells[PHASES], const struct suite *suite,
                        const struct sweep_options *options, int count, struct sft_error *err)
{
    struct sweep_cells *models = &cells[PHASE_MODELS];
    for (size_t i = 0; i < suite->model.count; i++) {
        struct sft_request request;
        if (suite_request(suite, options, false, suite->model.at[i].text, &request, err) < 0 ||
            cells_model(models, suite, &request, count, err) < 0)
            return -1;
    }
    /* A run of one would count for the other. */
    for (size_t i = 0; i < models->count; i++)
        for (size_t k = 0; k < cells[PHASE_SMOKE].count; k++)
            if (strcmp(models->cell[i].text, cells[PHASE_SMOKE].cell[k].text) == 0)
                return sft_error_set(err, "%s is a smoke training and a model's run: leave one out",
                                     models->cell[i].text);
    return 0;
}

int phase_cells(struct sweep_cells cells[PHASES], enum phase phase, const struct suite *suite,
                const struct sweep_options *options, const struct phase_nodes *nodes, int count,
                struct sft_error *err)
{
    sweep_cells_clear(&cells[phase]);
    switch (phase) {
    case PHASE_VERIFY:
        return cells_verify(&cells[phase], suite, options, count, err);
    case PHASE_SMOKE:
        return cells_smoke(&cells[phase], suite, options, nodes, err);
    default:
        return cells_models(cells, suite, options, nodes->reach, err);
    }
}

void phase_cells_refuse(struct sweep_cells *cells, const struct phase_nodes *nodes)
{
    for (size_t i = 0; i < cells->count; i++) {
        struct sweep_cell *cell = &cells->cell[i];
        if (cell->node[0] != '\0' && hosts_has(&nodes->absent, cell->node))
            snprintf(cell->refused, sizeof cell->refused, "the node is %s now",
                     hosts_has(&nodes->away, cell->node) ? "down or drained" : "gone from Slurm");
    }
}

int phase_refused(const struct sweep_cells cells[PHASES], const struct sweep_options *options)
{
    int refused = 0;
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++)
        for (size_t i = 0; i < cells[phase].count; i++) {
            const struct sweep_cell *cell = &cells[phase].cell[i];
            refused += cell->refused[0] != '\0' && cell->had < phase_repeat(phase, options);
        }
    return refused;
}

enum phase phase_next(const struct sweep_cells cells[PHASES], const struct sweep_options *options)
{
    for (enum phase phase = PHASE_VERIFY; phase < PHASES; phase++) {
        int repeat = phase_repeat(phase, options);
        for (size_t i = 0; i < cells[phase].count; i++) {
            const struct sweep_cell *cell = &cells[phase].cell[i];
            if (cell->refused[0] == '\0' && cell->had < repeat)
                return phase;
        }
    }
    return PHASES;
}

static const struct sweep_job *job_find(const struct sweep_state *state, long long id)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->job[i].id == id)
            return &state->job[i];
    return NULL;
}

bool phase_was_cancelled(const struct sweep_state *begun, const struct sweep_state *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct sweep_job *job = &now->job[i], *was = job_find(begun, job->id);
        if (job->cancelled && !sweep_job_is_alive(job) && job->state != SWEEP_COMPLETE &&
            (was == NULL || sweep_job_is_alive(was)))
            return true;
    }
    return false;
}

bool phase_is_accounted(const struct sweep_state *state)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->job[i].state == SWEEP_COMPLETE && !state->job[i].accounted)
            return false;
    return true;
}
