/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/watchdog_scene.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared *shared;
pid_t pids[RANKS];

/* The bootstrap's exchange, by shared memory. */
static int scene_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                          struct sft_error *err)
{
    static const struct net_address nowhere = {4, {192, 0, 2, 1}}; /* RFC 5737 */
    struct net_card *card = &shared->cards[bootstrap->rank];
    if (bytes != sizeof *card)
        return sft_error_set(err, "%zu bytes", bytes);
    memcpy(card, mine, bytes);
    if (bootstrap->rank == 0 && shared->bad_address) {
        memmove(card->address + 1, card->address, (NET_ADDRESSES - 1) * sizeof *card->address);
        card->address[0] = nowhere;
        card->addresses += card->addresses < NET_ADDRESSES;
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

void rank_fails(void *user, const char *why)
{
    if (atomic_fetch_add(&shared->verdicts, 1) == 0) {
        snprintf(shared->why, sizeof shared->why, "%s", why);
        atomic_store(&shared->judge, ((struct bootstrap *)user)->rank + 1);
    }
}

/* A collective ends when all ranks have come. */
void rounds(struct watchdog *w, int first, int last)
{
    for (int number = first; number < last; number++) {
        watchdog_enter(w, "sum");
        atomic_fetch_add(&shared->arrived[number], 1);
        while (atomic_load(&shared->arrived[number]) < RANKS)
            sleep_ms(2);
        watchdog_leave(w);
        sleep_ms(5);
    }
}

static void rank_run(const struct scene *scene, int rank)
{
    struct bootstrap bootstrap = {.rank = rank, .size = RANKS};
    struct watchdog_options options = {
        .limit = scene->limit,
        .fail = rank_fails,
        .poll = scene->poll,
        .user = &bootstrap,
    };
    struct sft_error err = {""};
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

void scene_begin(const struct scene *scene)
{
    pthread_barrierattr_t attributes;
    exchange_by(scene_exchange);
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

void wait_until(atomic_int *value, int least)
{
    for (int ms = 0; atomic_load(value) < least; ms += 10) {
        if (ms > PATIENCE * 1000)
            fail_msg("waited %d s in vain", PATIENCE);
        sleep_ms(10);
    }
}

void expect_verdict(int judge, const char *text)
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

void expect_peace(void)
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

int scene_clean(void **state)
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
