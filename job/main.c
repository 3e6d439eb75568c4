/* SPDX-License-Identifier: Apache-2.0 */
/* sft-bench-job: the command line, and the task that it asks for. Exit status: enum sft_exit. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "job/control/bootstrap.h"
#include "job/run/options.h"
#include "job/run/release.h"
#include "job/run/result.h"
#include "job/run/task.h"

static const struct task *const tasks[] = {
    [SFT_TASK_TRAIN] = &task_train,
    [SFT_TASK_EXPLAIN] = &task_explain,
    [SFT_TASK_VERIFY] = &task_verify,
};

/* A command that was not looked at before, on a submit host without the job, fails here. */
static int main_refuse(const struct sft_error *err)
{
    static struct result result;
    struct sft_error ignored;
    struct sft_error why = *err;
    char release[256];
    if (release_judge_self(release, sizeof release)[0] != '\0')
        sft_error_suffix(&why, " (%s)", release);
    task_complain(&why);
    if (bootstrap_rank_told() == 0 && result_open(&result, true, &ignored) == 0)
        result_fail(&result, why.text);
    result_close(&result);
    return SFT_EXIT_COMMAND;
}

static int main_mode(int argc, char **argv)
{
    static struct options options;
    struct sft_error err = {""};
    if (job_options_parse(&options, argc, argv, &err) < 0)
        return main_refuse(&err);
    switch (options.mode) {
    case OPTIONS_HELP:
        job_options_help(stdout);
        return SFT_EXIT_DONE;
    case OPTIONS_VERSION:
        puts(PACKAGE_STRING);
        return SFT_EXIT_DONE;
    case OPTIONS_CHECK:
    case OPTIONS_PLAN:
        return tasks[options.request.task]->check(&options);
    case OPTIONS_RUN:
    case OPTIONS_JSON:
        break;
    }
    return tasks[options.request.task]->run(&options);
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
    return status == SFT_EXIT_DONE ? SFT_EXIT_NO_FILE : status;
}
