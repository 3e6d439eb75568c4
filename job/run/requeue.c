/* SPDX-License-Identifier: Apache-2.0 */
/* The job is not linked with Slurm: its own command asks. */
#include "job/run/requeue.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What the command says, as much as there is room for, into `said`; its exit status, or -1 and
 * errno. */
static int command_run(char *const words[], char *said, size_t size)
{
    posix_spawn_file_actions_t actions;
    int pipes[2], status = -1;
    pid_t child;
    said[0] = '\0';
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    int failed = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    size_t used = 0;
    for (ssize_t got = 1; failed == 0 && got != 0 && used + 1 < size;) {
        got = read(pipes[0], said + used, size - 1 - used);
        if (got < 0 && errno != EINTR)
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    said[used] = '\0';
    close(pipes[0]);
    while (failed == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    errno = failed;
    return failed != 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* Of the job's line in what scontrol shows. A job that ends has no other state any more; by its
 * time limit or for preemption it has a word of that, and by scancel none. */
static bool is_cancelled(const char *shown, const char *number)
{
    char line[4096], begin[40];
    snprintf(begin, sizeof begin, "JobId=%s ", number);
    while (strncmp(shown, begin, strlen(begin)) != 0) { /* of an array all jobs have one */
        shown = strchr(shown, '\n');
        if (shown++ == NULL)
            return false;
    }
    snprintf(line, sizeof line, "%.*s", (int)strcspn(shown, "\n"), shown);
    return (strstr(line, " JobState=COMPLETING Reason=None ") != NULL ||
            strstr(line, " JobState=CANCELLED Reason=None ") != NULL) &&
           strstr(line, " PreemptTime=") == NULL;
}

/* Where nobody says so it was not. */
static bool job_is_cancelled(char *number)
{
    char shown[65536] = "", command[] = "scontrol", line[] = "-o", verb[] = "show", what[] = "job";
    char *const words[] = {command, line, verb, what, number, NULL};
    return command_run(words, shown, sizeof shown) >= 0 && is_cancelled(shown, number);
}

int requeue_job(struct sft_error *err)
{
    const char *job = getenv("SLURM_JOB_ID");
    char said[300], number[24];
    if (job == NULL)
        return sft_error_set(err, "requeue=yes: this is no job of Slurm's");
    if (strspn(job, "0123456789") != strlen(job) || strlen(job) >= sizeof number)
        return sft_error_set(err, "requeue=yes: SLURM_JOB_ID=%.40s is no job's number", job);
    strcpy(number, job);
    if (job_is_cancelled(number))
        return 1;
    char command[] = "scontrol", verb[] = "requeue";
    char *const words[] = {command, verb, number, NULL};
    int status = command_run(words, said, sizeof said);
    if (status == 0)
        return 0;
    said[strcspn(said, "\n")] = '\0';
    return sft_error_set(err, "requeue=yes: job %s is not queued again: %s", number,
                         status < 0        ? "no scontrol here, name its folder in PATH"
                         : said[0] != '\0' ? said
                                           : "scontrol failed");
}
