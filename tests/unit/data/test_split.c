/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are held out: how many, that each is in one of both and as it was, that seed and
 * data alone say which, that any number of ranks evaluates each once and trains none. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/data/data.h"
#include "job/data/data_internal.h"
#include "job/data/input.h"

enum { RECORDS = 200, SEQ = 128, SEEDS = 400 };

static struct tokenizer *tokenizer;

static int begin(void **state)
{
    (void)state;
    tokenizer = tokenizer_open(NULL, NULL);
    return tokenizer == NULL ? -1 : 0;
}

static int finish(void **state)
{
    (void)state;
    tokenizer_close(tokenizer);
    return 0;
}

/* Record i says its number, and is of another length than its neighbours. */
static struct data *records_open(int records, uint64_t seed)
{
    struct sft_error err = {""};
    char *text = calloc(1, (size_t)records * 128), *at = text;
    for (int i = 0; i < records; i++)
        at += sprintf(at, "{\"prompt\":\"%d:\",\"completion\":\"%.*s\"}\n", i, 3 + i % 50,
                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    struct data *data = data_create("records", SEQ, tokenizer_end(tokenizer), seed, &err);
    if (data_parse(data, tokenizer, "records", text, strlen(text), 0, &err) < 0 ||
        data_pack(data, &err) < 0)
        fail_msg("%s", err.text);
    free(text);
    return data;
}

static struct data *hold_out(struct data *data, double fraction)
{
    struct sft_error err = {""};
    struct data *held = data_hold_out(data, fraction, &err);
    if (held == NULL)
        fail_msg("%s", err.text);
    return held;
}

/* The record's number, of a document's tokens: begin of text, digits, a colon. */
static int number_of(const int32_t *tokens)
{
    int number = 0;
    for (int i = 1; tokens[i] != ':'; i++) {
        assert_in_range(tokens[i], '0', '9');
        number = 10 * number + (int)(tokens[i] - '0');
    }
    return number;
}

/* As it was before: its tokens, and which of them have a loss. */
static void document_check(const struct data *before, const struct data *after, size_t i)
{
    const struct document *d = &after->documents[i];
    int number = number_of(after->pool + d->first);
    const struct document *was = &before->documents[number];
    assert_int_equal(d->length, was->length);
    assert_int_equal(d->response, was->response);
    assert_memory_equal(after->pool + d->first, before->pool + was->first,
                        (size_t)d->length * sizeof *after->pool);
    assert_memory_equal(after->marks + d->first, before->marks + was->first, (size_t)d->length);
}

static void test_each_is_in_one_of_both(void **state)
{
    (void)state;
    static const struct {
        double fraction;
        size_t held;
    } cases[] = {{0.1, 20},  {0.05, 10},  {0.0001, 1},  {0.5, 100},
                 {0.013, 3}, {0.0124, 2}, {0.995, 199}, {1 / 3.0, 67}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct data *all = records_open(RECORDS, 7), *data = records_open(RECORDS, 7);
        struct data *held = hold_out(data, cases[c].fraction);
        const struct data *both[] = {data, held};
        int seen[RECORDS] = {0};
        assert_int_equal(held->count, cases[c].held);
        assert_int_equal(data->count, RECORDS - cases[c].held);
        for (int b = 0; b < 2; b++)
            for (size_t i = 0; i < both[b]->count; i++) {
                int number = number_of(both[b]->pool + both[b]->documents[i].first);
                assert_int_equal(seen[number]++, 0);
                document_check(all, both[b], i);
                assert_true(i == 0 ||
                            number > number_of(both[b]->pool + both[b]->documents[i - 1].first));
            }
        assert_int_equal(data_facts(data).tokens + data_facts(held).tokens, data_facts(all).tokens);
        assert_int_equal(data_facts(held).records, cases[c].held);
        data_close(all);
        data_close(data);
        data_close(held);
    }
}

static void drawn_get(uint64_t seed, double fraction, bool drawn[RECORDS])
{
    struct data *data = records_open(RECORDS, seed), *held = hold_out(data, fraction);
    memset(drawn, 0, RECORDS * sizeof *drawn);
    for (size_t i = 0; i < held->count; i++)
        drawn[number_of(held->pool + held->documents[i].first)] = true;
    data_close(data);
    data_close(held);
}

/* Another process, as a rank or a run that goes on is, draws the same; another seed draws others,
 * and over many seeds each record is drawn as often: 40 times of 400, 6 standard deviations are 36.
 */
static void test_the_seed_says_which(void **state)
{
    (void)state;
    bool one[RECORDS], same[RECORDS], other[RECORDS];
    int times[RECORDS] = {0};
    drawn_get(5, 0.1, one);
    drawn_get(5, 0.1, same);
    drawn_get(6, 0.1, other);
    assert_memory_equal(one, same, sizeof one);
    assert_memory_not_equal(one, other, sizeof one);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        drawn_get(seed, 0.1, one);
        for (int i = 0; i < RECORDS; i++)
            times[i] += one[i];
    }
    for (int i = 0; i < RECORDS; i++)
        assert_in_range(times[i], SEEDS / 10 - 36, SEEDS / 10 + 36);
}

/* Marks of a batch's documents. */
static void batch_mark(const struct batch *batch, int seen[RECORDS])
{
    for (int d = 0; d < batch->documents; d++)
        if (batch->length[d] > 1) /* a sequence behind the last is of padding */
            seen[number_of(batch->tokens + batch->start[d])]++;
}

/* As job/train/observe_eval.c and train.c share sequences among ranks. */
static void test_any_number_of_ranks(void **state)
{
    (void)state;
    struct data *data = records_open(RECORDS, 9), *held = hold_out(data, 0.2);
    uint64_t packs = (uint64_t)data_facts(held).packs;
    int trained[RECORDS] = {0};
    struct batch batch;
    assert_int_equal(batch_create(&batch, 3 * SEQ, NULL), 0);
    for (uint64_t p = 0; p < 3 * (uint64_t)data_facts(data).packs; p++) {
        data_fill(data, p, 1, &batch);
        batch_mark(&batch, trained);
    }
    for (uint64_t ranks = 1; ranks <= 7; ranks++)
        for (int each = 1; each <= 3; each++) {
            int evaluated[RECORDS] = {0};
            for (uint64_t turn = 0; turn * ranks * (uint64_t)each < packs; turn++)
                for (uint64_t rank = 0; rank < ranks; rank++) {
                    data_fill_once(held, (turn * ranks + rank) * (uint64_t)each, each, &batch);
                    batch_mark(&batch, evaluated);
                }
            for (int i = 0; i < RECORDS; i++)
                assert_true(evaluated[i] == (trained[i] == 0) &&
                            (trained[i] == 3 || trained[i] == 0));
        }
    batch_destroy(&batch);
    data_close(data);
    data_close(held);
}

static void expect_none_left(int records, double fraction, const char *why)
{
    struct sft_error err = {""};
    struct data *data = records_open(records, 3);
    assert_null(data_hold_out(data, fraction, &err));
    assert_string_equal(err.text, why);
    data_close(data);
}

static void test_none_would_be_left(void **state)
{
    (void)state;
    expect_none_left(RECORDS, 0.999, "eval=0.999: of 200 records none would be left for training");
    expect_none_left(1, 0.01, "eval=0.01: of 1 records none would be left for training");
}

/* What is no part is no file either, but a slip. */
static void test_words(void **state)
{
    (void)state;
    static const char *const words[] = {"0", "1", "1.0", "5", "-0.1", "nan", "inf", "1e-400"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct sft_error err = {""};
        struct sft_request request;
        struct input input;
        char text[128], why[128];
        snprintf(text, sizeof text, "tiny,data=synthetic,eval=%s", words[i]);
        assert_int_equal(sft_request_parse(&request, text, &err), 0);
        assert_int_equal(input_open(&input, &request, 1, 1, &err), -1);
        snprintf(why, sizeof why, "eval=%s: a part of data= lies between 0 and 1, ", words[i]);
        assert_contains(err.text, why);
        input_close(&input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_in_one_of_both),
        cmocka_unit_test(test_the_seed_says_which),
        cmocka_unit_test(test_any_number_of_ranks),
        cmocka_unit_test(test_none_would_be_left),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests_name("split", tests, begin, finish);
}
