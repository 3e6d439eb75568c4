/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of steps whose times are known, against numbers worked out by hand; and the clock that
 * stands still while its process is stopped. */
#include "tests/unit/unit.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job/train/halts.h"
#include "job/train/observer.h"
#include "lib/clock.h"

static struct control control = {.size = 2}; /* two ranks: a rank's rate is half of all FLOPs */
static struct training training = {.control = &control};
static struct sft_record record;
static struct observed run = {.training = &training, .record = &record, .peak_tflops = 100};

/* Steps of 8 samples in 10,000 tokens, `padding` more that are none, 10^13 FLOPs. */
static void play(const double *seconds, const double *stopped, int count, double padding)
{
    struct sft_error err = {""};
    void *self = NULL;
    sft_record_clear(&record);
    sft_record_init(&record);
    assert_int_equal(observer_measure.open(&run, &self, &err), 0);
    for (int i = -1; i < count; i++) { /* the first is of warm-up, and slow */
        struct step step = {.number = i + 1,
                            .first = i < 0,
                            .measured = i >= 0,
                            .total = i < 0 ? 100 : seconds[i],
                            .stopped = i < 0 || stopped == NULL ? 1e-6 : stopped[i],
                            .work = {8, 10000 + padding, 10000, 4000, 0, 1e13}};
        /* figures of short steps are not all worked out: here each is wanted */
        usleep(i == count - 1 ? 260000 : 0);
        assert_int_equal(observer_measure.step(self, &step, &err), 0);
        if (i >= 0)
            assert_true(step.seconds > 0 && step.tok_s > 0);
        else
            assert_true(step.seconds == 0 && step.tok_s == 0);
    }
    observer_measure.close(self);
}

static void expect(const char *key, double value)
{
    double is = sft_record_get_real(&record, key, NAN);
    if (!(fabs(is - value) <= 1e-5 * fabs(value)))
        fail_msg("%s is %.9g, not %.9g", key, is, value);
}

static void expect_none(const char *key)
{
    if (sft_record_get(&record, key) != NULL)
        fail_msg("%s is %s, not missing", key, sft_record_get(&record, key));
}

/* 9 of 20 steps take 3 s in place of 1 s: 10,000 tokens/s in the median step, 200,000 in 38 s. */
static void test_throughput_is_work_over_time(void **state)
{
    (void)state;
    double seconds[20];
    for (int i = 0; i < 20; i++)
        seconds[i] = (i >= 3 && i < 7) || i == 9 || i >= 16 ? 3 : 1;
    play(seconds, NULL, 20, 0);
    expect("tok_s", 5263.16);
    expect("tok_s_median", 10000);
    expect("unsteady", 47.3684);
    expect("slow_steps", 9);
    assert_string_equal(sft_record_get(&record, "slow_at"), "4-7,10,17-20");
    expect("steps_s", 38);
    expect("first_ms", 100000);
    expect("steps_done", 20);
    expect("step_ms", 1000);
    expect("samples_s", 160 / 38.0);
    expect("tok_s_trained", 80000 / 38.0);
    expect("tflops", 100 / 38.0);
    expect("mfu", 100 / 38.0);
    expect_none("tok_s_processed");
    expect_none("suspended_s");
}

/* One step of 40 that takes twice as long is 2.4%: told; one of 60 is 1.6%, and is not. */
static void test_steady(void **state)
{
    (void)state;
    double seconds[60];
    for (int i = 0; i < 60; i++)
        seconds[i] = i == 5 ? 2 : 1;
    play(seconds, NULL, 40, 0);
    expect("tok_s", 400000 / 41.0);
    expect("unsteady", 100 / 41.0);
    assert_string_equal(sft_record_get(&record, "slow_at"), "6");
    play(seconds, NULL, 60, 0);
    expect("tok_s", 600000 / 61.0);
    expect_none("unsteady");
    expect_none("tok_s_median");
    expect_none("slow_steps");
    expect_none("slow_at");
    /* most of them slow, some fast: the whole is faster than its median */
    for (int i = 0; i < 20; i++)
        seconds[i] = i < 8 ? 0.5 : 1;
    play(seconds, NULL, 20, 0);
    expect("tok_s", 12500);
    expect("unsteady", -25);
    expect("slow_steps", 0);
}

static void test_padding_is_no_work(void **state)
{
    (void)state;
    static const double seconds[] = {2, 2, 2};
    play(seconds, NULL, 3, 2500);
    expect("tok_s", 5000);
    expect("tok_s_processed", 6250);
    expect("tok_s_trained", 2000);
}

static void test_stops_are_told_apart(void **state)
{
    (void)state;
    static const double seconds[] = {1, 1, 1, 1}, stopped[] = {0, 40, 1e-6, 0};
    play(seconds, stopped, 4, 0);
    expect("suspended_s", 40);
    expect("tok_s", 10000);
    expect("steps_s", 4);
    expect_none("unsteady");
}

/* Many slow ones, each alone: the list is cut at a whole number. */
static void test_a_long_list_is_cut(void **state)
{
    (void)state;
    static double seconds[400];
    for (int i = 0; i < 400; i++)
        seconds[i] = i % 3 == 0 ? 2 : 1;
    play(seconds, NULL, 400, 0);
    const char *at = sft_record_get(&record, "slow_at");
    expect("slow_steps", 134);
    assert_true(strlen(at) < 200);
    assert_memory_equal(at, "1,4,7,10,", 9);
    assert_string_equal(at + strlen(at) - 4, ",...");
}

/* A child is stopped for 3 s: its clock has not moved by more than the rest. */
static void test_the_clock_stands_still(void **state)
{
    (void)state;
    int told[2];
    double result[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sft_error err;
        struct halts *halts = halts_start(&err);
        double begin = halts_now(halts), wall = sft_clock_now();
        (void)!write(told[1], "", 1);
        while (sft_clock_now() - wall < 3.5)
            usleep(50000);
        double passed[] = {halts_now(halts) - begin, sft_clock_now() - wall};
        halts_stop(halts);
        (void)!write(told[1], passed, sizeof passed);
        _exit(0);
    }
    char ready;
    assert_int_equal(read(told[0], &ready, 1), 1);
    usleep(300000);
    kill(child, SIGSTOP);
    sleep(3);
    kill(child, SIGCONT);
    assert_int_equal(read(told[0], result, sizeof result), sizeof result);
    waitpid(child, NULL, 0);
    double missing = result[1] - result[0];
    if (missing < 2.5 || missing > result[1] - 0.2)
        fail_msg("%.2f s of %.2f s were taken for a stop of 3 s", missing, result[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throughput_is_work_over_time),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_padding_is_no_work),
        cmocka_unit_test(test_stops_are_told_apart),
        cmocka_unit_test(test_a_long_list_is_cut),
        cmocka_unit_test(test_the_clock_stands_still),
    };
    int failed = cmocka_run_group_tests_name("measure", tests, NULL, NULL);
    sft_record_clear(&record);
    return failed;
}
