/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: pipe2 */
#include "accounts/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounts/text.h"

#define SAID_MAX 4096 /* bytes of a program's stderr that are told */

extern char **environ;

static int cannot_run(const char *program, const char *why, struct sft_error *err)
{
    return sft_error_set(err, "cannot run %s: %s", program, why);
}

static void ends_close(const int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* posix_spawnp tells when the program cannot be run at all, which a fork and exec would only say
 * through an exit status. */
static int spawn_run(struct spawn *spawn, const char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (spawn->said >= 0)
            posix_spawn_file_actions_adddup2(&actions, spawn->said, STDERR_FILENO);
    } else {
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int rc = posix_spawnp(&spawn->pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* The pipe holds it all, so nobody waits; a program that has gone already is no reason to die here.
 */
static void spawn_feed(int fd, const char *input)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, was;
    size_t length = strlen(input);
    sigaction(SIGPIPE, &ignore, &was);
    while (length > 0) {
        ssize_t put = write(fd, input, length);
        if (put < 0 && errno != EINTR)
            break;
        input += put > 0 ? put : 0;
        length -= put > 0 ? (size_t)put : 0;
    }
    sigaction(SIGPIPE, &was, NULL);
}

int spawn_start(struct spawn *spawn, const char *const *argv, const char *input,
                struct sft_error *err)
{
    int out[2] = {-1, -1}, in[2] = {-1, -1};
    *spawn = (struct spawn){.program = argv[0], .pid = -1, .fd = -1, .said = -1};
    if (input != NULL && strlen(input) > SPAWN_INPUT)
        return sft_error_set(err, "%s: more than %d bytes to tell it", argv[0], SPAWN_INPUT);
    if (pipe2(out, O_CLOEXEC) < 0 || (input != NULL && pipe2(in, O_CLOEXEC) < 0)) {
        ends_close(out);
        return sft_error_set(err, "%s: no pipe: %s", argv[0], strerror(errno));
    }
    spawn->said = memfd_create("stderr", MFD_CLOEXEC);
    int rc = spawn_run(spawn, argv, in[0], out[1]);
    close(out[1]);
    if (rc == 0 && input != NULL)
        spawn_feed(in[1], input);
    ends_close(in);
    spawn->fd = out[0];
    if (rc == 0)
        return 0;
    close(spawn->fd);
    if (spawn->said >= 0)
        close(spawn->said);
    spawn->pid = -1;
    return cannot_run(argv[0], strerror(rc), err);
}

/* Add a line to the one that is told, without what every line of Slurm's programs begins with. */
static void said_add(char *words, size_t size, const char *program, const char *line)
{
    const char *slash = strrchr(program, '/');
    char begin[64];
    int length =
        snprintf(begin, sizeof begin, "%.40s: error: ", slash != NULL ? slash + 1 : program);
    size_t used = strlen(words);
    if (strncmp(line, begin, (size_t)length) == 0)
        line += length;
    if (*line != '\0' && used < size)
        snprintf(words + used, size - used, "%s%s", used == 0 ? ": " : "; ", line);
}

/* What the program said: into the line, or, where it went well, on. Closes it. */
static void spawn_said(struct spawn *spawn, bool well, char *words, size_t size)
{
    char text[SAID_MAX], *rest = text, *line;
    ssize_t got = spawn->said >= 0 ? pread(spawn->said, text, sizeof text - 1, 0) : 0;
    text[got > 0 ? got : 0] = '\0';
    words[0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL) {
        text_make_printable(line);
        if (!well)
            said_add(words, size, spawn->program, line);
        else if (*line != '\0')
            fprintf(stderr, "%s\n", line);
    }
    if (spawn->said >= 0)
        close(spawn->said);
    spawn->said = -1;
}

int spawn_finish(struct spawn *spawn, struct sft_error *err)
{
    char words[SFT_ERROR_SIZE];
    int status;
    if (spawn->fd >= 0)
        close(spawn->fd);
    while (waitpid(spawn->pid, &status, 0) < 0)
        if (errno != EINTR) {
            spawn_said(spawn, true, words, sizeof words);
            return sft_error_set(err, "%s: %s", spawn->program, strerror(errno));
        }
    spawn_said(spawn, WIFEXITED(status) && WEXITSTATUS(status) == 0, words, sizeof words);
    if (WIFSIGNALED(status))
        return sft_error_set(err, "%s was killed by signal %d (%s)%s", spawn->program,
                             WTERMSIG(status), strsignal(WTERMSIG(status)), words);
    /* What posix_spawnp says where it cannot report exec's failure (under valgrind, say). */
    if (WEXITSTATUS(status) == 127)
        return cannot_run(spawn->program,
                          "it ended with status 127, as a program that is not there", err);
    if (WEXITSTATUS(status) != 0)
        return sft_error_set(err, "%s failed with exit status %d%s", spawn->program,
                             WEXITSTATUS(status), words);
    return 0;
}

int spawn_read_fd(int fd, const char *what, char **text, size_t *length, struct sft_error *err)
{
    size_t used = 0, room = 1 << 16;
    char *buffer = malloc(room);
    *text = NULL;
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

int spawn_read(const char *const *argv, const char *input, char **text, size_t *length,
               struct sft_error *err)
{
    struct spawn spawn;
    *text = NULL;
    if (spawn_start(&spawn, argv, input, err) < 0)
        return -1;
    int rc = spawn_read_fd(spawn.fd, argv[0], text, length, err);
    if (spawn_finish(&spawn, rc == 0 ? err : NULL) < 0)
        rc = -1;
    if (rc < 0) {
        free(*text);
        *text = NULL;
    }
    return rc;
}

int spawn_quiet(const char *const *argv, struct sft_error *err)
{
    struct spawn spawn = {.program = argv[0], .pid = -1, .fd = -1, .said = -1};
    int rc = spawn_run(&spawn, argv, -1, -1);
    return rc != 0 ? cannot_run(argv[0], strerror(rc), err) : spawn_finish(&spawn, err);
}

int spawn_has(const char *program)
{
    const char *path = getenv("PATH");
    char name[4096];
    if (strchr(program, '/') != NULL)
        return access(program, X_OK) == 0;
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        snprintf(name, sizeof name, "%.*s/%s", (int)length, path, program);
        if (access(name, X_OK) == 0)
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

bool spawn_beside(const char *name, char *path, size_t size)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0)
        return false;
    self[length] = '\0';
    int used = snprintf(path, size, "%.*s%s", (int)(strrchr(self, '/') + 1 - self), self, name);
    return used < (int)size && access(path, X_OK) == 0;
}

const char *spawn_program(const char *variable, const char *otherwise)
{
    const char *named = getenv(variable);
    return named != NULL && *named != '\0' ? named : otherwise;
}
