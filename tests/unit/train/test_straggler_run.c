/* SPDX-License-Identifier: Apache-2.0 */
/* What a run says of stragglers: rank 0's observer among ranks whose words the test makes, its
 * figures, the lines, and that they leave a terminal's live line whole. */
#include "tests/unit/unit.h"

#include <math.h>
#include <unistd.h>

#include "job/train/observer.h"
#include "job/train/straggler_text.h"

enum { RANKS = 4, WARMUP = 3 };

static struct input input = {.plan = {.warmup = WARMUP, .steps = 400}};
static struct control control = {.size = RANKS};
static struct training training = {.input = &input, .control = &control};
static struct sft_record record;
static char hosts[RANKS][CONTROL_HOST] = {"node-0001", "node-0001", "node-0007", "node-0007"};
static struct observed run = {.training = &training, .hosts = hosts[0], .record = &record};

static double slow[RANKS], mhz[RANKS]; /* of the others, now */
static int gathers, broadcasts;

int control_gather(struct control *c, const void *mine, size_t bytes, void *all,
                   struct sft_error *err)
{
    const struct straggler_word *word = mine;
    struct straggler_word *words = all;
    (void)c, (void)err;
    assert_int_equal(bytes, sizeof *word);
    gathers++;
    for (int i = 0; i < RANKS; i++) {
        words[i] = *word;
        words[i].cost *= slow[i];
        words[i].sm_mhz = mhz[i];
        words[i].reasons = mhz[i] < 1000 ? 0x80 + 0x8 : 0x4;
    }
    return 0;
}

int control_broadcast(struct control *c, void *values, size_t bytes, struct sft_error *err)
{
    (void)c, (void)values, (void)bytes, (void)err;
    broadcasts++;
    return 0;
}

static void all_well(void)
{
    for (int i = 0; i < RANKS; i++) {
        slow[i] = 1;
        mhz[i] = 1755;
    }
}

/* One step: half of it is waiting, and its work is not like the one's before. What was told. */
static const char *step_take(void *self, int number, double seconds)
{
    static struct step step;
    struct sft_error err = {""};
    double work = 1 + 0.4 * sin(number);
    step = (struct step){.number = number,
                         .measured = number >= WARMUP,
                         .total = 2 * seconds * work,
                         .waited = seconds * work,
                         .own_flops = 1e12 * work};
    assert_int_equal(observer_stragglers.step(self, &step, &err), 0);
    return step.told;
}

static void *run_open(void)
{
    struct sft_error err = {""};
    void *self = NULL;
    all_well();
    gathers = broadcasts = 0;
    sft_record_clear(&record);
    sft_record_init(&record);
    assert_int_equal(observer_stragglers.open(&run, &self, &err), 0);
    return self;
}

static const char *figure(const char *key)
{
    const char *text = sft_record_get(&record, key);
    return text != NULL ? text : "(none)";
}

static void test_a_run(void **state)
{
    (void)state;
    void *self = run_open();
    char begun[STRAGGLER_TEXT] = "", ended[STRAGGLER_TEXT] = "";
    for (int number = 0; number < 203; number++) {
        if (number == 103) {
            slow[2] = 1.38;
            mhz[2] = 900;
        }
        if (number == 163)
            all_well();
        const char *told = step_take(self, number, 0.05);
        if (told != NULL)
            strcat(number < 163 ? begun : ended, told);
        if (number == 62)
            assert_string_equal(figure("stragglers"), "0");
        assert_true(told == NULL || number == 122 || number == 182);
    }
    assert_int_equal(gathers, 10); /* each 20 measured steps */
    assert_int_equal(broadcasts, 1);
    assert_string_equal(begun, "sft-bench-job: rank 2 on node-0007: 38% slower since step 104, "
                               "SM clock 900 MHz, the others' 1755, HW power brake\n");
    assert_string_equal(ended, "sft-bench-job: rank 2 on node-0007: no longer slow since step 164; "
                               "38% slower for 60 steps\n");
    assert_string_equal(figure("stragglers"), "1");
    assert_string_equal(figure("straggler_rank"), "2");
    assert_string_equal(figure("straggler_host"), "node-0007");
    assert_true(fabs(sft_record_get_real(&record, "straggler_pct", 0) - 38) < 1);
    assert_string_equal(figure("straggler_step"), "104");
    assert_string_equal(figure("straggler_steps"), "60");
    assert_string_equal(figure("straggler_cause"),
                        "SM clock 900 MHz, the others' 1755, HW power brake");
    observer_stragglers.close(self);
}

/* Ranks of one host share a line; one that has not ended goes on in the record. */
static void test_a_node(void **state)
{
    (void)state;
    void *self = run_open();
    char told[STRAGGLER_TEXT] = "";
    for (int number = 0; number < 143; number++) {
        slow[2] = slow[3] = number < 63 ? 1 : 2;
        slow[3] *= number < 63 ? 1 : 1.1;
        const char *text = step_take(self, number, 0.05);
        if (text != NULL)
            strcat(told, text);
    }
    assert_string_equal(told, "sft-bench-job: ranks 2-3 on node-0007: 120% slower since step 64, "
                              "its GPU's sensors show no cause\n");
    assert_string_equal(figure("stragglers"), "2");
    assert_string_equal(figure("straggler_rank"), "3");
    assert_string_equal(figure("straggler_steps"), "80");
    observer_stragglers.close(self);
}

/* Steps of a millisecond: not each 20 of them. */
static void test_short_steps(void **state)
{
    (void)state;
    void *self = run_open();
    for (int number = 0; number < 603; number++)
        assert_null(step_take(self, number, 0.0005));
    assert_in_range(gathers, 3, 8);
    observer_stragglers.close(self);
    self = run_open();
    for (int number = 0; number < 12; number++)
        step_take(self, number, 1);
    assert_int_equal(gathers, 0); /* too few steps */
    assert_string_equal(figure("stragglers"), "(none)");
    observer_stragglers.close(self);
}

static void test_causes(void **state)
{
    (void)state;
    char cause[STRAGGLER_CAUSE];
    struct straggler_word words[4] = {
        {.sm_mhz = 1740, .reasons = 0x4},
        {.sm_mhz = 1750, .reasons = 0x4},
        {.sm_mhz = 1200, .reasons = 0x44},
        {.sm_mhz = 1210, .reasons = 0x24},
    };
    straggler_cause(words, 4, 2, cause);
    assert_string_equal(cause, "SM clock 1200 MHz, the others' 1740, HW thermal slowdown");
    straggler_cause(words + 1, 2, 1, cause);
    assert_string_equal(cause, "SM clock 1200 MHz, the others' 1750, HW thermal slowdown");
    straggler_cause(words, 4, 0, cause);
    assert_string_equal(cause, "its GPU's sensors show no cause");
    straggler_cause(words + 3, 1, 0, cause); /* alone: with what it has */
    assert_string_equal(cause, "SM clock 1210 MHz, SW thermal slowdown, SW power cap");
    words[2].sm_mhz = NAN;
    straggler_cause(words, 4, 2, cause);
    assert_string_equal(cause, "");
}

/* Many hosts at once: eight lines and a word of the rest. */
static void test_many_hosts(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static char names[MANY][8], causes[MANY][STRAGGLER_CAUSE], text[STRAGGLER_TEXT];
    struct straggler_event events[MANY];
    size_t lines = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i / 2);
        memset(causes[i], 'c', STRAGGLER_CAUSE - 1);
        events[i] = (struct straggler_event){i, true, 50, 7, 0};
    }
    straggler_lines(events, MANY, causes, names[0], sizeof names[0], text);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, STRAGGLER_LINES + 1);
    assert_contains(text, "sft-bench-job: ranks 14-15 on n7: 50% slower since step 8, ccc");
    assert_contains(text, "sft-bench-job: and ranks of 12 more hosts\n");
    events[1].begins = false; /* not of the first one's line */
    events[1].until = 30;
    straggler_lines(events, 3, causes, names[0], sizeof names[0], text);
    assert_contains(text, "rank 0 on n0: 50% slower since");
    assert_contains(text, "rank 1 on n0: no longer slow since step 31; 50% slower for 23 steps");
}

/* The live line gives way, and comes again behind the words. */
static void test_beside_the_live_line(void **state)
{
    (void)state;
    char text[1024];
    FILE *file = tmpfile();
    int stderr_was = dup(STDERR_FILENO);
    struct sft_error err = {""};
    void *self = NULL;
    setenv("SFT_BENCH_LIVE", "stderr", 1);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    assert_int_equal(observer_progress.open(&run, &self, &err), 0);
    struct step step = {.number = 0, .first = true, .loss = 1};
    assert_int_equal(observer_progress.step(self, &step, &err), 0);
    step.number = 1;
    step.first = false;
    step.told = "rank 2 is slow\n";
    usleep(150000); /* the live line is due again */
    assert_int_equal(observer_progress.step(self, &step, &err), 0);
    observer_progress.close(self);
    fflush(stderr);
    dup2(stderr_was, STDERR_FILENO);
    close(stderr_was);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_contains(text, "\rstep 1/403 (warm-up)  loss 1.0000\r ");
    assert_contains(text, "  \rrank 2 is slow\n\rstep 2/403 (warm-up)  loss 1.0000  ETA ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run),       cmocka_unit_test(test_a_node),
        cmocka_unit_test(test_short_steps), cmocka_unit_test(test_causes),
        cmocka_unit_test(test_many_hosts),  cmocka_unit_test(test_beside_the_live_line),
    };
    return cmocka_run_group_tests_name("straggler_run", tests, NULL, NULL);
}
