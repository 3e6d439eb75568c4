/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"

#define PROBE_SECONDS 10 /* a controller that is busier than this is not waited for */

static bool probe_word(const char *text, const char *before, char *word, size_t size)
{
    const char *at = strstr(text, before);
    if (at == NULL)
        return false;
    at += strlen(before);
    size_t length = strcspn(at, " \t\r\n");
    snprintf(word, size, "%.*s", (int)(length < size ? length : size - 1), at);
    return length > 0;
}

bool probe_read(struct probe *probe, const char *text)
{
    const char *start = strstr(text, " to start at ");
    return start != NULL && probe_word(start, " on nodes ", probe->nodes, sizeof probe->nodes) &&
           probe_word(start, " in partition ", probe->partition, sizeof probe->partition);
}

/* As quiet or loud as Slurm is by itself: its answer is a message of the level "info". */
static void probe_child(const struct words *line, const char *guard, int out)
{
    char self[16];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    static const char *const loud[] = {"SLURM_DEBUG", "SBATCH_DEBUG", "SALLOC_DEBUG"};
    for (size_t i = 0; i < sizeof loud / sizeof loud[0]; i++)
        unsetenv(loud[i]);
    snprintf(self, sizeof self, "%ld", (long)getpid());
    setenv(guard, self, 1);
    execv("/proc/self/exe", line->list);
    _exit(127);
}

/* Milliseconds until then, for poll. */
static int probe_left(double end)
{
    double left = end - sft_clock_now();
    return left > 0 ? (int)(left * 1e3) : 0;
}

/* All that comes, as far as it has room, until the end or the time is over. */
static void probe_collect(int from, char *text, size_t size)
{
    double end = sft_clock_now() + PROBE_SECONDS;
    size_t length = 0;
    for (;;) {
        char piece[512];
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int ready = poll(&wait, 1, probe_left(end));
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(from, piece, sizeof piece) : 0;
        if (got <= 0)
            break;
        size_t room = size - 1 - length, take = (size_t)got < room ? (size_t)got : room;
        memcpy(text + length, piece, take);
        length += take;
    }
    text[length] = '\0';
}

bool probe_run(struct probe *probe, const struct words *line, const char *guard)
{
    char text[16384];
    int ends[2], status = -1;
    memset(probe, 0, sizeof *probe);
    if (line->failed || pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        probe_child(line, guard, ends[1]);
    close(ends[1]);
    if (child > 0) {
        probe_collect(ends[0], text, sizeof text);
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    return child > 0 && probe_read(probe, text);
}
