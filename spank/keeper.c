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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "spank/deliver.h"
#include "spank/fail.h"
#include "spank/leave.h"
#include "spank/page.h"
#include "spank/publish.h"
#include "spank/slurm_compat.h"
#include "spank/spool.h"
#include "spank/witness.h"

enum {
    KEEPER_SECONDS = 900, /* after slurmstepd's death, until slurmctld answers */
    KEEPER_PATIENCE_MS = 1000,
    KEEPER_PAUSE = 2 /* seconds between two tries to kill the step */
};

enum keeper_order { KEEPER_RECORD, KEEPER_FINAL, KEEPER_QUIT };

struct keeper_message {
    enum keeper_order order;
    uint32_t serial;
    char text[SFT_RECORD_MAX];
};

/* slurmstepd's side. */
static int keeper_socket = -1;
static uint32_t keeper_serial;

/* The keeper's. */
struct keeper {
    const struct keeper_step *step;
    int socket;
    uint32_t serial; /* of the record in publish */
    bool final;      /* it tells rank 0's end, which nobody knows after slurmstepd's death */
    struct publish publish;
};

/* What slurmstepd said last may be older than the page. */
static void keeper_read_page(struct keeper *keeper)
{
    const struct keeper_step *step = keeper->step;
    struct spooled spooled = {.job_id = step->job_id, .step_id = step->step_id};
    struct page_facts facts;
    char page[SFT_RECORD_PAGE];
    struct sft_record record;
    if (step->record_fd < 0 || pread(step->record_fd, page, sizeof page, 0) != (ssize_t)sizeof page)
        return;
    witness_orphaned();
    witness_facts(&facts);
    if (page_read(page, sizeof page, &facts, &record, NULL) != 1)
        return;
    spooled.comment = step->comment;
    if (sft_record_format(&record, false, spooled.text, sizeof spooled.text, NULL) == 0) {
        deliver_spool(&spooled, NULL, 0, NULL);
        publish_set(&keeper->publish, spooled.text, true, NULL);
    }
    sft_record_clear(&record);
}

/* A run whose end is in its record has not failed for want of a daemon. */
static int keeper_end(const struct keeper *keeper)
{
    const struct keeper_step *step = keeper->step;
    return keeper->final ? compat_kill_step(step->job_id, step->step_id)
                         : fail_step(step->job_id, step->step_id);
}

/* First the record: a step that has ended may be the end of the job, which takes no update. */
static void keeper_act(struct keeper *keeper)
{
    time_t end = time(NULL) + KEEPER_SECONDS;
    alarm(KEEPER_SECONDS + KEEPER_SECONDS / 10);
    if (!keeper->final)
        keeper_read_page(keeper);
    while (keeper->publish.pending && time(NULL) < end && !publish_try(&keeper->publish))
        usleep((useconds_t)publish_due(&keeper->publish) * 1000);
    while (keeper_end(keeper) != SLURM_SUCCESS && !compat_job_is_over(errno) && time(NULL) < end)
        sleep(KEEPER_PAUSE);
    alarm(0);
}

static void keeper_answer(struct keeper *keeper)
{
    struct keeper_answer answer = {.serial = keeper->serial,
                                   .result = keeper->publish.result,
                                   .refused = keeper->publish.account.refused};
    strcpy(answer.why, keeper->publish.account.why);
    send(keeper->socket, &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Hear everything that was said. Returns whether to go on; *alive: whether slurmstepd still is. */
static bool keeper_hear(struct keeper *keeper, bool *alive)
{
    struct keeper_message message;
    ssize_t got;
    while ((got = recv(keeper->socket, &message, sizeof message, MSG_DONTWAIT)) > 0) {
        if (message.order == KEEPER_QUIT)
            return false;
        message.text[sizeof message.text - 1] = '\0';
        keeper->serial = message.serial;
        keeper->final = message.order == KEEPER_FINAL;
        publish_set(&keeper->publish, message.text, keeper->final, NULL);
    }
    *alive = got < 0 && (errno == EAGAIN || errno == EINTR);
    return *alive;
}

/* Until slurmstepd says that the step ends, or is gone: false. */
static bool keeper_serve(struct keeper *keeper)
{
    bool alive = true;
    struct pollfd said = {.fd = keeper->socket, .events = POLLIN};
    while (keeper_hear(keeper, &alive)) {
        if (publish_due(&keeper->publish) == 0 && publish_try(&keeper->publish))
            keeper_answer(keeper);
        poll(&said, 1, publish_due(&keeper->publish));
    }
    return alive;
}

/* slurmd's log, root's: libslurm writes into it by its number, which must not become a
 * connection's. */
static bool keeper_is_log(int fd)
{
    struct stat info;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_APPEND) != 0 && fd > 2 && fstat(fd, &info) == 0 &&
           S_ISREG(info.st_mode) && info.st_uid == 0;
}

/* Of all that slurmstepd had open only the socket, the record and the log stay: a copy of its
 * connections would hide its death from the other side, and its errors are the user's terminal. */
static void keeper_close(int keep, int record)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur > 65536 ? 65536 : (int)limit.rlim_cur;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < end; fd++)
        if (fd != keep && fd != record && fd != null && !keeper_is_log(fd))
            close(fd);
    for (int fd = 0; fd < 3; fd++)
        if (fd != keep && fd != record)
            dup2(null, fd);
}

static void keeper_signals(void)
{
    static const int ours[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGALRM};
    sigset_t none;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        signal(ours[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A record that slurmctld has just taken needs but one more look. */
static void keeper_deliver(const struct keeper *keeper)
{
    char name[SPOOL_NAME];
    bool taken =
        keeper->final && !keeper->publish.pending && keeper->publish.result == ACCOUNT_STANDS;
    spool_name(keeper->step->job_id, keeper->step->step_id, name);
    deliver_rest(taken ? name : NULL);
}

/* Slurm's functions after a fork without an exec: slurmstepd does the same for its tasks, and
 * Slurm's own locks have fork handlers. Root, as slurmstepd was, to set the admin comment. */
static void keeper_run(int socket, const struct keeper_step *step)
{
    struct keeper keeper = {.step = step, .socket = socket};
    setsid();
    prctl(PR_SET_NAME, "sft-keeper");
    keeper_signals();
    keeper_close(socket, step->record_fd);
    if (chdir("/") < 0 || seteuid(getuid()) < 0 || setegid(getgid()) < 0)
        _exit(1);
    leave_groups();
    publish_init(&keeper.publish, step->job_id, step->comment);
    if (!keeper_serve(&keeper))
        keeper_act(&keeper);
    close(socket);
    keeper_deliver(&keeper);
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
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
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

int keeper_publish(const char *text, bool final)
{
    struct keeper_message message = {.order = final ? KEEPER_FINAL : KEEPER_RECORD,
                                     .serial = keeper_serial + 1};
    if (keeper_socket < 0 || strlen(text) >= sizeof message.text)
        return -1;
    strcpy(message.text, text);
    if (send(keeper_socket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return -1;
    keeper_serial++;
    return 0;
}

/* Answers about earlier texts are passed over. */
static bool keeper_heard(struct keeper_answer *answer)
{
    struct keeper_answer heard;
    while (recv(keeper_socket, &heard, sizeof heard, MSG_DONTWAIT) == (ssize_t)sizeof heard) {
        if (heard.serial == keeper_serial) {
            *answer = heard;
            return true;
        }
    }
    return false;
}

static long long keeper_clock(void)
{
    return (long long)(sft_clock_now() * 1e3);
}

bool keeper_wait(int milliseconds, struct keeper_answer *answer)
{
    long long end = keeper_clock() + milliseconds, left = milliseconds;
    struct pollfd said = {.fd = keeper_socket, .events = POLLIN};
    bool gone = false;
    for (; left > 0 && !gone; left = end - keeper_clock()) {
        if (keeper_heard(answer))
            return true;
        int rc = poll(&said, 1, (int)left);
        gone = (rc < 0 && errno != EINTR) || (rc > 0 && (said.revents & (POLLHUP | POLLERR)) != 0);
    }
    return keeper_heard(answer);
}

/* Its end of the socket closes when it has left; the step's containers may be removed then. */
void keeper_stop(void)
{
    if (keeper_socket < 0)
        return;
    struct keeper_message message = {.order = KEEPER_QUIT};
    struct pollfd gone = {.fd = keeper_socket, .events = 0};
    if (send(keeper_socket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        poll(&gone, 1, KEEPER_PATIENCE_MS);
    close(keeper_socket);
    keeper_socket = -1;
}
