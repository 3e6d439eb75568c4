/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/words.h"

enum { CHECK_NOT_RUN = 127, CHECK_NO_CHDIR = 125 };

/* srun blocks its signals before plugins run; the child is to die of them. Its stdout is our
 * stderr, so that nothing of it mixes with the tasks' output. */
static void check_child(const struct words *line, const char *folder)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    if (folder != NULL && chdir(folder) < 0)
        _exit(CHECK_NO_CHDIR);
    execv(line->list[0], line->list);
    _exit(CHECK_NOT_RUN);
}

static int check_wait(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return CHECK_NOT_HERE;
    if (WIFSIGNALED(status))
        return 1;
    if (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == CHECK_NOT_RUN)
        return CHECK_NOT_HERE;
    if (WEXITSTATUS(status) == CHECK_NO_CHDIR)
        return CHECK_NO_FOLDER;
    return WEXITSTATUS(status) == 0 ? 0 : 1;
}

int check_run(const char *job, const char *request, char *const *words, int count,
              const char *folder)
{
    struct words line = {0};
    words_add(&line, "%s", job);
    words_add(&line, "--check");
    words_add(&line, "%s", request);
    words_add_all(&line, words, count);
    pid_t child = line.failed ? -1 : fork();
    if (child == 0)
        check_child(&line, folder);
    words_clear(&line);
    return child < 0 ? CHECK_NOT_HERE : check_wait(child);
}
