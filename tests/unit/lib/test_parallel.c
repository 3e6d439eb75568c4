/* SPDX-License-Identifier: Apache-2.0 */
/* Each chunk runs once, on whatever number of threads; who ends early leaves the rest undone. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/parallel.h"

enum { MOST = 1000 };

struct work {
    atomic_int times[MOST];
    atomic_int running, highest, begun;
    atomic_bool blocked; /* chunks wait for the end of this */
    atomic_bool signals; /* a thread other than the caller takes some */
    pthread_t caller;
};

static void work_clear(struct work *w)
{
    memset(w, 0, sizeof *w);
    w->caller = pthread_self();
}

static void work_do(void *user, size_t chunk)
{
    struct work *w = user;
    sigset_t mask;
    int now = atomic_fetch_add(&w->running, 1) + 1, highest = atomic_load(&w->highest);
    while (now > highest && !atomic_compare_exchange_weak(&w->highest, &highest, now))
        ;
    assert_true(chunk < MOST);
    atomic_fetch_add(&w->times[chunk], 1);
    atomic_fetch_add(&w->begun, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!pthread_equal(pthread_self(), w->caller) && !sigismember(&mask, SIGTERM))
        atomic_store(&w->signals, true);
    while (atomic_load(&w->blocked))
        usleep(100);
    atomic_fetch_sub(&w->running, 1);
}

static void expect_once(struct work *w, size_t chunks)
{
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(atomic_load(&w->times[i]), i < chunks);
    assert_int_equal(atomic_load(&w->running), 0);
    assert_false(atomic_load(&w->signals));
}

/* The same threads again and again, with more and fewer chunks than there are threads. */
static void test_once(void **state)
{
    static const int threads[] = {0, 1, 2, 7};
    static const size_t chunks[] = {0, 1, 3, MOST, 2, 40};
    struct work w;
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        struct parallel *p = threads[t] == 0 ? NULL : parallel_create(threads[t]);
        assert_int_equal(p == NULL, threads[t] == 0);
        for (int round = 0; round < 50; round++)
            for (size_t c = 0; c < 6; c++) {
                work_clear(&w);
                parallel_run(p, work_do, &w, chunks[c]);
                expect_once(&w, chunks[c]);
                assert_true(atomic_load(&w.highest) <= threads[t] + 1);
            }
        parallel_destroy(p);
    }
}

/* Threads run beside each other and the caller, who takes a chunk where there are some left. */
static void test_beside(void **state)
{
    enum { THREADS = 3 };
    struct work w;
    (void)state;
    struct parallel *p = parallel_create(THREADS);
    assert_non_null(p);
    work_clear(&w);
    atomic_store(&w.blocked, true);
    parallel_begin(p, work_do, &w, THREADS);
    while (atomic_load(&w.running) < THREADS) /* for ever, where one does all */
        usleep(100);
    atomic_store(&w.blocked, false);
    parallel_wait(p);
    expect_once(&w, THREADS);
    parallel_destroy(p);
}

static void *work_end(void *user)
{
    struct work *w = user;
    usleep(50000);
    atomic_store(&w->blocked, false);
    return NULL;
}

/* Who has begun ends its chunk, and takes no other. */
static void test_stop(void **state)
{
    enum { THREADS = 2 };
    struct work w;
    pthread_t ender;
    (void)state;
    struct parallel *p = parallel_create(THREADS);
    assert_non_null(p);
    work_clear(&w);
    atomic_store(&w.blocked, true);
    parallel_begin(p, work_do, &w, MOST);
    while (atomic_load(&w.running) < THREADS)
        usleep(100);
    assert_int_equal(pthread_create(&ender, NULL, work_end, &w), 0);
    parallel_destroy(p);
    pthread_join(ender, NULL);
    assert_int_equal(atomic_load(&w.running), 0);
    assert_int_equal(atomic_load(&w.begun), THREADS);
    expect_once(&w, THREADS);
    parallel_destroy(NULL);
}

static void test_cores(void **state)
{
    cpu_set_t before, one;
    int first = 0;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(parallel_cores(1), 1);
    assert_true(parallel_cores(1 << 20) == CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(parallel_cores(8), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_beside),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
