/* SPDX-License-Identifier: Apache-2.0 */
/* The run that trains, as a staircase of steps. */
#include "job/run/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "job/run/account.h"
#include "job/run/alike.h"
#include "job/run/describe.h"
#include "job/run/forecast.h"
#include "job/run/observe_counters.h"
#include "job/run/observe_losses.h"
#include "job/run/placement.h"
#include "job/run/preview.h"
#include "job/run/requeue.h"
#include "job/run/resuming.h"
#include "job/run/run.h"
#include "job/run/saving.h"
#include "job/train/keep.h"
#include "job/train/train.h"
#include "lib/file_write.h"

/* In this order: each may read what those before it say of a step. */
static const struct observer *const observers[] = {
    &observer_sensors,
    &observer_counters,
    &observer_trace,
    &observer_measure,
    &observer_stragglers,
    &observer_eval,
    &observer_progress,
    &observer_losses,
    &observer_checkpoints,
    &observer_account,
    NULL,
};

/* The files to be written, as far as can be said by looking: 0 where they are missing yet. */
static int check_files(const struct sft_request *request, struct sft_error *err)
{
    struct stat info;
    if (request->trace[0] != '\0' && file_write_check(request->trace, err) < 0)
        return sft_error_prefix(err, "trace");
    if (request->out[0] != '\0' && stat(request->out, &info) == 0 && !S_ISDIR(info.st_mode))
        return sft_error_set(
            err, "out=%s: is no folder: name one, which is made when it is missing", request->out);
    return 0;
}

static int train_check(const struct options *options)
{
    static struct options resolved; /* with the weights' model in the place of auto */
    resolved = *options;
    struct sft_request *request = &resolved.request;
    bool plan = options->mode == OPTIONS_PLAN;
    int nodes = request->nodes > 0 ? request->nodes : 1;
    int gpus = request->gpus > 0 ? request->gpus : plan && request->nodes > 0 ? FORECAST_GPUS : 1;
    struct sft_error err = {""};
    struct input input = {0};
    struct base base = {0};
    int status = SFT_EXIT_DONE;
    if (check_files(request, &err) < 0 || saving_apart(request, &err) < 0 ||
        sft_ceilings_load(request->ceilings, &err) < 0 || base_open(&base, request, &err) < 0 ||
        input_open(&input, request, nodes, nodes * gpus, &err) < 0 ||
        saving_check(request, &input.shape, fit_format(request), &err) < 0 ||
        resuming_check(request, &input.shape, &err) < 0)
        status = task_complain(&err);
    else if (!plan)
        preview_check(&input, base.weights);
    else
        status = preview_plan(&input, &resolved);
    input_close(&input);
    base_close(&base);
    return status;
}

static void run_last_word(void *result, const char *why)
{
    result_fail_aside(result, why);
}

static void run_file_end(void *result, const struct sft_error *why)
{
    result_file_end(result, RESULT_TRACE, why);
}

static int run_observe(struct run *run, struct sft_error *err)
{
    struct result *result = &run->result;
    if (result->active) {
        result->rank_ms = calloc((size_t)run->ranks.control->size, sizeof *result->rank_ms);
        if (result->rank_ms == NULL)
            return sft_error_set(err, "no memory for the times of %d ranks",
                                 run->ranks.control->size);
    }
    run->observed = (struct observed){
        .training = &run->training,
        .host = run->ranks.bootstrap.host,
        .hosts = run->ranks.hosts,
        .trace = run->request.trace,
        .checkpoints = &run->checkpoints,
        .peak_tflops = run->machine.peak_tflops,
        .limit_tflops = machine_limit(&run->machine, &run->request, &run->input.shape),
        .record = result->active ? &result->record : NULL,
        .rank_ms = result->rank_ms,
        .user = result,
        .file_end = run_file_end,
    };
    run->observers = observers_open(observers, &run->observed, err);
    return run->observers == NULL ? -1 : 0;
}

/* What a rank does by itself: it may fail on one alone. */
static int run_open(struct run *run, struct sft_error *err)
{
    const struct sft_request *request = &run->request;
    if (saving_apart(request, err) < 0 || result_folder(&run->result, request->out, err) < 0 ||
        sft_ceilings_load(request->ceilings, err) < 0 ||
        input_open(&run->input, request, run->ranks.nodes, run->ranks.control->size, err) < 0 ||
        machine_create(&run->machine, request, run->ranks.device, run->ranks.bootstrap.local_size,
                       err) < 0)
        return -1;
    return training_fit(&run->training, request, &run->input, run->machine.device,
                        run->ranks.control, run->ranks.collective, err);
}

static int run_create(struct run *run, struct sft_error *err)
{
    if (training_create(&run->training, err) < 0)
        return -1;
    return checkpoints_reserve(&run->checkpoints, &run->training, err);
}

/* Weights out of files, where there are some: by all ranks at once. */
static int run_load(struct run *run, struct sft_error *err)
{
    const struct base *base = &run->base;
    if (base->weights == NULL || resuming_replaces(run))
        return 0;
    return training_load(&run->training, base->weights, base->adapters, &run->load_s, err);
}

/* Who asked for the CPU knows it. Before there may be too little memory for it: that is why.
 * Weights that bring no tokenizer were trained with one that nobody has named here. */
static void run_tell(const struct run *run)
{
    const struct sft_request *request = &run->request;
    if (run->ranks.control->rank != 0)
        return;
    if (run->ranks.device < 0 && request->device != SFT_DEVICE_CPU && request->gpus != 0)
        host_tell_cpu(stderr);
    if (base_lacks_tokenizer(&run->base, request))
        fprintf(stderr,
                "sft-bench-job: warning: weights=%.300s: no tokenizer.json or tokenizer.model "
                "there, so texts are taken as bytes, which these weights may not know: name "
                "tokenizer=\n",
                request->weights);
}

/* The optimizer, and what evaluations keep. */
static int run_start(struct run *run, struct sft_error *err)
{
    struct training *t = &run->training;
    if (training_start(t, err) < 0)
        return -1;
    if (run->input.held == NULL)
        return 0;
    t->keep = keep_create(t, err);
    return t->keep == NULL ? -1 : 0;
}

/* Until all ranks stand before the first step; -1 on all of them where one cannot. */
static int run_ready(struct run *run, struct sft_error *err)
{
    struct control *control = run->ranks.control;
    if (control_agree(control, run_open(run, err), err) < 0 ||
        training_agree(&run->training, err) < 0 || saving_agree(run, err) < 0 ||
        resuming_agree(run, err) < 0)
        return -1;
    run_tell(run);
    if (control_agree(control, run_create(run, err), err) < 0 || run_load(run, err) < 0 ||
        control_agree(control, run_start(run, err), err) < 0 || resuming_load(run, err) < 0)
        return -1;
    return control_agree(control, run_observe(run, err), err);
}

/* The figures stand whether the model could be saved or not. */
static int run_save(struct run *run, struct sft_record *record, struct sft_error *err)
{
    struct sft_error why = {""};
    if (run->request.save[0] == '\0' || run->checkpoints.stopped)
        return 0;
    int failed = saving_save(run, &why);
    if (record == NULL)
        return 0;
    if (failed == 0) {
        why.text[0] = '\0';
        printf("saved      %s, %.3g s\n", run->request.save, run->save_s);
    }
    result_file_end(&run->result, RESULT_SAVE, &why);
    return failed < 0 ? 0 : sft_record_set_real(record, "save_s", run->save_s, err);
}

/* After the first step begins the others may wait for us: whoever fails ends them all. */
static int run_train(struct run *run, struct sft_error *err)
{
    struct sft_record *record = run->observed.record;
    if (describe_run(run, err) < 0 ||
        placement_record(run->ranks.control, run->ranks.collective->on_device,
                         run->ranks.bootstrap.local_rank, run->ranks.hosts, record, err) < 0 ||
        train_run(&run->training, run->observers, record, err) < 0 ||
        run_save(run, record, err) < 0 ||
        (record != NULL && sft_record_set(record, "state", "complete", err) < 0) ||
        resuming_end(run, err) < 0 || result_write(&run->result, true, err) < 0)
        return -1;
    if (record != NULL)
        describe_summary(run);
    return 0;
}

/* On the terminal and in the record. Of other ranks than 0 the record names which one it was. */
static int run_failed(struct run *run, struct sft_error *err)
{
    int rank = bootstrap_rank_told();
    task_complain(err);
    if (rank > 0 && err->text[0] != '\0') {
        struct sft_error why = *err;
        sft_error_set(err, "%.300s (rank %d on %.60s)", why.text, rank, run->ranks.bootstrap.host);
    }
    result_fail(&run->result, err->text);
    return SFT_EXIT_FAILED;
}

/* Its record is written: the job may be queued again, which ends it. */
static int run_stopped(const struct run *run)
{
    struct sft_error err = {""};
    if (run->ranks.control->rank == 0 && run->request.requeue == SFT_ANSWER_YES) {
        int cancelled = requeue_job(&err);
        if (cancelled < 0)
            task_complain(&err);
        else
            fprintf(stderr, "sft-bench-job: job %s %s\n", run->checkpoints.job,
                    cancelled ? "was cancelled: it is not queued again" : "is queued again");
    }
    return SFT_EXIT_STOPPED;
}

static void run_abort(struct run *run, struct sft_error *err)
{
    run_failed(run, err);
    bootstrap_abort(&run->ranks.bootstrap, SFT_EXIT_FAILED);
}

static void run_release(struct run *run, int status)
{
    result_close(&run->result);
    observers_close(run->observers);
    checkpoints_close(&run->checkpoints);
    keep_destroy(run->training.keep);
    training_destroy(&run->training);
    machine_destroy(&run->machine);
    input_close(&run->input);
    base_close(&run->base);
    ranks_leave(&run->ranks, status != SFT_EXIT_DONE ? status : SFT_EXIT_FAILED);
}

static int train_start(const struct options *options)
{
    static struct run run; /* the watchdog's thread may look at it to the end */
    struct sft_error err = {""};
    int status = SFT_EXIT_DONE;
    run.asked = &options->request;
    run.request = options->request;
    run.ranks = (struct ranks){.last_word = run_last_word, .user = &run.result};
    if (result_open(&run.result, bootstrap_rank_told() == 0, &err) < 0 ||
        ranks_meet(&run.ranks, &run.request, &err) < 0)
        run_abort(&run, &err);
    bool alike = alike_check(&run.ranks, run.mixed, &err) == 0 &&
                 base_agree(&run.base, &run.request, run.ranks.control, &err) == 0;
    if (alike && ranks_join(&run.ranks, &err) < 0)
        run_abort(&run, &err);
    if (!alike || run_ready(&run, &err) < 0)
        status = run_failed(&run, &err);
    else if (run_train(&run, &err) < 0)
        run_abort(&run, &err);
    if (status == SFT_EXIT_DONE && result_lost(&run.result, &err) < 0) {
        task_complain(&err);
        status = SFT_EXIT_NO_FILE;
    }
    if (status == SFT_EXIT_DONE && run.checkpoints.stopped)
        status = run_stopped(&run);
    run_release(&run, status);
    return status;
}

const struct task task_train = {train_check, train_start};
