/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: pipe2 */
#include "report/source.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* sacct reads local times without a zone. */
static const char *time_text(char *text, size_t size, time_t at)
{
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return text;
}

static const char *jobs_text(struct source_command *command, const struct filter *filter)
{
    size_t used = 0;
    for (size_t i = 0; i < filter->job_count; i++)
        used += (size_t)snprintf(command->jobs + used, sizeof command->jobs - used, "%s%lld",
                                 i == 0 ? "" : ",", filter->jobs[i]);
    return command->jobs;
}

void source_command_make(struct source_command *command, const struct filter *filter)
{
    const char *sacct = getenv("SFT_SACCT");
    size_t n = 0;
    memset(command, 0, sizeof *command);
    command->argument[n++] = sacct != NULL && *sacct != '\0' ? sacct : "sacct";
    command->argument[n++] = "--json";
    command->argument[n++] = "-X"; /* comments are the job's: leave its steps in the database */
    if (filter->job_count > 0) {
        command->argument[n++] = "-j";
        command->argument[n++] = jobs_text(command, filter);
    }
    /* sacct's own default would be today's midnight. */
    if (filter->since != 0) {
        command->argument[n++] = "-S";
        command->argument[n++] = time_text(command->since, sizeof command->since, filter->since);
    }
    if (filter->until != 0) {
        command->argument[n++] = "-E";
        command->argument[n++] = time_text(command->until, sizeof command->until, filter->until);
    }
    if (filter->all_users) {
        command->argument[n++] = "-a";
    } else if (filter->user != NULL) {
        command->argument[n++] = "-u";
        command->argument[n++] = filter->user;
    }
    command->argument[n] = NULL;
}

/* Read to the end of the stream; `what` names it in messages. */
static int read_all(int fd, const char *what, char **text, size_t *length, struct sft_error *err)
{
    size_t used = 0, room = 1 << 16;
    char *buffer = malloc(room);
    while (buffer != NULL) {
        ssize_t got = read(fd, buffer + used, room - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(buffer);
            return sft_error_set(err, "%s: %s", what, strerror(errno));
        }
        used += (size_t)got;
        if (got == 0) {
            buffer[used] = '\0';
            *text = buffer;
            *length = used;
            return 0;
        }
        if (used + 1 == room) {
            char *grown = realloc(buffer, room *= 2);
            if (grown == NULL)
                free(buffer);
            buffer = grown;
        }
    }
    return sft_error_set(err, "%s: no memory for %zu bytes", what, room);
}

static int cannot_run(const char *program, const char *why, struct sft_error *err)
{
    return sft_error_set(err,
                         "cannot run %s: %s; put Slurm's sacct on PATH, name it in SFT_SACCT, or read "
                         "what it printed elsewhere with --input",
                         program, why);
}

/* Start the command with its stdout in a pipe. posix_spawnp tells us when it cannot be run at all,
 * which a fork and exec would only say through an exit status. */
static int spawn_reader(const struct source_command *command, pid_t *pid, int *fd,
                        struct sft_error *err)
{
    const char *program = command->argument[0];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sft_error_set(err, "%s: no pipe: %s", program, strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int rc = posix_spawnp(pid, program, &actions, NULL, (char *const *)command->argument, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *fd = ends[0];
    if (rc == 0)
        return 0;
    close(ends[0]);
    return cannot_run(program, strerror(rc), err);
}

static int wait_for(pid_t pid, const char *program, struct sft_error *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return sft_error_set(err, "%s: %s", program, strerror(errno));
    if (WIFSIGNALED(status))
        return sft_error_set(err, "%s was killed by signal %d (%s)", program, WTERMSIG(status),
                             strsignal(WTERMSIG(status)));
    /* What posix_spawnp says where it cannot report exec's failure (under valgrind, say). */
    if (WEXITSTATUS(status) == 127)
        return cannot_run(program, "it ended with status 127, as a program that is not there", err);
    if (WEXITSTATUS(status) != 0)
        return sft_error_set(err, "%s failed with exit status %d: its own message stands above",
                             program, WEXITSTATUS(status));
    return 0;
}

int source_read_sacct(const struct filter *filter, char **text, size_t *length,
                      struct sft_error *err)
{
    struct source_command *command = malloc(sizeof *command);
    pid_t pid;
    int fd = -1, rc = -1;
    *text = NULL;
    if (command == NULL)
        return sft_error_set(err, "no memory");
    source_command_make(command, filter);
    if (spawn_reader(command, &pid, &fd, err) < 0)
        goto out;
    rc = read_all(fd, command->argument[0], text, length, err);
    close(fd);
    if (wait_for(pid, command->argument[0], rc == 0 ? err : NULL) < 0)
        rc = -1;
out:
    free(command);
    if (rc < 0) {
        free(*text);
        *text = NULL;
    }
    return rc;
}

int source_read_file(const char *path, char **text, size_t *length, struct sft_error *err)
{
    *text = NULL;
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", text, length, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", path, strerror(errno));
    int rc = read_all(fd, path, text, length, err);
    close(fd);
    return rc;
}
