/* SPDX-License-Identifier: Apache-2.0 */
/* What the line of progress says is left, by a clock of the test's own. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "job/data/input.h"
#include "job/train/observer.h"
#include "lib/clock.h"

static double now;

double sft_clock_now(void)
{
    return now;
}

double sft_clock_lapse(double *last, double most)
{
    (void)most;
    *last = now;
    return 0;
}

/* All lines of a run whose first step takes `first` seconds and the others `each`; of those behind
 * the warm-up the loop has told the sum. */
static void lines_of(int warmup, int steps, double seconds, double first, double each, int count,
                     char *text, size_t size)
{
    struct input input = {.plan = {.warmup = warmup, .steps = steps, .seconds = seconds}};
    struct control control = {.size = 1};
    struct training training = {.input = &input, .control = &control};
    struct observed run = {.training = &training};
    FILE *file = tmpfile();
    int stderr_was = dup(STDERR_FILENO);
    void *self = NULL;
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    now = 1000;
    assert_int_equal(observer_progress.open(&run, &self, NULL), 0);
    for (int number = 0; number < count; number++) {
        struct step step = {
            .number = number, .first = number == 0, .measured = number >= warmup, .loss = 1};
        now += number == 0 ? first : each;
        step.seconds = number >= warmup ? (number - warmup + 1) * each : 0;
        if (observer_progress.begin != NULL)
            observer_progress.begin(self, number);
        assert_int_equal(observer_progress.step(self, &step, NULL), 0);
    }
    observer_progress.close(self);
    fflush(stderr);
    dup2(stderr_was, STDERR_FILENO);
    close(stderr_was);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* The search for the fastest kernels, 36 of the first step's 38 s, comes once. */
static void test_the_first_steps_search_is_left_out(void **state)
{
    (void)state;
    char text[4096];
    unsetenv("SFT_BENCH_LIVE");
    lines_of(5, 20, 0, 38, 0.75, 25, text, sizeof text);
    char *line_end = strchr(text, '\n');
    assert_non_null(line_end);
    *line_end = '\0';
    assert_contains(text, "step 1/25");
    assert_null(strstr(text, "ETA")); /* nothing is known yet */
    assert_contains(line_end + 1, "step 2/25 (warm-up)  loss 1.0000  ETA 17 s"); /* 23 x 0.75 */
    assert_contains(line_end + 1, "step 10/25  loss 1.0000  ETA 11 s");
    assert_contains(line_end + 1, "step 25/25  loss 1.0000  ETA 0 s");
}

/* 60 s of steps of 2 s behind 3 of warm-up. */
static void test_what_seconds_leave(void **state)
{
    (void)state;
    char text[4096];
    lines_of(3, 0, 60, 100, 2, 33, text, sizeof text);
    assert_contains(text, "step 1 (warm-up)  loss 1.0000\n");
    assert_contains(text, "step 6  loss 1.0000  ETA 54 s\n"); /* 10 s later: 3 measured */
    assert_null(strstr(text, "min"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_steps_search_is_left_out),
        cmocka_unit_test(test_what_seconds_leave),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
