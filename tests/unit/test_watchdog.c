/* SPDX-License-Identifier: Apache-2.0 */
/* Watchdogs of several processes on this host: one is stopped, killed, late, gone home or a stranger.
 * Nothing is asserted of times but that they are no longer than PATIENCE. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "job/watchdog.h"
#include "job/watchdog_judge.h"
#include "job/watchdog_net.h"

enum { RANKS = 4, ROUNDS = 1000, PATIENCE = 60 };

/* What the processes share: a bootstrap, collectives and the verdict. */
struct shared {
    pthread_barrier_t barrier;
    struct watchdog_card cards[RANKS];
    bool bad_address; /* rank 0's first address leads nowhere */
    bool held;        /* the exchange ends when `released` says so */
    atomic_int published, released;
    atomic_int arrived[ROUNDS];
    atomic_int verdicts, judge, polls, ready;
    atomic_bool quit; /* the run is over, well */
    char why[WATCHDOG_WHY];
};

static struct shared *shared;
static pid_t pids[RANKS];

static void sleep_ms(int ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&time, NULL);
}

/* The bootstrap's exchange, by shared memory. */
int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err)
{
    static const struct watchdog_address nowhere = { 4, { 192, 0, 2, 1 } }; /* RFC 5737 */
    struct watchdog_card *card = &shared->cards[bootstrap->rank];
    if (bytes != sizeof *card)
        return sft_error_set(err, "%zu bytes", bytes);
    memcpy(card, mine, bytes);
    if (bootstrap->rank == 0 && shared->bad_address) {
        memmove(card->address + 1, card->address, (WATCHDOG_ADDRESSES - 1) * sizeof *card->address);
        card->address[0] = nowhere;
        card->addresses += card->addresses < WATCHDOG_ADDRESSES;
    }
    if (bootstrap->rank == 0)
        atomic_store(&shared->published, 1);
    while (shared->held && !atomic_load(&shared->released))
        sleep_ms(2);
    if (bootstrap->size > 1)
        pthread_barrier_wait(&shared->barrier);
    memcpy(all, shared->cards, bytes * (size_t)bootstrap->size);
    return 0;
}

static void rank_fails(void *user, const char *why)
{
    if (atomic_fetch_add(&shared->verdicts, 1) == 0) {
        snprintf(shared->why, sizeof shared->why, "%s", why);
        atomic_store(&shared->judge, ((struct bootstrap *)user)->rank + 1);
    }
}

/* A collective that ends when all ranks have come; false when the run is over. */
static bool collective(struct watchdog *w, int number, int ranks)
{
    watchdog_enter(w, "sum");
    atomic_fetch_add(&shared->arrived[number], 1);
    while (atomic_load(&shared->arrived[number]) < ranks && !atomic_load(&shared->quit))
        sleep_ms(2);
    watchdog_leave(w);
    return !atomic_load(&shared->quit);
}

static void rounds(struct watchdog *w, int first, int last)
{
    for (int number = first; number < last; number++) {
        if (!collective(w, number, RANKS))
            return;
        sleep_ms(5);
    }
}

struct scene {
    double limit;
    bool bad_address, held;
    int (*poll)(void *user, struct watchdog_progress *progress, struct sft_error *err);
    void (*play)(struct watchdog *w, int rank); /* what each rank does; then it stops its watchdog */
};

static void rank_run(const struct scene *scene, int rank)
{
    struct bootstrap bootstrap = { .rank = rank, .size = RANKS };
    struct watchdog_options options = {
        .limit = scene->limit, .fail = rank_fails, .poll = scene->poll, .user = &bootstrap,
    };
    struct sft_error err = { "" };
    snprintf(bootstrap.host, sizeof bootstrap.host, "node-%d", rank);
    struct watchdog *w = watchdog_start(&options, &bootstrap, &err);
    if (w == NULL) {
        fprintf(stderr, "rank %d: %s\n", rank, err.text);
        _exit(1);
    }
    atomic_fetch_add(&shared->ready, 1);
    scene->play(w, rank);
    watchdog_stop(w);
    _exit(0);
}

static void scene_begin(const struct scene *scene)
{
    pthread_barrierattr_t attributes;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->bad_address = scene->bad_address;
    shared->held = scene->held;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &attributes, RANKS);
    fflush(NULL);
    for (int rank = 0; rank < RANKS; rank++) {
        pids[rank] = fork();
        assert_true(pids[rank] >= 0);
        if (pids[rank] == 0)
            rank_run(scene, rank);
    }
}

static void wait_until(atomic_int *value, int least)
{
    for (int ms = 0; atomic_load(value) < least; ms += 10) {
        if (ms > PATIENCE * 1000)
            fail_msg("waited %d s in vain", PATIENCE);
        sleep_ms(10);
    }
}

/* Some rank's verdict, before anybody's patience ends; then the run is killed, the stopped too. */
static void expect_verdict(int judge, const char *text)
{
    wait_until(&shared->judge, 1);
    for (int rank = 0; rank < RANKS; rank++) {
        kill(pids[rank], SIGKILL);
        waitpid(pids[rank], NULL, 0);
    }
    assert_contains(shared->why, text);
    if (judge >= 0)
        assert_int_equal(shared->judge - 1, judge);
    munmap(shared, sizeof *shared);
}

/* Every rank comes to its end, and none was blamed. */
static void expect_peace(void)
{
    for (int rank = 0; rank < RANKS; rank++) {
        int status = -1;
        pid_t done = 0;
        for (int ms = 0; ms < PATIENCE * 1000 && done == 0; ms += 10) {
            done = waitpid(pids[rank], &status, WNOHANG);
            if (done == 0)
                sleep_ms(10);
        }
        if (done == 0 || status != 0)
            fail_msg("rank %d: status %d after %d s; verdict '%s'", rank, status, PATIENCE,
                     shared->why);
    }
    assert_string_equal(shared->why, "");
    munmap(shared, sizeof *shared);
}

#define LIMIT 2.4

static void play_rank_2_stops(struct watchdog *w, int rank)
{
    rounds(w, 0, 20);
    if (rank == 2)
        raise(SIGSTOP);
    rounds(w, 20, ROUNDS);
}

static void test_stopped(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_rank_2_stops });
    expect_verdict(0, "rank 2 on node-2 has not answered for ");
}

static void test_first_address_is_bad(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .bad_address = true, .play = play_rank_2_stops });
    expect_verdict(0, "rank 2 on node-2 has ");
}

static void play_inside(struct watchdog *w, int rank)
{
    rounds(w, 0, 20);
    watchdog_enter(w, "all-gather");
    if (rank == 1)
        raise(SIGSTOP);
    sleep_ms(PATIENCE * 1000);
}

static void test_stopped_inside(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_inside });
    expect_verdict(0, "rank 1 on node-1 has not answered for ");
}

static void play_absent(struct watchdog *w, int rank)
{
    rounds(w, 0, 5);
    if (rank == 1)
        sleep_ms(PATIENCE * 1000);
    rounds(w, 5, ROUNDS);
}

static void test_absent(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_absent });
    expect_verdict(0, "rank 1 on node-1 has not come: 3 ranks wait in sum (number 6) for ");
}

static void play_root_absent(struct watchdog *w, int rank)
{
    rounds(w, 0, 5);
    if (rank == 0)
        sleep_ms(PATIENCE * 1000);
    rounds(w, 5, ROUNDS);
}

static void test_root_is_absent(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_root_absent });
    expect_verdict(0, "rank 0 on node-0 has not come: 3 ranks wait in sum (number 6) for ");
}

static void play_network(struct watchdog *w, int rank)
{
    (void)rank;
    rounds(w, 0, 3);
    watchdog_enter(w, "reduce-scatter");
    sleep_ms(PATIENCE * 1000);
}

static void test_network(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_network });
    expect_verdict(0, "but the network between them does not move: 4 ranks wait in reduce-scatter "
                      "(number 4) for ");
}

static void play_root_stops(struct watchdog *w, int rank)
{
    rounds(w, 0, 20);
    if (rank == 0)
        raise(SIGSTOP);
    rounds(w, 20, ROUNDS);
}

static void test_root_is_stopped(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_root_stops });
    expect_verdict(-1, "rank 0 on node-0 has not answered for ");
}

static void play_rank_3_dies(struct watchdog *w, int rank)
{
    rounds(w, 0, 200);
    if (rank == 3)
        raise(SIGKILL);
    rounds(w, 200, ROUNDS);
}

/* The limit is long: a death is noticed before. */
static void test_killed(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = 600, .play = play_rank_3_dies });
    expect_verdict(0, "rank 3 on node-3 is gone (its connection closed)");
}

static void play_root_dies(struct watchdog *w, int rank)
{
    rounds(w, 0, 200);
    if (rank == 0)
        raise(SIGKILL);
    rounds(w, 200, ROUNDS);
}

static void test_root_is_killed(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = 600, .play = play_root_dies });
    expect_verdict(-1, "rank 0 on node-0 is gone (its connection closed)");
}

/* Those who go early say so; those who stay have nothing to wait for. */
static void play_others_leave(struct watchdog *w, int rank)
{
    rounds(w, 0, 20);
    if (rank == 0 || rank == 3)
        sleep_ms((int)(WATCHDOG_GRACE * 1000) + 2500);
}

static void play_root_leaves(struct watchdog *w, int rank)
{
    rounds(w, 0, 20);
    if (rank != 0)
        sleep_ms((int)(WATCHDOG_GRACE * 1000) + 2500);
}

static void test_goodbye(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_others_leave });
    expect_peace();
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_root_leaves });
    expect_peace();
}

static void play_at_once(struct watchdog *w, int rank)
{
    (void)w;
    (void)rank;
}

static void test_stop_at_once(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .play = play_at_once });
    expect_peace();
}

static void play_slow(struct watchdog *w, int rank)
{
    for (int i = 0; i < 3; i++) {
        rounds(w, i, i + 1);
        if (rank == i)
            sleep_ms(2000);
    }
    rounds(w, 3, 200);
}

static void test_slow(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = 6, .play = play_slow });
    wait_until(&shared->arrived[100], 1);
    kill(pids[2], SIGSTOP);
    sleep_ms(2000);
    kill(pids[2], SIGCONT);
    expect_peace();
}

/* Rank 3 is late for each, so that the others wait. */
static void play_late(struct watchdog *w, int rank)
{
    for (int number = 0; number < 4; number++) {
        if (rank == 3)
            sleep_ms(1500);
        rounds(w, number, number + 1);
    }
}

/* All stop in a collective for longer than the limit, as a suspended job does: when they go on, rank 0
 * first, nobody has waited. */
static void test_suspended(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = 4, .play = play_late });
    wait_until(&shared->arrived[1], RANKS - 1);
    sleep_ms(1000);
    for (int rank = 0; rank < RANKS; rank++)
        kill(pids[rank], SIGSTOP);
    sleep_ms(6000);
    for (int rank = 0; rank < RANKS; rank++) {
        kill(pids[rank], SIGCONT);
        sleep_ms(200);
    }
    expect_peace();
}

static void play_rounds(struct watchdog *w, int rank)
{
    (void)rank;
    rounds(w, 0, 300);
}

static int stranger_connect(void)
{
    struct sockaddr_in root = { .sin_family = AF_INET, .sin_port = htons(shared->cards[0].port) };
    root.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&root, sizeof root), 0);
    return fd;
}

static void stranger_send(const void *bytes, size_t size)
{
    int fd = stranger_connect();
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
    close(fd);
}

enum { SILENT = 200 };

static void strangers_send(struct watchdog_message message)
{
    static char garbage[100000];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 2654435761u >> 7);
    stranger_send(garbage, sizeof garbage);
    stranger_send(garbage, 5);
    stranger_send(&message, sizeof message / 2);
    message.rank = RANKS;
    stranger_send(&message, sizeof message);
    message.rank = -1;
    stranger_send(&message, sizeof message);
    message.rank = 2;
    message.version++;
    stranger_send(&message, sizeof message);
    message.version--;
    message.token++;
    stranger_send(&message, sizeof message);
}

/* More connections than there is room for, before any rank's; then garbage, part of a message, and
 * goodbyes for rank 2 that lack something. The ranks do not notice, and rank 2, stopped, is found. */
static void test_strangers(void **state)
{
    int silent[SILENT];
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .held = true, .play = play_rounds });
    wait_until(&shared->published, 1);
    for (int i = 0; i < SILENT; i++)
        silent[i] = stranger_connect();
    atomic_store(&shared->released, 1);
    struct watchdog_message bye = { .version = WATCHDOG_VERSION, .kind = WATCHDOG_BYE, .rank = 2,
                                    .size = RANKS, .token = shared->cards[0].token };
    strangers_send(bye);
    wait_until(&shared->arrived[100], 1);
    assert_string_equal(shared->why, "");
    kill(pids[2], SIGSTOP);
    sleep_ms(500); /* for what it has said already */
    strangers_send(bye);
    expect_verdict(0, "rank 2 on node-2 has not answered for ");
    for (int i = 0; i < SILENT; i++)
        close(silent[i]);
}

static int poll_fails(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    (void)progress;
    if (((struct bootstrap *)user)->rank == 2 && atomic_load(&shared->arrived[20]) > 0)
        return sft_error_set(err, "unhandled system error");
    return 0;
}

static void test_asynchronous_error(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = 600, .poll = poll_fails, .play = play_rounds });
    expect_verdict(2, "rank 2 on node-2: unhandled system error");
}

/* The device's own account: all have begun number 10, but rank 1 has begun 9 only. */
static int poll_device(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    (void)err;
    bool behind = ((struct bootstrap *)user)->rank == 1;
    progress->entered = behind ? 9 : 10;
    progress->left = 9;
    snprintf(progress->name, sizeof progress->name, "gradients");
    return 0;
}

static void play_device(struct watchdog *w, int rank)
{
    (void)w;
    (void)rank;
    sleep_ms(PATIENCE * 1000);
}

static void test_device(void **state)
{
    (void)state;
    scene_begin(&(struct scene) { .limit = LIMIT, .poll = poll_device, .play = play_device });
    expect_verdict(0, "rank 1 on node-1 has not come: 3 ranks wait in gradients (number 10) for ");
}

static int poll_counts(void *user, struct watchdog_progress *progress, struct sft_error *err)
{
    (void)user;
    assert_true(progress->entered <= 1 && progress->left == 0);
    if (atomic_fetch_add(&shared->polls, 1) == 2)
        return sft_error_set(err, "the third time");
    return 0;
}

/* Nobody waits for a lone rank, but its device is asked. */
static void test_alone(void **state)
{
    struct bootstrap bootstrap = { .size = 1, .host = "node-0" };
    struct watchdog_options options = { .limit = 1, .fail = rank_fails, .user = &bootstrap };
    struct sft_error err = { "" };
    (void)state;
    shared = calloc(1, sizeof *shared);
    struct watchdog *w = watchdog_start(&options, &bootstrap, &err);
    assert_non_null(w);
    watchdog_enter(w, "sum");
    watchdog_leave(w);
    watchdog_stop(w);
    options.poll = poll_counts;
    w = watchdog_start(&options, &bootstrap, &err);
    assert_non_null(w);
    watchdog_enter(w, "sum");
    wait_until(&shared->judge, 1);
    watchdog_stop(w);
    assert_string_equal(shared->why, "rank 0 on node-0: the third time");
    free(shared);
    watchdog_enter(NULL, "sum");
    watchdog_leave(NULL);
    watchdog_stop(NULL);
}

/* What a failed test leaves must not outlive it. */
static int clean(void **state)
{
    (void)state;
    for (int rank = 0; rank < RANKS; rank++)
        if (pids[rank] > 0 && waitpid(pids[rank], NULL, WNOHANG) == 0) {
            kill(pids[rank], SIGKILL);
            waitpid(pids[rank], NULL, 0);
        }
    memset(pids, 0, sizeof pids);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stopped),       TEST(test_first_address_is_bad), TEST(test_stopped_inside),
        TEST(test_absent),        TEST(test_root_is_absent),       TEST(test_network),
        TEST(test_root_is_stopped), TEST(test_killed),             TEST(test_root_is_killed),
        TEST(test_goodbye),       TEST(test_stop_at_once),         TEST(test_slow),
        TEST(test_suspended),     TEST(test_strangers),            TEST(test_asynchronous_error),
        TEST(test_device),        TEST(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
