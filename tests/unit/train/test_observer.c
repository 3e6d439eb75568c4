/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked what, when, and in which order, while tiny really trains on the CPU; and what the
 * observers of a run make of it. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/train/train.h"

enum { WARMUP = 2, STEPS = 2 };

struct scene {
    struct sft_request request;
    struct input input;
    struct device *backend;
    struct control *control;
    struct collective *collective;
    struct training training;
    struct sft_record record;
    double rank_ms[1];
    int files; /* that ended */
    char file_why[SFT_ERROR_SIZE];
    struct observed observed;
    struct sft_error err;
};

static void file_end(void *user, const struct sft_error *why)
{
    struct scene *s = user;
    s->files++;
    strcpy(s->file_why, why->text);
}

static void scene_open(struct scene *s)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(sft_request_parse(
                         &s->request,
                         "tiny,data=synthetic,seq=32,micro_batch=1,global_batch=1,warmup=2,steps=2",
                         &s->err),
                     0);
    assert_int_equal(input_open(&s->input, &s->request, 1, 1, &s->err), 0);
    s->backend = device_create_cpu(&s->err);
    struct bootstrap alone = {.size = 1, .host = "here"};
    s->control = control_start(&alone, 1, &s->err);
    s->collective = collective_create_self(&s->err);
    assert_int_equal(training_fit(&s->training, &s->request, &s->input, s->backend, s->control,
                                  s->collective, &s->err),
                     0);
    assert_int_equal(training_agree(&s->training, &s->err), 0);
    assert_int_equal(training_create(&s->training, &s->err), 0);
    assert_int_equal(training_start(&s->training, &s->err), 0);
    sft_record_init(&s->record);
    s->observed = (struct observed){
        .training = &s->training,
        .host = "here",
        .hosts = "here",
        .trace = "",
        .record = &s->record,
        .rank_ms = s->rank_ms,
        .user = s,
        .file_end = file_end,
    };
}

static void scene_close(struct scene *s)
{
    sft_record_clear(&s->record);
    training_destroy(&s->training);
    collective_destroy(s->collective, NULL);
    control_stop(s->control);
    s->backend->destroy(s->backend);
    input_close(&s->input);
}

/* What the observers below were asked, "a+ b+ a0 ...": open +, begin, step, end, record, close -.
 */
static char heard[1024];
static const char *failing; /* what fails when it is asked for, "b.2" */

static int hear(const char *who, const char *what, struct sft_error *err)
{
    char word[32];
    snprintf(word, sizeof word, "%s%s", who, what);
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s ", word);
    return failing != NULL && strcmp(word, failing) == 0 ? sft_error_set(err, "%s is ill", word)
                                                         : 0;
}

static int hear_number(const char *who, const char *what, int number, struct sft_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%s%d", what, number);
    return hear(who, text, err);
}

#define OBSERVER(who)                                                                              \
    static int who##_open(const struct observed *run, void **self, struct sft_error *err)          \
    {                                                                                              \
        *self = (void *)run;                                                                       \
        return hear(#who, "+", err);                                                               \
    }                                                                                              \
    static void who##_begin(void *self, int number)                                                \
    {                                                                                              \
        assert_non_null(self);                                                                     \
        hear_number(#who, "", number, NULL);                                                       \
    }                                                                                              \
    static int who##_step(void *self, struct step *step, struct sft_error *err)                    \
    {                                                                                              \
        assert_non_null(self);                                                                     \
        return hear_number(#who, ".", step->number, err);                                          \
    }                                                                                              \
    static void who##_end(void *self, bool complete)                                               \
    {                                                                                              \
        assert_non_null(self);                                                                     \
        hear(#who, complete ? "!" : "?", NULL);                                                    \
    }                                                                                              \
    static int who##_record(void *self, struct sft_record *record, struct sft_error *err)          \
    {                                                                                              \
        assert_non_null(self);                                                                     \
        assert_non_null(record);                                                                   \
        return hear(#who, "=", err);                                                               \
    }                                                                                              \
    static void who##_close(void *self)                                                            \
    {                                                                                              \
        assert_non_null(self);                                                                     \
        hear(#who, "-", NULL);                                                                     \
    }                                                                                              \
    static const struct observer who = {who##_open,   who##_begin, who##_step, who##_end,          \
                                        who##_record, who##_close, NULL}

OBSERVER(a);
OBSERVER(b);

static int idle_open(const struct observed *run, void **self, struct sft_error *err)
{
    (void)run, (void)self;
    return hear("idle", "+", err);
}

/* Has all slots, and is not asked for. */
static const struct observer idle = {idle_open, a_begin, a_step, a_end, a_record, a_close, NULL};

static int only_open(const struct observed *run, void **self, struct sft_error *err)
{
    *self = (void *)run;
    return hear("only", "+", err);
}

/* Is asked for, and has nothing to say. */
static const struct observer only = {.open = only_open};

static const struct observer *const all[] = {&a, &idle, &only, &b, NULL};

static int run(struct scene *s, const struct observer *const *list)
{
    heard[0] = '\0';
    struct observers *observers = observers_open(list, &s->observed, &s->err);
    if (observers == NULL)
        return -1;
    int result = train_run(&s->training, observers, &s->record, &s->err);
    observers_close(observers);
    return result;
}

static void test_order(void **state)
{
    struct scene *s = *state;
    failing = NULL;
    assert_int_equal(run(s, all), 0);
    assert_string_equal(heard, "a+ idle+ only+ b+ "
                               "a0 b0 a.0 b.0 a1 b1 a.1 b.1 a2 b2 a.2 b.2 a3 b3 a.3 b.3 "
                               "a! b! a= b= b- a- ");
    assert_int_equal(run(s, all + 4), 0); /* nobody */
    assert_string_equal(heard, "");
}

/* The run ends there: those behind the one that failed are not asked, nothing is recorded, and all
 * hear that it is over. */
static void test_step_fails(void **state)
{
    struct scene *s = *state;
    failing = "a.1";
    assert_int_equal(run(s, all), -1);
    assert_string_equal(s->err.text, "a.1 is ill");
    assert_string_equal(heard, "a+ idle+ only+ b+ a0 b0 a.0 b.0 a1 b1 a.1 a? b? b- a- ");
    failing = "b.3";
    assert_int_equal(run(s, all), -1);
    assert_string_equal(s->err.text, "b.3 is ill");
    assert_contains(heard, "a.3 b.3 a? b? b- a- ");
}

static void test_open_and_record_fail(void **state)
{
    struct scene *s = *state;
    failing = "b+";
    assert_int_equal(run(s, all), -1);
    assert_string_equal(s->err.text, "b+ is ill");
    assert_string_equal(heard, "a+ idle+ only+ b+ a- ");
    failing = "a=";
    assert_int_equal(run(s, all), -1);
    assert_string_equal(s->err.text, "a= is ill");
    assert_contains(heard, "a! b! a= b- a- ");
}

static const struct observed *looker;
static int spans[WARMUP + STEPS];
static double rates[WARMUP + STEPS];

static int look_open(const struct observed *run, void **self, struct sft_error *err)
{
    (void)err;
    *self = (void *)run;
    looker = run;
    return 0;
}

static int look_step(void *self, struct step *step, struct sft_error *err)
{
    (void)self, (void)err;
    spans[step->number] = spans_count(looker->training->spans);
    rates[step->number] = step->tok_s;
    assert_true(step->measured == (step->number >= WARMUP));
    assert_true(step->work.processed == 32 && step->work.trained > 0 && step->loss > 0);
    assert_true(step->waited >= 0 && step->waited < step->total);
    return 0;
}

static const struct observer look = {.open = look_open, .step = look_step};

static const struct observer *const real[] = {
    &observer_sensors, &observer_trace, &observer_measure, &observer_progress, &look, NULL};

static double figure(const struct scene *s, const char *key)
{
    return sft_record_get_real(&s->record, key, -1);
}

/* Only measured steps are measured, and those after observer_measure hear of it. */
static void test_measure(void **state)
{
    struct scene *s = *state;
    assert_int_equal(run(s, real), 0);
    assert_true(rates[0] == 0 && rates[1] == 0 && rates[2] > 0 && rates[3] > 0);
    assert_true(figure(s, "tok_s") > 0 && figure(s, "step_ms") > 0);
    double steps = figure(s, "steps_s") * 1e3 / figure(s, "step_ms");
    assert_true(steps > 1.99 && steps < 2.01); /* two, and their median is their mean */
    assert_true(s->rank_ms[0] > 0 && figure(s, "mem_gib") > 0);
    assert_string_equal(sft_record_get(&s->record, "slow_host"), "here");
    assert_null(sft_record_get(&s->record, "mfu"));
    assert_null(sft_record_get(&s->record, "power_w"));
    for (int i = 0; i < WARMUP + STEPS; i++)
        assert_int_equal(spans[i], 0); /* no trace was asked for */
    assert_int_equal(s->files, 0);
    s->observed.peak_tflops = s->observed.limit_tflops = 1e-9;
    assert_int_equal(run(s, real), -1); /* faster than it can be */
    s->observed.limit_tflops = 0;
    assert_int_equal(run(s, real), 0);
    assert_true(figure(s, "mfu") > 100);
}

static void read_all(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* The last step of warm-up and no other; the file is there once. */
static void test_trace(void **state)
{
    struct scene *s = *state;
    static char text[1 << 20];
    char path[64], *at = text;
    int updates = 0;
    snprintf(path, sizeof path, "test_observer.%d.json", (int)getpid());
    s->observed.trace = path;
    assert_int_equal(run(s, real), 0);
    assert_true(spans[0] == 0 && spans[1] > 4 && spans[2] == 0 && spans[3] == 0);
    assert_int_equal(s->files, 1);
    assert_string_equal(s->file_why, "");
    read_all(path, text, sizeof text);
    for (; (at = strstr(at, "\"AdamW\"")) != NULL; at++)
        updates++;
    assert_int_equal(updates, 1);
    assert_int_equal(run(s, real), 0); /* an earlier trace is replaced */
    FILE *file = fopen(path, "w");
    fputs("a thesis", file);
    fclose(file);
    assert_int_equal(run(s, real), -1);
    assert_contains(s->err.text, "is there and no trace");
    read_all(path, text, sizeof text);
    assert_string_equal(text, "a thesis");
    assert_int_equal(s->files, 2);
    unlink(path);
}

static void block_begin(void *self, int number)
{
    if (number == 0)
        assert_int_equal(mkdir(((const struct observed *)self)->trace, 0700), 0);
}

/* Something has come into the way since the run began: that does not end it. */
static void test_trace_lost(void **state)
{
    static const struct observer block = {.open = look_open, .begin = block_begin};
    static const struct observer *const list[] = {&observer_trace, &block, &look, NULL};
    struct scene *s = *state;
    char path[64];
    snprintf(path, sizeof path, "test_observer.%d.json", (int)getpid());
    s->observed.trace = path;
    assert_int_equal(run(s, list), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(s->files, 1);
    assert_contains(s->file_why, "trace: ");
    assert_contains(s->file_why, path);
}

static int setup(void **state)
{
    static struct scene scene;
    scene_open(&scene);
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    scene_close(*state);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),   TEST(test_step_fails), TEST(test_open_and_record_fail),
        TEST(test_measure), TEST(test_trace),      TEST(test_trace_lost),
    };
    return cmocka_run_group_tests_name("observer", tests, NULL, NULL);
}
