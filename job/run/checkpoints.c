/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/checkpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/checkpoint/folder.h"
#include "job/run/observe_losses.h"
#include "job/train/keep.h"
#include "job/train/state.h"
#include "job/weights/save_folder.h"
#include "lib/clock.h"

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
    told_to_end = number;
}

/* A write that a signal comes into goes on. */
static void signals_take(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

void checkpoints_take(struct checkpoints *c, const struct sft_request *request)
{
    const char *job = getenv("SLURM_JOB_ID");
    memset(c, 0, sizeof *c);
    c->path = request->checkpoint;
    sft_every_read(&c->every, request->checkpoint_every, NULL);
    c->keep = request->checkpoint_keep > 0 ? request->checkpoint_keep : 2;
    snprintf(c->job, sizeof c->job, "%.20s", job != NULL ? job : "");
}

int checkpoints_well(struct control *control, int failed, struct sft_error *why, bool *well,
                     struct sft_error *err)
{
    double sum = failed < 0;
    if (control_sum(control, &sum, 1, err) < 0)
        return -1;
    *well = sum == 0;
    if (!*well)
        control_agree(control, failed, why);
    return 0;
}

/* Rank 0: the last one is there, or is not and why. The first of a row of failures is told. */
static void end_tell(struct checkpoints *c, long long step, const char *why)
{
    struct sft_error line = {""};
    if (why == NULL)
        c->result->told[RESULT_CHECKPOINT] = false;
    else if (c->last > 0)
        sft_error_set(&line, "no checkpoint of step %lld: %.300s; that of step %lld stays", step,
                      why, c->last);
    else
        sft_error_set(&line, "no checkpoint of step %lld: %.300s", step, why);
    result_file_end(c->result, RESULT_CHECKPOINT, &line);
}

static void pending_drop(struct checkpoints *c, const char *why)
{
    if (c->t->control->rank == 0) {
        c->lost++;
        end_tell(c, c->pending.step, why);
        if (c->beside[0] != '\0')
            save_folder_remove(c->beside);
    }
    checkpoint_clear(&c->pending);
}

/* All ranks' pieces, on rank 0. Each rank sends as many as the one with the most. */
static int pieces_gather(struct checkpoints *c, struct checkpoint_piece **all, size_t *count,
                         struct sft_error *why, struct sft_error *err)
{
    struct control *control = c->t->control;
    size_t mine, ranks = (size_t)control->size;
    const struct checkpoint_piece *pieces = snapshot_pieces(c->snapshot, &mine);
    double most = (double)mine;
    *all = NULL;
    if (control_max(control, &most, 1, err) < 0)
        return -1;
    size_t each = (size_t)most;
    bool well;
    struct checkpoint_piece *padded = calloc(each + 1, sizeof *padded);
    if (control->rank == 0)
        *all = calloc(ranks * each + 1, sizeof **all);
    bool none = padded == NULL || (control->rank == 0 && *all == NULL);
    int failed = none ? sft_error_set(why, "no memory for a list of pieces") : 0;
    if (checkpoints_well(control, failed, why, &well, err) < 0) {
        free(padded);
        return -1;
    }
    if (well) {
        if (mine > 0)
            memcpy(padded, pieces, mine * sizeof *padded);
        failed = control_gather(control, padded, each * sizeof *padded, *all, err);
    }
    free(padded);
    *count = 0;
    for (size_t i = 0; i < ranks * each && *all != NULL; i++)
        if ((*all)[i].count > 0)
            (*all)[(*count)++] = (*all)[i];
    return failed < 0 && well ? -1 : 0;
}

/* Rank 0 alone. The pieces become the index's, or are freed. A run that goes on appends to the
 * losses: those up to the checkpoint must be there. */
static int index_put(struct checkpoints *c, struct checkpoint_piece *pieces, size_t count,
                     struct sft_error *why)
{
    char path[PATH_MAX + 16];
    if (checkpoint_assemble(&c->pending, pieces, count, why) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct checkpoint_piece *p = &pieces[i];
        uint64_t end = p->at + checkpoint_bytes(c->pending.formats, p->count);
        uint64_t *file = &c->pending.files[p->file];
        *file = end > *file ? end : *file;
    }
    losses_sync(c->result->log);
    snprintf(path, sizeof path, "%s/" CHECKPOINT_INDEX, c->beside);
    if (checkpoint_write_index(&c->pending, path, why) < 0)
        return -1;
    return folder_commit(c->path, c->pending.step, c->beside, why);
}

static void written_count(struct checkpoints *c)
{
    double bytes = 0;
    for (size_t i = 0; i < c->pending.file_count; i++)
        bytes += (double)c->pending.files[i];
    c->last = c->pending.step;
    c->written++;
    c->bytes = bytes;
    end_tell(c, c->last, NULL);
    folder_prune(c->path, c->last, c->keep, c->anew);
    c->anew = false;
}

/* Collective: what threads have written gets its index and its name. */
static int pending_commit(struct checkpoints *c, struct sft_error *err)
{
    struct sft_error why = {""};
    struct checkpoint_piece *pieces = NULL;
    size_t count = 0;
    bool well;
    if (c->pending.step == 0)
        return 0;
    int failed = snapshot_finish(c->snapshot, &why);
    if (checkpoints_well(c->t->control, failed, &why, &well, err) < 0)
        return -1;
    if (well && pieces_gather(c, &pieces, &count, &why, err) < 0)
        return -1;
    if (well && c->t->control->rank == 0)
        failed = pieces == NULL ? -1 : index_put(c, pieces, count, &why);
    if (well && checkpoints_well(c->t->control, failed, &why, &well, err) < 0)
        return -1;
    if (!well) {
        pending_drop(c, why.text);
        return 0;
    }
    c->last = c->pending.step;
    if (c->t->control->rank == 0)
        written_count(c);
    checkpoint_clear(&c->pending);
    return 0;
}

/* The head of the index, and on rank 0 the folder. */
static int pending_begin(struct checkpoints *c, bool ended, struct sft_error *why)
{
    struct checkpoint *p = &c->pending;
    const struct training *t = c->t;
    p->step = c->step;
    p->batch = t->input->plan.global_batch;
    p->ended = ended;
    p->measured_s = c->measured_s;
    p->measured_steps = c->measured_steps;
    memcpy(p->job, c->job, sizeof p->job);
    p->recipe = c->recipe;
    state_formats(t, p->step, p->formats);
    if (t->keep != NULL)
        p->eval = t->keep->eval;
    c->beside[0] = '\0';
    if (t->control->rank != 0)
        return 0;
    p->file_count = (size_t)t->control->size;
    p->files = calloc(p->file_count, sizeof *p->files);
    if (p->files == NULL)
        return sft_error_set(why, "no memory for a list of files");
    if (state_list(t, p, why) < 0)
        return -1;
    return folder_begin(c->path, c->job, c->step, c->beside, why);
}

/* Collective: a copy of what is trained, which a thread begins to write. Training goes on when all
 * ranks have theirs: who has it earlier would only wait in the next step, and count that as its. */
static int checkpoint_take(struct checkpoints *c, bool ended, struct sft_error *err)
{
    struct control *control = c->t->control;
    struct sft_error why = {""};
    bool well;
    c->last_at = sft_clock_now();
    if (pending_commit(c, err) < 0 ||
        checkpoints_well(control, pending_begin(c, ended, &why), &why, &well, err) < 0)
        return -1;
    if (well && control_broadcast(control, c->beside, sizeof c->beside, err) < 0)
        return -1;
    if (well) {
        int failed = state_copy(c->t, c->step, c->snapshot, &why);
        if (failed == 0)
            failed = snapshot_write(c->snapshot, c->beside, (uint32_t)control->rank, &why);
        if (checkpoints_well(control, failed, &why, &well, err) < 0)
            return -1;
    }
    if (well)
        return 0;
    snapshot_finish(c->snapshot, NULL);
    pending_drop(c, why.text);
    return 0;
}

int checkpoints_reserve(struct checkpoints *c, const struct training *t, struct sft_error *err)
{
    if (c->path[0] == '\0')
        return 0;
    c->snapshot = snapshot_create(err);
    return c->snapshot == NULL ? -1 : state_reserve(t, c->snapshot, err);
}

static int checkpoints_open(const struct observed *run, void **self, struct sft_error *err)
{
    struct checkpoints *c = run->checkpoints;
    if (c == NULL || c->path[0] == '\0')
        return 0;
    c->t = run->training;
    c->step = c->t->first_step;
    c->measured_s = c->t->measured_s;
    c->measured_steps = c->t->measured_steps;
    c->last_at = sft_clock_now();
    signals_take();
    *self = c;
    if (run->record == NULL || c->resumed == 0)
        return 0;
    return sft_record_set_integer(run->record, "resumed_step", c->resumed, err);
}

static void checkpoints_begin(void *self, int number)
{
    struct checkpoints *c = self;
    double past = sft_clock_now() - c->last_at;
    (void)number;
    c->wish.stop = told_to_end != 0;
    c->wish.busy = c->pending.step > 0 && snapshot_is_busy(c->snapshot);
    c->wish.save = c->t->control->rank == 0 && c->every.seconds > 0 && past >= c->every.seconds;
}

static int checkpoints_note(const struct checkpoints *c, struct sft_record *record,
                            struct sft_error *err)
{
    if (record == NULL)
        return 0;
    const struct {
        const char *key;
        long long value;
    } wholes[] = {
        {"checkpoints", c->written}, {"checkpoints_lost", c->lost}, {"checkpoint_step", c->last}};
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++)
        if ((i == 0 || wholes[i].value > 0) &&
            sft_record_set_integer(record, wholes[i].key, wholes[i].value, err) < 0)
            return -1;
    if (c->bytes > 0 && sft_record_set_real(record, "checkpoint_bytes", c->bytes, err) < 0)
        return -1;
    return sft_record_set_real(record, "checkpoint_s", c->seconds, err);
}

/* One that is due by time waits for the one before and not training, where the storage is slower
 * than was asked. By steps it is exact. */
static bool due_later(struct checkpoints *c)
{
    if (c->every.steps > 0)
        return false;
    if (c->late != c->pending.step && c->t->control->rank == 0)
        fprintf(stderr,
                "sft-bench-job: the checkpoint of step %lld is still being written: the next one "
                "waits for it, training does not\n",
                c->pending.step);
    c->late = c->pending.step;
    return true;
}

static int checkpoints_step(void *self, struct step *step, struct sft_error *err)
{
    struct checkpoints *c = self;
    const struct sft_plan *plan = &c->t->input->plan;
    double begin = sft_clock_now();
    c->step = step->number + 1;
    c->measured_s += step->measured ? step->total : 0;
    c->measured_steps += step->measured;
    c->stopped = step->wish.stop > 0;
    bool due = c->every.steps > 0 ? c->step % c->every.steps == 0 : step->wish.save > 0;
    if (c->stopped || (plan->steps > 0 && c->step == plan->warmup + plan->steps))
        due = false; /* the last one comes at the end in any case */
    bool ready = c->pending.step > 0 && step->wish.busy == 0;
    if (due && c->pending.step > 0 && !ready && due_later(c))
        due = false;
    if (!due && !ready)
        return 0;
    if ((ready && pending_commit(c, err) < 0) || (due && checkpoint_take(c, false, err) < 0))
        return -1;
    c->seconds += sft_clock_now() - begin;
    return checkpoints_note(c, c->result->active ? &c->result->record : NULL, err);
}

/* The last one, where nothing comes after it. */
static int checkpoints_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct checkpoints *c = self;
    double begin = sft_clock_now();
    bool there = c->step == c->last || c->step == c->pending.step || c->step == c->resumed;
    if ((!there && checkpoint_take(c, !c->stopped, err) < 0) || pending_commit(c, err) < 0)
        return -1;
    c->seconds += sft_clock_now() - begin;
    return checkpoints_note(c, record, err);
}

void checkpoints_close(struct checkpoints *c)
{
    snapshot_destroy(c->snapshot);
    checkpoint_clear(&c->pending);
    c->snapshot = NULL;
}

int checkpoints_signal(void)
{
    return told_to_end;
}

const struct observer observer_checkpoints = {
    .open = checkpoints_open,
    .begin = checkpoints_begin,
    .step = checkpoints_step,
    .record = checkpoints_record,
};
