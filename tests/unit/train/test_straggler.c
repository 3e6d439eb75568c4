/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told as a straggler, and when, of runs drawn step by step: healthy ones, and one rank of
 * them slowed from a step to another. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/tensor/random.h"
#include "job/train/straggler.h"

enum { RANKS_MOST = 64, STEPS = 400, RUNS = 1000, SLOWED = 200, EVENTS = 64 };

/* How a run goes. */
struct play {
    uint64_t seed;
    int ranks, steps;
    double noise;            /* standard deviation of a step's time */
    double spread;           /* the same of the ranks' own paces */
    double jitter;           /* part of the steps that take up to four times as long */
    double lengths;          /* standard deviation of a step's work */
    double warm;             /* the first 30 steps take so much longer, a part */
    double drift;            /* over the run all become so much slower */
    int slow, slow_to;       /* ranks from the one to before the other ... */
    double factor;           /* ... take so many times as long ... */
    int slow_from, slow_end; /* ... from this step on to before that one */
};

struct told {
    size_t count;
    struct straggler_event event[EVENTS];
    int at[EVENTS]; /* step after which it was told */
    bool any;       /* stragglers_worst */
    struct straggler_event worst;
    int stragglers;
};

static double play_step(const struct play *play, struct random *random, int rank, double pace,
                        int step)
{
    double time = pace * (1 + play->noise * random_normal(random));
    if (random_below(random, 1000) < 1000 * play->jitter)
        time *= 1 + random_below(random, 4);
    time *= step < 30 ? 1 + play->warm : 1;
    time *= 1 + play->drift * step / play->steps;
    bool slow = rank >= play->slow && rank < play->slow_to && step >= play->slow_from &&
                step < play->slow_end;
    return slow ? time * play->factor : time;
}

static void play_steps(const struct play *play, struct random *random, const double *pace,
                       struct straggler_series **series, int step)
{
    for (int rank = 0; rank < play->ranks; rank++) {
        double work = fmax(0.2, 1 + play->lengths * random_normal(random));
        double time = play_step(play, random, rank, pace[rank], step);
        straggler_series_add(series[rank], step, 0.1 * time * work, 5e12 * work);
    }
}

static void play_judge(const struct play *play, struct stragglers *judge,
                       struct straggler_series **series, int step, struct told *told)
{
    struct straggler_word words[RANKS_MOST];
    struct straggler_event events[RANKS_MOST];
    for (int rank = 0; rank < play->ranks; rank++)
        words[rank] = straggler_series_word(series[rank]);
    size_t count = stragglers_judge(judge, words, step - STRAGGLER_STEPS + 1, step, events);
    for (size_t i = 0; i < count && told->count < EVENTS; i++) {
        told->at[told->count] = step;
        told->event[told->count++] = events[i];
    }
}

static void play_run(const struct play *play, struct told *told)
{
    struct sft_error err = {""};
    struct random random = {play->seed};
    struct straggler_series *series[RANKS_MOST];
    struct stragglers *judge = stragglers_create(play->ranks, &err);
    double pace[RANKS_MOST];
    assert_non_null(judge);
    told->count = 0;
    for (int rank = 0; rank < play->ranks; rank++) {
        pace[rank] = 1 + play->spread * random_normal(&random);
        series[rank] = straggler_series_create(STRAGGLER_STEPS, &err);
        assert_non_null(series[rank]);
    }
    for (int step = 0; step < play->steps; step++) {
        play_steps(play, &random, pace, series, step);
        if ((step + 1) % STRAGGLER_STEPS == 0)
            play_judge(play, judge, series, step, told);
    }
    told->any = stragglers_worst(judge, &told->worst);
    told->stragglers = stragglers_count(judge);
    for (int rank = 0; rank < play->ranks; rank++)
        straggler_series_destroy(series[rank]);
    stragglers_destroy(judge);
}

/* Of runs of 1 to 64 ranks, those in which anything was told. */
static int false_runs(int runs, struct play play)
{
    static struct told told;
    int wrong = 0;
    for (int run = 0; run < runs; run++) {
        play.seed = 1000 + (uint64_t)run;
        play.ranks = 1 + run % RANKS_MOST;
        play.steps = STEPS;
        play_run(&play, &told);
        assert_true(told.any == (told.stragglers > 0));
        wrong += told.count > 0;
    }
    return wrong;
}

static void test_healthy_runs(void **state)
{
    (void)state;
    assert_in_range(false_runs(RUNS, (struct play){.noise = 0.02}), 0, 2);
    assert_in_range(false_runs(SLOWED, (struct play){.noise = 0.02, .spread = 0.03}), 0, 2);
}

/* Jitter, work that differs from step to step, a warm-up and a drift that all have in common. */
static void test_uneasy_runs(void **state)
{
    (void)state;
    assert_in_range(false_runs(SLOWED, (struct play){.noise = 0.02, .spread = 0.03, .jitter = 0.1}),
                    0, 2);
    assert_in_range(false_runs(SLOWED, (struct play){.noise = 0.02, .lengths = 0.3, .warm = 0.3}),
                    0, 2);
    assert_in_range(false_runs(SLOWED, (struct play){.noise = 0.1}), 0, 2);
}

static void test_a_drift_of_all_is_no_stragglers(void **state)
{
    (void)state;
    static struct told told;
    for (int run = 0; run < 200; run++) {
        struct play play = {(uint64_t)run, 2 + run % 63, STEPS, .noise = 0.02, .drift = 0.5};
        play_run(&play, &told);
        assert_int_equal(told.count, 0);
    }
}

/* Told by name within 40 steps, as slow as it is, since when to 3 steps, and its end as well; and
 * no other rank is. */
static void expect_found(const struct play *play)
{
    static struct told told;
    play_run(play, &told);
    if (told.count != 2)
        fail_msg("run %d of %d ranks: %zu events, not 2", (int)play->seed, play->ranks, told.count);
    const struct straggler_event *begin = &told.event[0], *end = &told.event[1];
    double percent = 100 * (play->factor - 1);
    assert_true(begin->begins && !end->begins);
    assert_int_equal(begin->rank, play->slow);
    assert_int_equal(end->rank, play->slow);
    assert_in_range(told.at[0], play->slow_from, play->slow_from + 40);
    assert_in_range(told.at[1], play->slow_end, play->slow_end + 40);
    assert_in_range(begin->since + 3, play->slow_from, play->slow_from + 6);
    assert_in_range(end->until + 3, play->slow_end, play->slow_end + 6);
    if (!(fabs(end->percent - percent) < 0.1 * percent + 3))
        fail_msg("run %d of %d ranks: %g%%, not %g%%", (int)play->seed, play->ranks, end->percent,
                 percent);
    assert_true(told.any && told.stragglers == 1);
    assert_true(told.worst.rank == play->slow && told.worst.since == begin->since &&
                told.worst.until == end->until && told.worst.percent == end->percent);
}

static struct play slowed(int run, double factor)
{
    struct random random = {77 + (uint64_t)run};
    int ranks = 1 + run % RANKS_MOST;
    int slow = (int)random_below(&random, (uint32_t)ranks);
    int from = 60 + (int)random_below(&random, 120);
    return (struct play){.seed = (uint64_t)run,
                         .ranks = ranks,
                         .steps = STEPS,
                         .noise = 0.02,
                         .slow = slow,
                         .slow_to = slow + 1,
                         .factor = factor,
                         .slow_from = from,
                         .slow_end = from + 60 + (int)random_below(&random, 100)};
}

static void test_slowed_runs(void **state)
{
    (void)state;
    for (int run = 0; run < SLOWED; run++) {
        struct play play = slowed(run, run % 2 == 0 ? 1.3 : 2);
        expect_found(&play);
    }
}

static void test_slowed_uneasy_runs(void **state)
{
    (void)state;
    for (int run = 0; run < SLOWED; run++) {
        struct play play = slowed(run, 1.5);
        play.jitter = 0.05;
        play.lengths = 0.2;
        play.warm = play.ranks > 1 ? 0.3 : 0;
        expect_found(&play);
    }
}

/* A slowdown that is none to speak of. */
static void test_slightly_slower(void **state)
{
    (void)state;
    static struct told told;
    for (int run = 0; run < 200; run++) {
        struct play play = slowed(run, 1.08);
        play_run(&play, &told);
        assert_int_equal(told.count, 0);
    }
}

/* From the first step on: it has no better past, and the others have. */
static void test_slow_from_the_beginning(void **state)
{
    (void)state;
    static struct told told;
    for (int run = 1; run < 200; run++) {
        struct play play = slowed(run, 1.3);
        if (play.ranks == 1)
            continue;
        play.slow_from = 0;
        play.slow_end = STEPS + 1;
        play_run(&play, &told);
        assert_int_equal(told.count, 1);
        assert_true(told.at[0] == STRAGGLER_STEPS - 1 && told.event[0].rank == play.slow);
        assert_true(told.event[0].since == 0 && told.worst.until == STEPS);
        assert_true(fabs(told.worst.percent - 30) < 4);
    }
}

/* One node of two, and all: the former is told, the latter has nobody who is faster. */
static void test_half_and_all_of_the_ranks(void **state)
{
    (void)state;
    static struct told told;
    struct play play = slowed(15, 1.4);
    assert_int_equal(play.ranks, 16);
    play.slow = 8;
    play.slow_to = 16;
    play_run(&play, &told);
    assert_int_equal(told.count, 16);
    assert_int_equal(told.stragglers, 8);
    for (size_t i = 0; i < told.count; i++)
        assert_true(told.event[i].rank >= 8 && told.event[i].begins == (i < 8));
    play.slow = 0;
    play_run(&play, &told);
    assert_int_equal(told.count, 0);
    assert_false(told.any);
}

/* Steps that were slow for once, and a rank that had no work. */
static void test_what_is_left_out(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct straggler_series *series = straggler_series_create(4, &err);
    assert_true(isnan(straggler_series_word(series).cost));
    straggler_series_add(series, 0, 1, 0);
    assert_true(isnan(straggler_series_word(series).cost));
    for (int i = 1; i <= 4; i++)
        straggler_series_add(series, i, i == 2 ? 9 : 1, 2);
    struct straggler_word word = straggler_series_word(series);
    assert_true(word.cost == 0.5 && word.noise == 0 && word.since == STRAGGLER_NEVER);
    struct stragglers *judge = stragglers_create(3, &err);
    struct straggler_word words[3] = {word, word, word};
    struct straggler_event events[3];
    words[1].cost = NAN;
    assert_int_equal(stragglers_judge(judge, words, 1, 4, events), 0);
    words[1].cost = 1; /* its first word, and twice the others' */
    assert_int_equal(stragglers_judge(judge, words, 5, 8, events), 1);
    assert_true(events[0].rank == 1 && events[0].begins && events[0].percent == 100);
    stragglers_destroy(judge);
    straggler_series_destroy(series);
}

static void test_split(void **state)
{
    (void)state;
    const double costs[] = {1, 1.02, 1.4, 0.98, 1, 1.41, 1.39, 1, 1.4, 1.42};
    assert_int_equal(straggler_split(costs, 10, 1, 1.4), 5);
    assert_int_equal(straggler_split(costs, 5, 1, 1.4), 5);
    assert_int_equal(straggler_split(costs + 5, 5, 1, 1.4), 0);
    assert_int_equal(straggler_split(costs + 5, 3, 1.4, 1), 2); /* back again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy_runs),
        cmocka_unit_test(test_uneasy_runs),
        cmocka_unit_test(test_a_drift_of_all_is_no_stragglers),
        cmocka_unit_test(test_slowed_runs),
        cmocka_unit_test(test_slowed_uneasy_runs),
        cmocka_unit_test(test_slightly_slower),
        cmocka_unit_test(test_slow_from_the_beginning),
        cmocka_unit_test(test_half_and_all_of_the_ranks),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests_name("straggler", tests, NULL, NULL);
}
