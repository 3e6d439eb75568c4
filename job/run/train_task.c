/* SPDX-License-Identifier: Apache-2.0 */
/* The run that trains, as a staircase of steps. */
#include "job/run/task.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "job/run/account.h"
#include "job/run/describe.h"
#include "job/run/forecast.h"
#include "job/run/placement.h"
#include "job/run/preview.h"
#include "job/run/release.h"
#include "job/run/run.h"
#include "job/train/train.h"
#include "lib/file_write.h"

/* In this order: each may read what those before it say of a step. */
static const struct observer *const observers[] = {
    &observer_sensors,  &observer_trace,   &observer_measure,
    &observer_progress, &observer_account, NULL,
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
    const struct sft_request *request = &options->request;
    bool plan = options->mode == OPTIONS_PLAN;
    int nodes = request->nodes > 0 ? request->nodes : 1;
    int gpus = request->gpus > 0 ? request->gpus : plan && request->nodes > 0 ? FORECAST_GPUS : 1;
    struct sft_error err = {""};
    struct input input = {0};
    int status = SFT_EXIT_DONE;
    if (check_files(request, &err) < 0 || sft_ceilings_load(request->ceilings, &err) < 0 ||
        input_open(&input, request, nodes, nodes * gpus, &err) < 0)
        status = task_complain(&err);
    else if (!plan)
        preview_check(&input);
    else
        status = preview_plan(&input, options);
    input_close(&input);
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
        .trace = run->request->trace,
        .peak_tflops = run->machine.peak_tflops,
        .limit_tflops = run->machine.limit_tflops,
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
    const struct sft_request *request = run->request;
    if (result_folder(&run->result, request->out, err) < 0 ||
        sft_ceilings_load(request->ceilings, err) < 0 ||
        input_open(&run->input, request, run->ranks.nodes, run->ranks.control->size, err) < 0 ||
        machine_create(&run->machine, request, run->ranks.device, run->ranks.bootstrap.local_size,
                       err) < 0)
        return -1;
    return training_fit(&run->training, request, &run->input, run->machine.device,
                        run->ranks.control, run->ranks.collective, err);
}

static int run_prepare(struct run *run, struct sft_error *err)
{
    return training_create(&run->training, err) < 0 ? -1 : run_observe(run, err);
}

/* Who asked for the CPU knows it. Before there may be too little memory for it: that is why. */
static void run_tell(const struct run *run)
{
    const struct sft_request *request = run->request;
    if (run->ranks.control->rank == 0 && run->ranks.device < 0 &&
        request->device != SFT_DEVICE_CPU && request->gpus != 0)
        host_tell_cpu(stderr);
}

/* Until all ranks stand before the first step; -1 on all of them where one cannot. */
static int run_ready(struct run *run, struct sft_error *err)
{
    struct control *control = run->ranks.control;
    if (control_agree(control, run_open(run, err), err) < 0 ||
        training_agree(&run->training, err) < 0)
        return -1;
    run_tell(run);
    return control_agree(control, run_prepare(run, err), err);
}

/* After the first step begins the others may wait for us: whoever fails ends them all. */
static int run_train(struct run *run, struct sft_error *err)
{
    struct sft_record *record = run->observed.record;
    if (release_tell(run->ranks.control, run->ranks.hosts, err) < 0 || describe_run(run, err) < 0 ||
        placement_record(run->ranks.control, run->ranks.collective->on_device,
                         run->ranks.bootstrap.local_rank, run->ranks.hosts, record, err) < 0 ||
        train_run(&run->training, run->observers, record, err) < 0 ||
        (record != NULL && sft_record_set(record, "state", "complete", err) < 0) ||
        result_write(&run->result, true, err) < 0)
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

static void run_abort(struct run *run, struct sft_error *err)
{
    run_failed(run, err);
    bootstrap_abort(&run->ranks.bootstrap, SFT_EXIT_FAILED);
}

static void run_release(struct run *run)
{
    result_close(&run->result);
    observers_close(run->observers);
    training_destroy(&run->training);
    machine_destroy(&run->machine);
    input_close(&run->input);
    ranks_leave(&run->ranks);
}

static int train_start(const struct options *options)
{
    static struct run run; /* the watchdog's thread may look at it to the end */
    struct sft_error err = {""};
    int status = SFT_EXIT_DONE;
    run.request = &options->request;
    run.ranks = (struct ranks){.last_word = run_last_word, .user = &run.result};
    if (result_open(&run.result, bootstrap_rank_told() == 0, &err) < 0 ||
        ranks_join(&run.ranks, run.request, &err) < 0)
        run_abort(&run, &err);
    if (run_ready(&run, &err) < 0)
        status = run_failed(&run, &err);
    else if (run_train(&run, &err) < 0)
        run_abort(&run, &err);
    if (status == SFT_EXIT_DONE && result_lost(&run.result, &err) < 0) {
        task_complain(&err);
        status = SFT_EXIT_NO_FILE;
    }
    run_release(&run);
    return status;
}

const struct task task_train = {train_check, train_start};
