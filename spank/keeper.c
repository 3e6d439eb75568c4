/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spank/account.h"
#include "spank/page.h"
#include "spank/fail.h"
#include "spank/slurm_compat.h"
#include "spank/witness.h"

enum { KEEPER_SECONDS = 50, KEEPER_PATIENCE_MS = 1000, KEEPER_TRIES = 5 };

static int keeper_socket = -1;

static void keeper_publish(const struct keeper_step *step)
{
    struct page_facts facts;
    char page[SFT_RECORD_PAGE];
    struct sft_record record;
    if (step->record_fd < 0 || pread(step->record_fd, page, sizeof page, 0) != (ssize_t)sizeof page)
        return;
    witness_orphaned();
    witness_facts(&facts);
    if (page_read(page, sizeof page, &facts, &record, NULL) != 1)
        return;
    account_publish(step->job_id, &record, step->comment, NULL);
    sft_record_clear(&record);
}

/* First the record: a step that has ended may be the end of the job, which takes no update. */
static void keeper_act(const struct keeper_step *step)
{
    alarm(KEEPER_SECONDS);
    keeper_publish(step);
    for (int i = 0; i < KEEPER_TRIES; i++) {
        if (fail_step(step->job_id, step->step_id) == SLURM_SUCCESS
            || compat_job_is_over(errno))
            return;
        sleep(2);
    }
}

/* Of all that slurmstepd had open only the socket and the record stay: a copy of its connections
 * would hide its death from the other side. */
static void keeper_close(int keep, int record)
{
    struct rlimit limit = { .rlim_cur = 1024 };
    getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur > 65536 ? 65536 : (int)limit.rlim_cur;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < end; fd++)
        if (fd != keep && fd != record && fd != null)
            close(fd);
    for (int fd = 0; fd < 3; fd++)
        if (fd != keep && fd != record)
            dup2(null, fd);
}

static void keeper_signals(void)
{
    static const int ours[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGALRM };
    sigset_t none;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        signal(ours[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Slurm's functions after a fork without an exec: slurmstepd does the same for its tasks, and
 * Slurm's own locks have fork handlers. Root, as slurmstepd was, to set the admin comment. */
static void keeper_run(int socket, const struct keeper_step *step)
{
    char byte;
    ssize_t got;
    setsid();
    prctl(PR_SET_NAME, "sft-keeper");
    keeper_signals();
    keeper_close(socket, step->record_fd);
    if (chdir("/") < 0 || seteuid(getuid()) < 0 || setegid(getgid()) < 0)
        _exit(1);
    while ((got = read(socket, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (got <= 0)
        keeper_act(step);
    _exit(0);
}

/* Two forks, so that slurmstepd, which waits for its tasks, never sees this child. */
static void keeper_fork(int socket, const struct keeper_step *step)
{
    pid_t child = fork();
    if (child == 0)
        keeper_run(socket, step);
    _exit(child < 0 ? 1 : 0);
}

int keeper_start(const struct keeper_step *step, struct sft_error *err)
{
    int ends[2], status = 1;
    if (keeper_socket >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return sft_error_set(err, "keeper: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        keeper_fork(ends[1], step);
    }
    close(ends[1]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || status != 0) {
        close(ends[0]);
        return sft_error_set(err, "keeper: no process");
    }
    keeper_socket = ends[0];
    return 0;
}

/* Its end of the socket closes when it is gone; the step's containers may be removed then. */
void keeper_stop(void)
{
    if (keeper_socket < 0)
        return;
    struct pollfd gone = { .fd = keeper_socket, .events = POLLIN };
    if (send(keeper_socket, "", 1, MSG_NOSIGNAL) == 1)
        poll(&gone, 1, KEEPER_PATIENCE_MS);
    close(keeper_socket);
    keeper_socket = -1;
}
