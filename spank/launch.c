/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/request_help.h"
#include "node/said.h"
#include "spank/check.h"
#include "spank/launch_internal.h"
#include "spank/options.h"
#include "spank/settings.h"
#include "spank/slurm_compat.h"

/* Read by the job (job/train/progress.c). */
#define LIVE_ENV "SFT_BENCH_LIVE"

static bool launched; /* we are the second start */

static char **launch_words(const struct launch *launch, int *count)
{
    *count = launch->user.dashes ? launch->user.count - launch->user.rest : 0;
    return launch->user.words + launch->user.rest;
}

/* Words that are not ours to understand: a command, or a second component. */
static int launch_rest(struct launch *launch, struct sft_error *err)
{
    const struct cmdline *user = &launch->user;
    bool any = user->rest < user->count;
    if (launch->step && (cmdline_has(user, "multi-prog") || getenv("SLURM_SRUN_MULTI") != NULL))
        return sft_error_set(
            err, "--multi-prog starts programs of its own, and --sft-bench brings one: take "
                 "one of the two away");
    launch->script = !launch->step && ((any && !user->dashes) || cmdline_has(user, "wrap"));
    for (int i = user->rest; i < user->count; i++)
        if (strcmp(user->words[i], ":") == 0)
            return sft_error_set(err, "a heterogeneous job (':') is not supported");
    if (launch->step && any && !user->dashes)
        return sft_error_set(err,
                             "'%s' would be a command, and --sft-bench brings its own: take it "
                             "away, or put words for sft-bench-job behind --",
                             user->words[user->rest]);
    return 0;
}

static int launch_request(struct launch *launch, struct sft_error *err)
{
    const char *value = cmdline_value(&launch->user, CMDLINE_OPTION);
    if (sft_request_parse(&launch->request, value, err) < 0)
        return -1;
    conf_fill_texts(&launch->conf, &launch->request);
    if (cmdline_has(&launch->user, "cpu-bind") || getenv("SLURM_CPU_BIND") != NULL)
        launch->request.bind = SFT_BIND_NONE;
    return 0;
}

static int launch_ask(struct launch *launch, struct sft_error *err)
{
    launch->program = launch->step ? ASK_SRUN : options_known("wrap") ? ASK_SBATCH : ASK_SALLOC;
    if (ask_read(&launch->ask, &launch->user, launch->program, launch_allocation(launch) != 0,
                 err) < 0)
        return -1;
    launch->slices = gres_is_slice(launch->ask.type);
    return ask_nodes(&launch->ask, &launch->request, err);
}

/* A slip in a name of the site's list looks like a file that is not there. */
static void launch_tell_names(const struct launch *launch, const char *key, const char *text)
{
    char names[CONF_DATA_NAMES];
    if (conf_data_misses(&launch->conf.sets, text, names) && access(text, F_OK) < 0)
        fprintf(stderr, "sft-bench: note: %s=%s: no name of this site's list, either: %s\n", key,
                text, names);
}

/* The job says itself what is wrong: then there is little more to say. */
static void launch_check(const struct launch *launch)
{
    int count;
    char **words = launch_words(launch, &count);
    const char *folder = cmdline_value(&launch->user, "chdir");
    int rc = check_run(launch->conf.job, launch->text, words, count, folder);
    if (rc == 1) {
        launch_tell_names(launch, "data", launch->request.data);
        launch_tell_names(launch, "eval", launch->request.eval);
        exit(1);
    }
    if (rc == CHECK_NO_FOLDER)
        fprintf(
            stderr,
            "sft-bench: note: --chdir=%s: no such folder on this host: data and tokenizer are only "
            "checked when the job starts\n",
            folder);
    if (rc == CHECK_NOT_HERE)
        fprintf(stderr,
                "sft-bench: note: %s does not run on this host: data and tokenizer are only "
                "checked when the job starts\n",
                launch->conf.job);
}

/* `srun --sft-bench=REQUEST -- words`, to be run inside of the new allocation. */
static void launch_inner(const struct launch *launch, struct words *inner)
{
    int count;
    char **words = launch_words(launch, &count);
    words_add(inner, "srun");
    words_add(inner, "--" CMDLINE_OPTION "=%s", launch->text);
    if (count > 0)
        words_add(inner, "--");
    words_add_all(inner, words, count);
}

/* On a terminal the job rewrites one progress line, which buffering by lines would hold back. */
static void launch_live(const struct launch *launch, struct words *line)
{
    if (!launch->step || !isatty(STDERR_FILENO) || cmdline_has(&launch->user, "label"))
        return;
    words_add(line, "--unbuffered");
    setenv(LIVE_ENV, isatty(STDOUT_FILENO) ? "stdout" : "stderr", 1);
}

static void launch_tail(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    struct words inner = {0};
    if (launch->script) {
        words_add_all(line, user->words + user->options, user->count - user->options);
    } else if (launch->step) {
        int count;
        char **words = launch_words(launch, &count);
        words_add(line, "%s", launch->conf.job);
        words_add(line, "%s", launch->text);
        words_add_all(line, words, count);
    } else {
        launch_inner(launch, &inner);
        char *wrap = options_known("wrap") ? words_quote(&inner) : NULL;
        if (wrap != NULL)
            words_add(line, "--wrap=%s", wrap);
        else
            words_add_all(line, inner.list, inner.count);
        free(wrap);
    }
    line->failed = line->failed || inner.failed;
    words_clear(&inner);
}

static void launch_line(const struct launch *launch, struct words *line)
{
    const struct cmdline *user = &launch->user;
    words_add(line, "%s", user->words[0]);
    launch_options(launch, line);
    launch_live(launch, line);
    words_add_all(line, user->words + 1, user->options - 1);
    if (launch->step) /* as it was understood, for the nodes: the last one counts */
        words_add(line, "--" CMDLINE_OPTION "=%s", launch->text);
    launch_tail(launch, line);
}

/* By its path, so that ps shows srun and not exe; by the link when the file was replaced. */
static void launch_self(const struct words *line)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        execv(path, line->list);
    }
    execv("/proc/self/exe", line->list);
}

static int launch_exec(struct words *line, struct sft_error *err)
{
    char self[16];
    if (line->failed)
        return sft_error_set(err, "out of memory");
    snprintf(self, sizeof self, "%ld", (long)getpid());
    /* srun blocks signals before plugins run, and would find them blocked in its second start. */
    sigset_t none, was;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &was);
    setenv(LAUNCH_GUARD, self, 1);
    launch_self(line);
    unsetenv(LAUNCH_GUARD);
    sigprocmask(SIG_SETMASK, &was, NULL);
    return sft_error_set(err, "cannot start %s again: %s", line->list[0], strerror(errno));
}

/* srun refuses an --mpi that it has no plugin for. One rank needs none. */
static int launch_mpi(struct launch *launch, struct sft_error *err)
{
    const char *folders;
    if (!launch->step || cmdline_has(&launch->user, "mpi") ||
        settings_has_mpi(launch->conf.mpi, &folders))
        return 0;
    if (launch->plan.ranks != 1)
        return sft_error_set(err,
                             "this host's Slurm has no plugin for --mpi=%s (mpi_%s.so in %.300s), "
                             "by which %d ranks find each other: install it here and on the nodes, "
                             "or name another with mpi = in sft-bench.conf",
                             launch->conf.mpi, launch->conf.mpi, folders, launch->plan.ranks);
    snprintf(launch->conf.mpi, sizeof launch->conf.mpi, "none");
    return 0;
}

static int launch_prepare(struct launch *launch, int ac, char **av, struct sft_error *err)
{
    if (launch_rest(launch, err) < 0 || conf_load(&launch->conf, ac, av, err) < 0 ||
        launch_request(launch, err) < 0 || launch_ask(launch, err) < 0)
        return -1;
    return launch_plan(launch, err) < 0 ? -1 : launch_mpi(launch, err);
}

static void launch_help(const struct launch *launch)
{
    const char *path = launch->user.words[0], *slash = strrchr(path, '/');
    sft_request_help_srun(stdout, slash != NULL ? slash + 1 : path);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* What the nodes cannot see by themselves. */
static void launch_tell(const struct launch *launch)
{
    const char *prolog = cmdline_value(&launch->user, "task-prolog");
    setenv(SAID_SRUN_ENV, PACKAGE_VERSION, 1);
    if (prolog != NULL) /* Slurm's own variable for it */
        setenv("SLURM_TASK_PROLOG", prolog, 1);
}

static void launch_go(struct launch *launch, int ac, char **av)
{
    struct sft_error err = {""};
    if (strcmp(cmdline_value(&launch->user, CMDLINE_OPTION), SFT_REQUEST_HELP) == 0)
        launch_help(launch);
    struct words line = {0};
    if (launch->step)
        launch_tell(launch);
    if (launch_prepare(launch, ac, av, &err) == 0) {
        /* In a job the run itself tells what is wrong: so it stands in its record, too. */
        if (!launch->script && !launch->cluster.allocated)
            launch_check(launch);
        launch_line(launch, &line);
        launch_exec(&line, &err);
    }
    fprintf(stderr, "sft-bench: %s\n", err.text);
    exit(1);
}

static bool launch_wanted(struct launch *launch)
{
    struct sft_error err;
    if (!cmdline_hints(&launch->user) || options_scan(&launch->user, &err) < 0)
        return false;
    return cmdline_value(&launch->user, CMDLINE_OPTION) != NULL &&
           !cmdline_has(&launch->user, "help") && !cmdline_has(&launch->user, "usage") &&
           !cmdline_has(&launch->user, "version");
}

static void launch_try(bool step, int ac, char **av)
{
    struct launch *launch = calloc(1, sizeof *launch);
    if (launch == NULL)
        return;
    launch->step = step;
    if (cmdline_read(&launch->user, NULL) == 0 && launch_wanted(launch))
        launch_go(launch, ac, av);
    cmdline_clear(&launch->user);
    free(launch);
}

void launch_init(bool step, int ac, char **av)
{
    const char *guard = getenv(LAUNCH_GUARD);
    launched = guard != NULL && strtol(guard, NULL, 10) == (long)getpid();
    unsetenv(LAUNCH_GUARD);
    if (!launched)
        launch_try(step, ac, av);
}

void launch_late(bool step, int ac, char **av)
{
    if (!launched)
        launch_try(step, ac, av);
}
