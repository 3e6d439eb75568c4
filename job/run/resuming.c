/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/resuming.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/checkpoint/folder.h"
#include "job/run/recipe.h"
#include "job/train/keep.h"
#include "job/train/state.h"
#include "job/weights/save_folder.h"

double resuming_bytes(const struct sft_request *request, const struct sft_preset *shape)
{
    bool cpu = request->device == SFT_DEVICE_CPU || request->gpus == 0;
    enum format states = cpu || request->states == SFT_STATES_FP32 ? FORMAT_FP32 : FORMAT_BF16;
    bool best = request->eval[0] != '\0' && request->save[0] != '\0';
    const enum format formats[CHECKPOINT_KINDS] = {
        states, states, states, best ? fit_format(request) : (enum format)CHECKPOINT_NONE};
    return (double)checkpoint_bytes(formats, sft_params_trained(shape));
}

/* Of those that stay, what is not there yet, and the one that is written before the oldest goes. */
static int room_check(const char *path, int keep, double bytes, struct sft_error *err)
{
    long long steps[FOLDER_STEPS];
    int there = folder_steps(path, steps, err);
    if (there < 0)
        return -1;
    int more = keep + 1 - there;
    return folder_check(path, (uint64_t)(bytes * (more > 1 ? more : 1)), err);
}

int resuming_check(const struct sft_request *request, const struct sft_preset *shape,
                   struct sft_error *err)
{
    int keep = request->checkpoint_keep > 0 ? request->checkpoint_keep : 2;
    if (request->checkpoint[0] == '\0')
        return 0;
    return room_check(request->checkpoint, keep, resuming_bytes(request, shape), err);
}

/* Rank 0: the newest whole one before `before` (0: of all), whose number is then in *step, 0 for
 * none. One that is not whole is told of. */
static int newest_find(const struct run *run, long long before, struct checkpoint *found,
                       struct sft_error *err)
{
    const char *path = run->checkpoints.path;
    long long steps[FOLDER_STEPS];
    char folder[PATH_MAX];
    int count = folder_steps(path, steps, err);
    memset(found, 0, sizeof *found);
    for (int i = 0; i < count; i++) {
        struct sft_error why = {""};
        if (before > 0 && steps[i] >= before)
            continue;
        folder_step_path(path, steps[i], folder);
        if (checkpoint_open(found, folder, &why) == 0 && found->step == steps[i])
            return 0;
        checkpoint_clear(found);
        fprintf(stderr, "sft-bench-job: warning: %s: passed over; remove %s\n",
                why.text[0] != '\0' ? why.text : "its index is of another step", folder);
    }
    return count < 0 ? -1 : 0;
}

/* With resume=no a job that was queued again still goes on from its own. */
static bool is_refused(const struct run *run, const struct checkpoint *found)
{
    const char *restarts = getenv("SLURM_RESTART_COUNT");
    bool again = restarts != NULL && strcmp(restarts, "0") != 0;
    const char *job = run->checkpoints.job;
    return run->request.resume == SFT_ANSWER_NO &&
           !(again && job[0] != '\0' && strcmp(found->job, job) == 0);
}

static int found_judge(const struct run *run, const struct checkpoint *found, struct sft_error *err)
{
    const struct checkpoints *c = &run->checkpoints;
    char differs[360];
    if (recipe_differ(&found->recipe, &c->recipe, differs, sizeof differs) > 0)
        return sft_error_set(err,
                             "checkpoint=%.200s: step %lld is of another run: %s: name another "
                             "folder, or say resume=no to begin anew in this one",
                             c->path, found->step, differs);
    if (folder_is_finished(c->path, found->step))
        return sft_error_set(err,
                             "checkpoint=%.200s: the run there is complete, step %lld was its "
                             "last: name another folder, or say resume=no to begin anew in this "
                             "one",
                             c->path, found->step);
    return 0;
}

/* Rank 0: may it begin, and with which step? */
static int begin_find(struct run *run, long long *step, struct sft_error *err)
{
    struct checkpoints *c = &run->checkpoints;
    struct checkpoint found;
    enum format formats[CHECKPOINT_KINDS];
    *step = 0;
    state_formats(&run->training, 0, formats);
    double bytes = (double)checkpoint_bytes(formats, sft_params_trained(&run->input.shape));
    recipe_make(run, &c->recipe);
    if (room_check(c->path, c->keep, bytes, err) < 0 || folder_make(c->path, c->job, err) < 0 ||
        newest_find(run, 0, &found, err) < 0)
        return -1;
    int failed = 0;
    c->anew = found.step > 0 && is_refused(run, &found);
    if (found.step > 0 && !c->anew) {
        *step = found.step;
        failed = found_judge(run, &found, err);
    }
    checkpoint_clear(&found);
    return failed;
}

static int folder_see(const struct run *run, const char *beside, struct sft_error *err)
{
    if (access(beside, W_OK | X_OK) == 0)
        return 0;
    return sft_error_set(err,
                         "checkpoint=%.200s: what rank 0 makes there is not to be seen here (%s): "
                         "name a folder that all nodes share",
                         run->checkpoints.path, strerror(errno));
}

int resuming_agree(struct run *run, struct sft_error *err)
{
    struct control *control = run->ranks.control;
    struct checkpoints *c = &run->checkpoints;
    char beside[PATH_MAX] = "";
    int failed = 0;
    checkpoints_take(c, &run->request);
    c->result = &run->result;
    if (c->path[0] == '\0')
        return 0;
    if (control->rank == 0) {
        failed = begin_find(run, &c->resumed, err);
        if (failed == 0)
            failed = folder_begin(c->path, c->job, 0, beside, err);
    }
    if (control_agree(control, failed, err) < 0 ||
        control_broadcast(control, &c->resumed, sizeof c->resumed, err) < 0 ||
        control_broadcast(control, beside, sizeof beside, err) < 0)
        return -1;
    failed = control_agree(control, folder_see(run, beside, err), err);
    if (control->rank == 0)
        save_folder_remove(beside);
    return failed;
}

bool resuming_replaces(const struct run *run)
{
    return run->checkpoints.resumed > 0 && run->input.plan.method == SFT_METHOD_FULL;
}

/* One checkpoint on this rank. */
static int step_load(const struct run *run, long long step, struct checkpoint *c, bool *same,
                     struct sft_error *err)
{
    char folder[PATH_MAX];
    folder_step_path(run->checkpoints.path, step, folder);
    if (checkpoint_open(c, folder, err) < 0 || state_load(&run->training, c, err) < 0)
        return -1;
    return run->training.keep == NULL ? 0 : keep_load(run->training.keep, c, same, err);
}

/* Rank 0: after one that is damaged. */
static int next_find(struct run *run, long long *step, struct sft_error *err)
{
    struct checkpoint found;
    long long damaged = *step;
    int failed = newest_find(run, damaged, &found, err);
    if (failed == 0 && found.step > 0)
        failed = found_judge(run, &found, err);
    if (failed == 0 && found.step == 0)
        failed = sft_error_set(err,
                               "checkpoint=%.200s: no older one is whole: say resume=no to begin "
                               "anew",
                               run->checkpoints.path);
    *step = found.step;
    checkpoint_clear(&found);
    return failed;
}

/* Collective. The kept weights may be those that the run goes on with, which are no file's. */
static int weights_share(struct run *run, struct sft_error *err)
{
    struct keep *keep = run->training.keep;
    if (state_share(&run->training, err) < 0)
        return -1;
    if (keep == NULL || !keep->eval.any || keep->eval.best_step != run->checkpoints.resumed)
        return 0;
    return control_agree(run->ranks.control, keep_take(keep, err), err);
}

/* Losses of other records are not to be compared; and a lowest one without its weights is none. */
static void eval_tell(const struct run *run, const struct checkpoint *found)
{
    const struct checkpoint_eval *there = &found->eval, *here = &run->training.keep->eval;
    if (there->sum == here->sum)
        fprintf(stderr,
                "sft-bench-job: warning: eval=: the run before had its lowest loss, %.5g, after "
                "step %lld, and kept no weights of it, having had no save=: the best is looked "
                "for from here on\n",
                there->best, there->best_step);
    else
        fprintf(stderr,
                "sft-bench-job: warning: eval=%.200s: other records than those of the run before: "
                "its lowest loss, %.5g after step %lld, does not count here\n",
                run->request.eval, there->best, there->best_step);
}

static void resumed_take(struct run *run, const struct checkpoint *found, bool same)
{
    struct checkpoints *c = &run->checkpoints;
    training_resume(&run->training, (int)found->step, found->measured_s,
                    (int)found->measured_steps);
    c->resumed = c->last = found->step;
    if (run->ranks.control->rank != 0)
        return;
    fprintf(stderr, "sft-bench-job: goes on behind step %lld, checkpoint=%s%s%s\n", found->step,
            c->path, found->job[0] != '\0' ? ", of job " : "", found->job);
    if (run->training.keep != NULL && found->eval.any && !same)
        eval_tell(run, found);
}

int resuming_load(struct run *run, struct sft_error *err)
{
    struct control *control = run->ranks.control;
    struct checkpoints *c = &run->checkpoints;
    run->training.wish = &c->wish;
    for (bool well = false; c->resumed > 0 && !well;) {
        struct sft_error why = {""};
        struct checkpoint found;
        bool same = false;
        int failed = step_load(run, c->resumed, &found, &same, &why);
        if (checkpoints_well(control, failed, &why, &well, err) < 0) {
            checkpoint_clear(&found);
            return -1;
        }
        if (well)
            resumed_take(run, &found, same);
        checkpoint_clear(&found);
        if (well)
            return weights_share(run, err);
        failed = 0;
        if (control->rank == 0) {
            fprintf(stderr, "sft-bench-job: warning: %s: an older one is taken\n", why.text);
            failed = next_find(run, &c->resumed, err);
        }
        if (control_agree(control, failed, err) < 0 ||
            control_broadcast(control, &c->resumed, sizeof c->resumed, err) < 0)
            return -1;
    }
    return 0;
}

int resuming_end(struct run *run, struct sft_error *err)
{
    const struct checkpoints *c = &run->checkpoints;
    struct sft_record *record = &run->result.record;
    char fail[240];
    if (run->ranks.control->rank != 0 || c->path[0] == '\0')
        return 0;
    if (!c->stopped) {
        if (c->last == c->step && run->result.lost[RESULT_SAVE].text[0] == '\0')
            folder_finish(c->path, c->last);
        return 0;
    }
    snprintf(fail, sizeof fail, "told to end (%s) after step %lld; %s of step %lld",
             checkpoints_signal() == SIGUSR1   ? "SIGUSR1"
             : checkpoints_signal() == SIGTERM ? "SIGTERM"
                                               : "by a signal to another rank",
             c->step, c->last > 0 ? "a checkpoint is there" : "no checkpoint is there, not even",
             c->last > 0 ? c->last : c->step);
    fprintf(stderr, "sft-bench-job: %s\n", fail);
    return sft_record_set(record, "state", "partial", err) < 0 ||
                   sft_record_set(record, "fail", fail, err) < 0
               ? -1
               : 0;
}
