/* SPDX-License-Identifier: Apache-2.0 */
/* sft-bench-job: the run as a staircase of steps. Exit status: enum sft_exit. */
#include "config.h"

#include "job/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/explain.h"
#include "job/run/options.h"

enum { DONE = SFT_EXIT_DONE, FAILED = SFT_EXIT_FAILED, BAD_COMMAND = SFT_EXIT_COMMAND };

#define STALLED_SECONDS 5 /* to say why a run is ended before it ends */

static int complain(const struct sft_error *err)
{
    if (err->text[0] != '\0')
        fprintf(stderr, "sft-bench-job: %s\n", err->text);
    return FAILED;
}

static int main_check(const struct options *options, bool print)
{
    struct sft_error err = {""};
    struct sft_plan plan;
    struct tokenizer *tokenizer = NULL;
    struct data *data = NULL;
    struct sft_preset shape;
    int nodes = options->request.nodes > 0 ? options->request.nodes : 1;
    int gpus = options->request.gpus > 0             ? options->request.gpus
               : print && options->request.nodes > 0 ? PLAN_GPUS
                                                     : 1;
    int status = DONE;
    if (options->request.task != SFT_TASK_TRAIN) /* nothing to train, nothing to check */
        return DONE;
    if (sft_plan_make_running(&plan, &options->request, nodes, nodes * gpus, &err) < 0 ||
        run_check_out(&options->request, &err) < 0 ||
        run_open_data(&options->request, plan.seq, plan.seed, &tokenizer, &data, &shape, &err) < 0)
        status = complain(&err);
    else if (print && options->json)
        scaling_print_json(&plan, &shape, data, &options->request);
    else if (!print)
        check_print(data);
    else
        plan_print(&plan, &shape, data, &options->request);
    data_close(data);
    tokenizer_close(tokenizer);
    return status;
}

/* From the watchdog's thread, while this rank or another hangs somewhere: nothing here may hang
 * too. */
static void main_stalled(void *user, const char *why)
{
    struct run *run = user;
    bootstrap_abort_within(FAILED, STALLED_SECONDS);
    fprintf(stderr, "sft-bench-job: %s\n", why);
    result_fail_aside(&run->result, why);
    bootstrap_abort(&run->bootstrap, FAILED);
}

/* Collectives on a GPU: where its streams are, which the host does not know by itself. */
static int main_poll(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    struct collective *collective = ((struct run *)user)->collective;
    return collective->poll(collective, progress, err);
}

static int main_timeout(const struct run *run)
{
    return run->request.timeout > 0 ? run->request.timeout : WATCHDOG_SECONDS;
}

static int main_watch(struct run *run, struct sft_error *err)
{
    struct watchdog_options options = {
        .limit = main_timeout(run),
        .fail = main_stalled,
        .poll = run->collective->on_device ? main_poll : NULL,
        .user = run,
    };
    run->watchdog = watchdog_start(&options, &run->bootstrap, err);
    run->control->watchdog = run->watchdog;
    return run->watchdog == NULL ? -1 : 0;
}

/* Bootstrap and control: until they stand a rank can only speak for itself. */
static int main_join(struct run *run, struct sft_error *err)
{
    if (bootstrap_start(&run->bootstrap, err) < 0)
        return -1;
    run->control = control_start(&run->bootstrap, main_timeout(run), err);
    if (run->control == NULL)
        return -1;
    run->hosts = run->control->hosts[0];
    run->nodes = run->control->nodes;
    run->device = run_choose_device(&run->request, run->bootstrap.local_rank);
    run->collective = collective_create(run->control, run->device, err);
    return run->collective == NULL ? -1 : main_watch(run, err);
}

/* After the first step begins the others may wait for us: whoever fails ends them all. */
static int main_train(struct run *run, struct sft_error *err)
{
    if (describe_run(run, err) < 0 ||
        placement_record(run->control, run->collective->on_device, run->bootstrap.local_rank,
                         run->hosts, run->result.active ? &run->result.record : NULL, err) < 0 ||
        train_run(run, err) < 0 ||
        (run->result.active && sft_record_set(&run->result.record, "state", "complete", err) < 0) ||
        result_write(&run->result, true, err) < 0)
        return -1;
    if (run->result.active)
        describe_summary(run);
    return 0;
}

/* On the terminal and in the record. Of other ranks than 0 the record names which one it was. */
static int main_failed(struct run *run, struct sft_error *err)
{
    int rank = bootstrap_rank_told();
    complain(err);
    if (rank > 0 && err->text[0] != '\0') {
        struct sft_error why = *err;
        sft_error_set(err, "%.300s (rank %d on %.60s)", why.text, rank, run->bootstrap.host);
    }
    result_fail(&run->result, err->text);
    return FAILED;
}

static int main_run(const struct options *options)
{
    static struct run run;
    struct sft_error err = {""};
    run.request = options->request;
    if (result_open(&run.result, bootstrap_rank_told() == 0, &err) < 0 ||
        main_join(&run, &err) < 0) {
        main_failed(&run, &err);
        bootstrap_abort(&run.bootstrap, FAILED);
    }
    int status = DONE;
    if (setup_run(&run, &err) < 0) {
        status = main_failed(&run, &err);
    } else if (main_train(&run, &err) < 0) {
        main_failed(&run, &err);
        bootstrap_abort(&run.bootstrap, FAILED);
    }
    if (status == DONE && result_lost(&run.result, &err) < 0) {
        complain(&err);
        status = SFT_EXIT_NO_FILE;
    }
    setup_release(&run);
    return status;
}

static int main_explain(const struct options *options)
{
    struct bootstrap bootstrap;
    struct sft_error err = {""};
    int status = DONE;
    if (bootstrap_start(&bootstrap, &err) < 0 || explain_run(&bootstrap, options->json, &err) < 0)
        status = complain(&err);
    bootstrap_stop(&bootstrap);
    return status;
}

/* A command that was not looked at before, on a submit host without the job, fails here. */
static int main_refuse(const struct sft_error *err)
{
    static struct result result;
    struct sft_error ignored;
    complain(err);
    if (bootstrap_rank_told() == 0 && result_open(&result, true, &ignored) == 0)
        result_fail(&result, err->text);
    result_close(&result);
    return BAD_COMMAND;
}

static int main_mode(int argc, char **argv)
{
    struct options options;
    struct sft_error err = {""};
    if (options_parse(&options, argc, argv, &err) < 0)
        return main_refuse(&err);
    switch (options.mode) {
    case OPTIONS_HELP:
        options_help(stdout);
        return DONE;
    case OPTIONS_VERSION:
        puts(PACKAGE_STRING);
        return DONE;
    case OPTIONS_CHECK:
        return main_check(&options, false);
    case OPTIONS_PLAN:
        return main_check(&options, true);
    case OPTIONS_RUN:
    case OPTIONS_JSON:
        break;
    }
    return options.request.task == SFT_TASK_EXPLAIN ? main_explain(&options) : main_run(&options);
}

/* What was printed may be all that the user asked for: lost to a full disk it is no success. */
int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes arrives as an error, with the file's name */
    int status = main_mode(argc, argv);
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EBADF)
        return status;
    fprintf(stderr, "sft-bench-job: cannot write standard output%s%s\n", errno == 0 ? "" : ": ",
            errno == 0 ? "" : strerror(errno));
    return status == DONE ? SFT_EXIT_NO_FILE : status;
}
