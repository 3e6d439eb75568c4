/* SPDX-License-Identifier: Apache-2.0 */
/* Watchdogs of several processes on this host: one is stopped, killed, late, gone home or a
 * stranger. Nothing is asserted of times but that they are no longer than PATIENCE. */
#include "tests/unit/control/watchdog_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_rank_2_stops});
    expect_verdict(0, "rank 2 on node-2 has not answered for ");
}

static void test_first_address_is_bad(void **state)
{
    (void)state;
    scene_begin(&(struct scene){.limit = LIMIT, .bad_address = true, .play = play_rank_2_stops});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_inside});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_absent});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_root_absent});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_network});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_root_stops});
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
    scene_begin(&(struct scene){.limit = 600, .play = play_rank_3_dies});
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
    scene_begin(&(struct scene){.limit = 600, .play = play_root_dies});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_others_leave});
    expect_peace();
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_root_leaves});
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
    scene_begin(&(struct scene){.limit = LIMIT, .play = play_at_once});
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
    scene_begin(&(struct scene){.limit = 6, .play = play_slow});
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

/* All stop in a collective for longer than the limit, as a suspended job does: when they go on,
 * rank 0 first, nobody has waited. */
static void test_suspended(void **state)
{
    (void)state;
    scene_begin(&(struct scene){.limit = 4, .play = play_late});
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
    struct sockaddr_in root = {.sin_family = AF_INET, .sin_port = htons(shared->cards[0].port)};
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
    message.head.rank = RANKS;
    stranger_send(&message, sizeof message);
    message.head.rank = -1;
    stranger_send(&message, sizeof message);
    message.head.rank = 2;
    message.head.version++;
    stranger_send(&message, sizeof message);
    message.head.version--;
    message.head.token++;
    stranger_send(&message, sizeof message);
}

/* More connections than there is room for, before any rank's; then garbage, part of a message, and
 * goodbyes for rank 2 that lack something. The ranks do not notice, and rank 2, stopped, is found.
 */
static void test_strangers(void **state)
{
    int silent[SILENT];
    (void)state;
    scene_begin(&(struct scene){.limit = LIMIT, .held = true, .play = play_rounds});
    wait_until(&shared->published, 1);
    for (int i = 0; i < SILENT; i++)
        silent[i] = stranger_connect();
    atomic_store(&shared->released, 1);
    struct watchdog_message bye = {.head = {.version = WATCHDOG_VERSION,
                                            .kind = WATCHDOG_BYE,
                                            .rank = 2,
                                            .size = RANKS,
                                            .token = shared->cards[0].token}};
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
    scene_begin(&(struct scene){.limit = 600, .poll = poll_fails, .play = play_rounds});
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
    scene_begin(&(struct scene){.limit = LIMIT, .poll = poll_device, .play = play_device});
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
    struct bootstrap bootstrap = {.size = 1, .host = "node-0"};
    struct watchdog_options options = {.limit = 1, .fail = rank_fails, .user = &bootstrap};
    struct sft_error err = {""};
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

#define TEST(name) cmocka_unit_test_teardown(name, scene_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stopped),
        TEST(test_first_address_is_bad),
        TEST(test_stopped_inside),
        TEST(test_absent),
        TEST(test_root_is_absent),
        TEST(test_network),
        TEST(test_root_is_stopped),
        TEST(test_killed),
        TEST(test_root_is_killed),
        TEST(test_goodbye),
        TEST(test_stop_at_once),
        TEST(test_slow),
        TEST(test_suspended),
        TEST(test_strangers),
        TEST(test_asynchronous_error),
        TEST(test_device),
        TEST(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
