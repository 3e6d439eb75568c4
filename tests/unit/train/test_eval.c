/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of held-out records against one evaluation after the other of the same records, what it
 * leaves alone, and the weights that are kept; on the CPU. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/data/data_internal.h"
#include "job/train/keep.h"
#include "job/train/train.h"

#define STEPS 6 /* warm-up too */

struct scene {
    struct sft_request request;
    struct input input;
    struct device *backend;
    struct control *control;
    struct collective *collective;
    struct training training;
    struct sft_record record;
    double rank_ms[1];
    struct observed observed;
    struct sft_error err;
};

static void scene_open(struct scene *s, const char *more)
{
    char text[256];
    struct bootstrap alone = {.size = 1, .host = "here"};
    memset(s, 0, sizeof *s);
    snprintf(text, sizeof text,
             "tiny,data=synthetic,seq=160,micro_batch=2,global_batch=2,warmup=2,%s", more);
    assert_int_equal(sft_request_parse(&s->request, text, &s->err), 0);
    assert_int_equal(input_open(&s->input, &s->request, 1, 1, &s->err), 0);
    s->backend = device_create_cpu(&s->err);
    s->control = control_start(&alone, 1, &s->err);
    s->collective = collective_create_self(&s->err);
    assert_int_equal(training_fit(&s->training, &s->request, &s->input, s->backend, s->control,
                                  s->collective, &s->err),
                     0);
    assert_int_equal(training_agree(&s->training, &s->err), 0);
    assert_int_equal(training_create(&s->training, &s->err), 0);
    assert_int_equal(training_start(&s->training, &s->err), 0);
    s->training.keep = s->input.held == NULL ? NULL : keep_create(&s->training, &s->err);
    sft_record_init(&s->record);
    s->observed = (struct observed){.training = &s->training,
                                    .host = "here",
                                    .hosts = "here",
                                    .trace = "",
                                    .record = &s->record,
                                    .rank_ms = s->rank_ms,
                                    .user = s};
}

static void scene_close(struct scene *s)
{
    sft_record_clear(&s->record);
    keep_destroy(s->training.keep);
    training_destroy(&s->training);
    collective_destroy(s->collective, NULL);
    control_stop(s->control);
    s->backend->destroy(s->backend);
    input_close(&s->input);
}

/* What each step said, and what its record of the evaluations should be. */
static double losses[STEPS], evals[STEPS];
static bool evaluated[STEPS];
static double plain_loss(struct scene *s);
static double plain[STEPS + 1]; /* [0]: before the first step */

static int look_open(const struct observed *run, void **self, struct sft_error *err)
{
    (void)err;
    *self = run->user;
    return 0;
}

static int look_start(void *self, struct sft_error *err)
{
    (void)err;
    plain[0] = plain_loss(self);
    return 0;
}

static int look_step(void *self, struct step *step, struct sft_error *err)
{
    (void)err;
    losses[step->number] = step->loss;
    evaluated[step->number] = step->evaluated;
    evals[step->number] = step->eval_loss;
    plain[step->number + 1] = plain_loss(self);
    return 0;
}

static const struct observer look = {.open = look_open, .start = look_start, .step = look_step};
static const struct observer *const with_eval[] = {&observer_eval, &look, NULL};

/* One record after the other, each in a batch of its own. */
static double plain_loss(struct scene *s)
{
    const struct data *held = s->input.held;
    int rows = s->input.plan.micro_batch * s->input.plan.seq;
    double sum = 0, trained = 0, loss;
    struct batch batch;
    if (held == NULL)
        return NAN;
    assert_int_equal(batch_create(&batch, rows, &s->err), 0);
    for (size_t i = 0; i < held->count; i++) {
        const struct document *document = &held->documents[i];
        memset(batch.tokens, 0, (size_t)rows * sizeof *batch.tokens);
        memset(batch.targets, 0xff, (size_t)rows * sizeof *batch.targets);
        for (int k = 0; k < document->length; k++) {
            batch.tokens[k] = held->pool[document->first + (size_t)k];
            batch.positions[k] = k;
            if (k > 0 && held->marks[document->first + (size_t)k]) {
                batch.targets[k - 1] = batch.tokens[k];
                trained++;
            }
        }
        batch.documents = 1;
        batch.start[0] = 0;
        batch.length[0] = document->length;
        assert_int_equal(model_loss(s->training.model, &batch, &loss, &s->err), 0);
        sum += loss;
    }
    batch_destroy(&batch);
    return sum / trained;
}

static double figure(const struct scene *s, const char *key)
{
    return sft_record_get_real(&s->record, key, NAN);
}

static void run_opened(struct scene *s)
{
    struct observers *observers = observers_open(with_eval, &s->observed, &s->err);
    assert_non_null(observers);
    if (train_run(&s->training, observers, &s->record, &s->err) < 0)
        fail_msg("%s", s->err.text);
    observers_close(observers);
}

static void run(struct scene *s, const char *more)
{
    scene_open(s, more);
    run_opened(s);
}

static void assert_near(double a, double b, double part)
{
    if (!(fabs(a - b) <= part * fabs(b)))
        fail_msg("%.9g, not %.9g", a, b);
}

/* 52 records in 50 or so sequences, of which the last micro-batch is not full. */
static void test_as_one_by_one(void **state)
{
    (void)state;
    struct scene s;
    run(&s, "steps=4,eval=0.001,eval_every=4");
    assert_int_equal(s.input.held->count, 52);
    assert_int_equal(s.input.data->count, 52002 - 52);
    for (int i = 0; i < STEPS; i++) {
        assert_true(evaluated[i] == (i == 3 || i == 5));
        if (evaluated[i])
            assert_near(evals[i], plain[i + 1], 1e-5);
    }
    assert_near(figure(&s, "eval_first"), plain[0], 1e-5);
    assert_near(figure(&s, "eval_loss"), plain[STEPS], 1e-5);
    assert_true(figure(&s, "eval_s") > 0 && figure(&s, "eval_tokens") > 52);
    scene_close(&s);
}

/* The same training bit for bit, whether it is evaluated or not. */
static void test_training_does_not_feel_it(void **state)
{
    (void)state;
    double never[STEPS];
    struct scene s;
    scene_open(&s, "steps=4,eval=0.001,eval_every=1");
    struct data *held = s.input.held;
    s.input.held = NULL;
    run_opened(&s);
    assert_null(sft_record_get(&s.record, "eval_loss"));
    memcpy(never, losses, sizeof losses);
    s.input.held = held;
    scene_close(&s);
    run(&s, "steps=4,eval=0.001,eval_every=1");
    assert_true(figure(&s, "eval_loss") > 0);
    assert_memory_equal(never, losses, sizeof losses);
    scene_close(&s);
}

/* At such a rate it only gets worse after a while: what is left are the weights of the lowest loss
 * where they are to be saved, and the last ones where not. */
static void test_the_best_is_kept(void **state)
{
    (void)state;
    struct scene s;
    int best = 0;
    run(&s, "steps=4,eval=0.001,eval_every=1,lr=0.5,lr_warmup=6,save=never");
    for (int i = 0; i <= STEPS; i++)
        best = plain[i] < plain[best] ? i : best;
    assert_true(best < STEPS && plain[STEPS] > 1.01 * plain[best]);
    assert_int_equal((int)figure(&s, "eval_best_step"), best);
    assert_near(figure(&s, "eval_best"), plain[best], 1e-5);
    assert_near(figure(&s, "eval_loss"), plain[STEPS], 1e-5);
    assert_int_equal(keep_give(s.training.keep, &s.err), 0);
    assert_true(plain_loss(&s) == plain[best]);
    scene_close(&s);
    run(&s, "steps=4,eval=0.001,eval_every=1,lr=0.5,lr_warmup=6");
    assert_true(plain_loss(&s) == plain[STEPS]);
    assert_int_equal((int)figure(&s, "eval_best_step"), best);
    scene_close(&s);
}

/* Which step is the last is known when it is over. */
static void test_seconds(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "seconds=0.1,eval=0.001");
    static const struct observer *const alone[] = {&observer_eval, NULL};
    struct observers *observers = observers_open(alone, &s.observed, &s.err);
    assert_int_equal(train_run(&s.training, observers, &s.record, &s.err), 0);
    observers_close(observers);
    assert_near(figure(&s, "eval_loss"), plain_loss(&s), 1e-5);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_one_by_one),
        cmocka_unit_test(test_training_does_not_feel_it),
        cmocka_unit_test(test_the_best_is_kept),
        cmocka_unit_test(test_seconds),
    };
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
