/* SPDX-License-Identifier: Apache-2.0 */
/* What is chosen as the memory shrinks, that a request is obeyed, and that a refusal's numbers are
 * right and its advice works. */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <math.h>

#include "job/train/fit.h"

static const double gib = 1024.0 * 1024 * 1024;
static const size_t logits = 64 << 20;

/* A choice in two letters: states F or B; recomputation 0 none, 1 norms, 2 blocks. */
static const char *letters(const struct fit *fit)
{
    static char text[8];
    snprintf(text, sizeof text, "%c%c", fit->states == SFT_STATES_FP32 ? 'F' : 'B',
             fit->recompute == SFT_RECOMPUTE_NONE    ? '0'
             : fit->recompute == SFT_RECOMPUTE_NORMS ? '1'
             : fit->recompute == SFT_RECOMPUTE_BLOCK ? '2'
                                                     : '?');
    return text;
}

static struct sft_request request_of(const char *text)
{
    struct sft_request request;
    struct sft_error err = {""};
    if (sft_request_parse(&request, text, &err) < 0)
        fail_msg("%s", err.text);
    return request;
}

static struct sft_plan plan_of(const struct sft_request *request)
{
    struct sft_plan plan;
    struct sft_error err = {""};
    if (sft_plan_make_running(&plan, request, 1, 1, &err) < 0)
        fail_msg("%s", err.text);
    return plan;
}

/* Of documents as long as the sequences, on an H200 and the fabric that is assumed. */
static int fit_asked(struct fit *fit, const struct sft_request *request,
                     const struct sft_plan *plan, const struct sft_preset *shape, double available,
                     enum format format, size_t head, struct sft_error *err)
{
    struct fit_question q = fit_question(request, plan, shape);
    q.available = available;
    q.format = format;
    q.cpu = format == FORMAT_FP32;
    q.logits = head;
    return fit_make(fit, &q, err);
}

/* Bytes of what the arguments say, without the reserve. */
static double bytes_of(const struct sft_preset *shape, int rows, enum format states,
                       enum model_recompute recompute, enum format format)
{
    return (double)(model_plan(shape, rows, recompute, format, logits) +
                    optim_plan((size_t)sft_params_count(shape), format, states, false));
}

/* The fit's own numbers against the plans'. */
static void check_numbers(const struct fit *fit, const struct sft_preset *shape, int rows,
                          enum format format)
{
    static const enum model_recompute levels[] = {RECOMPUTE_NONE, RECOMPUTE_NORMS, RECOMPUTE_BLOCK};
    enum model_recompute level = levels[letters(fit)[1] - '0'];
    enum format states = letters(fit)[0] == 'F' ? FORMAT_FP32 : FORMAT_BF16;
    assert_int_equal(fit_recompute(fit), level);
    assert_int_equal(fit_states(fit), states);
    assert_true(fit->model == (double)model_plan(shape, rows, level, format, logits));
    assert_true(fit->model + fit->optim == bytes_of(shape, rows, states, level, format));
    assert_true(fit->total == fit->model + fit->shard + fit->optim + fit->reserve);
    /* what libraries take on a device of 16 bits; the CPU has none of them */
    assert_true(format == FORMAT_BF16 ? fit->reserve > 0.1 * gib : fit->reserve == 0);
}

/* What is chosen at plenty of memory, at one byte less than that took, and so on until nothing
 * fits; in letters, one after the other. */
static char *walk(const char *text, enum format format)
{
    static char seen[64];
    struct sft_request request = request_of(text);
    struct sft_plan plan = plan_of(&request);
    struct sft_error err = {""};
    struct fit fit, same;
    double available = 1e18;
    int rows = plan.micro_batch * plan.seq;
    seen[0] = '\0';
    while (fit_asked(&fit, &request, &plan, request.preset, available, format, logits, &err) == 0) {
        assert_true(fit.total <= available);
        check_numbers(&fit, request.preset, rows, format);
        assert_int_equal(
            fit_asked(&same, &request, &plan, request.preset, fit.total, format, logits, &err), 0);
        assert_memory_equal(&same, &fit, sizeof fit); /* just so much is enough */
        assert_true(strlen(seen) + 4 < sizeof seen);
        sprintf(seen + strlen(seen), "%s%s", seen[0] == '\0' ? "" : " ", letters(&fit));
        available = fit.total - 1;
    }
    assert_contains(err.text, "too much");
    return seen;
}

/* In FP8 what memory there is decides how many copies of the weights stay: never whether it runs.
 */
static void test_copies_of_fp8_as_many_as_fit(void **state)
{
    struct sft_request request = request_of("llama-7b,precision=fp8,micro_batch=1,states=bf16,"
                                            "recompute=none");
    struct sft_plan plan = plan_of(&request);
    const struct sft_preset *shape = request.preset;
    double linear = (double)(sft_params_multiplied(shape) - sft_params_head(shape));
    double available = 1e18, before = 0;
    struct fit fit;
    (void)state;
    for (int copies = MODEL_COPIES_BOTH; copies >= MODEL_COPIES_NONE; copies--) {
        assert_int_equal(
            fit_asked(&fit, &request, &plan, shape, available, FORMAT_BF16, logits, NULL), 0);
        assert_int_equal(fit.copies, copies);
        struct model_recipe recipe = fit_recipe(&fit, &request, shape);
        assert_int_equal(recipe.scaling, SCALING_TENSOR);
        assert_int_equal(recipe.copies, copies);
        if (before > 0) /* the first copy less leaves room for one layer's use */
            assert_true(fabs((before - fit.total) / linear - 1) < 0.02);
        before = fit.total;
        available = fit.total - 1;
    }
    request.scaling = SFT_SCALING_ROW;
    assert_int_equal(fit_recipe(&fit, &request, shape).scaling, SCALING_ROW);
    request.precision = SFT_PRECISION_AUTO;
    assert_int_equal(fit_recipe(&fit, &request, shape).scaling, SCALING_NONE);
}

/* Where weights come in FP8 nobody keeps copies, and the plan is smaller by what it gathers less.
 */
static void test_weights_gathered_in_fp8(void **state)
{
    (void)state;
    for (int row = 0; row < 2; row++) {
        struct sft_request request =
            request_of(row ? "llama-7b:1,gpus=4,zero=3,states=bf16,recompute=none,micro_batch=1,"
                             "precision=fp8,scaling=row"
                           : "llama-7b:1,gpus=4,zero=3,states=bf16,recompute=none,micro_batch=1,"
                             "precision=fp8");
        struct sft_plan plan;
        struct fit fit, wide;
        struct sft_error err = {""};
        assert_int_equal(sft_plan_make_running(&plan, &request, 1, 4, &err), 0);
        const struct sft_preset *shape = request.preset;
        assert_int_equal(fit_asked(&fit, &request, &plan, shape, 1e18, FORMAT_BF16, logits, NULL),
                         0);
        assert_true(fit_recipe(&fit, &request, shape).gathered);
        assert_int_equal(fit.copies, MODEL_COPIES_NONE);
        request.precision = SFT_PRECISION_AUTO;
        assert_int_equal(fit_asked(&wide, &request, &plan, shape, 1e18, FORMAT_BF16, logits, NULL),
                         0);
        assert_false(fit_recipe(&wide, &request, shape).gathered);
        /* two buffers of a layer at half the width, and own parts once more, a byte each */
        double layer = (double)sft_params_unit(shape, 1);
        double less = 2 * layer - (row ? 2 : 1) * layer * shape->layers / 4;
        assert_true(fabs(wide.shard - fit.shard - less) < 0.001 * wide.shard);
        fit.zero = SFT_ZERO_2; /* whole weights */
        request.precision = SFT_PRECISION_FP8;
        assert_false(fit_recipe(&fit, &request, shape).gathered);
    }
}

static void test_order_of_preference(void **state)
{
    (void)state;
    for (enum format format = 0; format <= FORMAT_BF16; format++) {
        /* few rows: the states weigh more than all activations, so fp32 never comes back */
        assert_string_equal(walk("llama-7b,seq=32,micro_batch=1", format), "F0 F1 B0 B1 B2");
        /* many rows: smaller states gain less than the norms do, or the blocks */
        assert_string_equal(walk("llama-1b,seq=4096,micro_batch=64", format), "F0 F1 B1 F2 B2");
    }
}

static void test_requests_are_obeyed(void **state)
{
    (void)state;
    static const char *const models[] = {"llama-7b,seq=32,micro_batch=1",
                                         "llama-1b,seq=4096,micro_batch=64"};
    static const char *const cases[][2] = {
        {"states=fp32", "F0 F1 F2"},
        {"states=bf16", "B0 B1 B2"},
        {"recompute=none", "F0 B0"},
        {"recompute=norms", "F1 B1"},
        {"recompute=block", "F2 B2"},
        {"states=fp32,recompute=none", "F0"},
        {"states=fp32,recompute=norms", "F1"},
        {"states=bf16,recompute=none", "B0"},
        {"states=bf16,recompute=block", "B2"},
        {"states=auto,recompute=norms", "F1 B1"},
        {"states=bf16,recompute=auto", "B0 B1 B2"},
    };
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char text[200];
            snprintf(text, sizeof text, "%s,%s", models[m], cases[i][0]);
            assert_string_equal(walk(text, FORMAT_BF16), cases[i][1]);
        }
    assert_string_equal(
        walk("llama-7b,seq=32,micro_batch=1,states=auto,recompute=auto", FORMAT_BF16),
        "F0 F1 B0 B1 B2");
}

/* Every `key=value` in the text goes into the request; returns how many. */
static int apply(struct sft_request *request, const char *text)
{
    int count = 0;
    struct sft_error err = {""};
    for (const char *at = text; *at != '\0';) {
        char word[64] = "";
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_' || at[length] == '=')
            length++;
        assert_true(length < sizeof word);
        memcpy(word, at, length);
        char *value = strchr(word, '=');
        at += length > 0 ? length : 1;
        if (value == NULL)
            continue;
        *value++ = '\0';
        if (sft_request_set(request, word, value, &err) < 0)
            fail_msg("'%s': %s", text, err.text);
        count++;
    }
    return count;
}

struct refusal {
    double needs, free, missing; /* GiB */
    char states[8], recompute[8];
    char advice[256];
};

static struct refusal refuse(const char *text, double available)
{
    struct sft_request request = request_of(text);
    struct sft_plan plan = plan_of(&request);
    struct sft_error err = {""};
    struct fit fit;
    struct refusal r = {0};
    assert_int_equal(
        fit_asked(&fit, &request, &plan, request.preset, available, FORMAT_BF16, logits, &err), -1);
    const char *needs = strstr(err.text, " needs ");
    assert_non_null(needs);
    assert_contains(err.text, request.preset->name);
    if (sscanf(needs,
               " needs %lf GiB (states=%7[a-z0-9],recompute=%7[a-z]) and %lf can be had, 3%% "
               "kept free: %lf GiB too much; %255[^\n]",
               &r.needs, r.states, r.recompute, &r.free, &r.missing, r.advice) != 6)
        fail_msg("not understood: %s", err.text);
    return r;
}

/* What the advice leads to, with all else as the user said it: it must fit. */
static struct sft_plan follow(const char *text, double available, const struct refusal *r)
{
    struct sft_request request = request_of(text);
    struct sft_error err = {""};
    struct fit fit;
    assert_true(apply(&request, r->advice) > 0);
    struct sft_plan plan = plan_of(&request);
    struct sft_preset shape = *request.preset;
    shape.adapters = plan.adapters;
    if (fit_asked(&fit, &request, &plan, &shape, available, FORMAT_BF16, logits, &err) < 0)
        fail_msg("%s, at %.1f GiB, told '%s': %s", text, available / gib, r->advice, err.text);
    assert_true(fit.total <= available);
    return plan;
}

/* What this request takes at least: the reserve, which only fit_make knows, counted in. */
static double least(const char *text)
{
    struct sft_request request = request_of(text);
    struct sft_plan plan = plan_of(&request);
    struct fit fit;
    assert_int_equal(fit_asked(&fit, &request, &plan, request.preset, 0, FORMAT_BF16, logits, NULL),
                     0);
    return fit.total;
}

static void test_a_refusal_says_what_is_missing(void **state)
{
    (void)state;
    /* the least that was allowed, not the first and not what else there is */
    static const char *const cases[][4] = {
        {"llama-7b,seq=4096,micro_batch=4", "llama-7b,seq=4096,micro_batch=4", "bf16", "block"},
        {"llama-7b,seq=4096,micro_batch=4,states=fp32", "llama-7b,seq=4096,micro_batch=4", "fp32",
         "block"},
        {"llama-7b,seq=4096,micro_batch=4,recompute=none", "llama-7b,seq=4096,micro_batch=4",
         "bf16", "none"},
        {"llama-7b,seq=4096,micro_batch=4,states=fp32,recompute=norms",
         "llama-7b,seq=4096,micro_batch=4", "fp32", "norms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char chosen[200];
        snprintf(chosen, sizeof chosen, "%s,states=%s,recompute=%s", cases[i][1], cases[i][2],
                 cases[i][3]);
        double needs = least(chosen);
        for (double missing = 0.25; missing < 20; missing *= 2) {
            struct refusal r = refuse(cases[i][0], needs - missing * gib);
            assert_string_equal(r.states, cases[i][2]);
            assert_string_equal(r.recompute, cases[i][3]);
            assert_true(fabs(r.needs - needs / gib) <= 0.0501);
            assert_true(fabs(r.missing - missing) <= 0.0501);
            assert_true(fabs(r.free - (needs / gib - missing)) <= 0.0501);
        }
    }
}

/* No larger micro-batch that divides the global batch fits, or no sequence of twice the length. */
static void not_timid(const struct sft_request *request, const struct sft_plan *asked,
                      const struct sft_plan *told, double available)
{
    char text[200];
    bool shorter = told->seq < asked->seq;
    if (shorter) {
        assert_int_equal(told->micro_batch, 1);
        snprintf(text, sizeof text, "%s,seq=%d,micro_batch=1,states=bf16,recompute=block",
                 request->preset->name, 2 * told->seq);
        assert_true(least(text) > available);
    }
    for (int micro = told->micro_batch + 1; micro <= asked->micro_batch; micro++) {
        snprintf(text, sizeof text, "%s,seq=%d,micro_batch=%d,states=bf16,recompute=block",
                 request->preset->name, asked->seq, micro);
        assert_true(asked->global_batch % micro != 0 || least(text) > available);
    }
}

static void test_advice_fits(void **state)
{
    (void)state;
    unit_takes_long();
    static const char *const cases[] = {
        "llama-7b,seq=4096,micro_batch=8",
        "llama-7b,seq=4096,micro_batch=8,recompute=none",
        "llama-7b,seq=4096,micro_batch=8,recompute=norms,states=fp32",
        "llama-7b,seq=4096,micro_batch=8,states=fp32",
        "llama-7b,seq=8192,micro_batch=1,states=fp32,recompute=none",
        "llama3-8b,seq=32768,micro_batch=3",
        "llama-7b,seq=4096,micro_batch=5,global_batch=5",
        "llama-7b,seq=4096,micro_batch=12,global_batch=36",
    };
    int words = 0, smaller = 0, shorter = 0, adapters = 0, none = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_request request = request_of(cases[i]);
        struct sft_plan asked = plan_of(&request);
        char same[200];
        for (double available = least(cases[i]) - 1; available > gib; available *= 0.93) {
            struct fit fit;
            if (fit_asked(&fit, &request, &asked, request.preset, available, FORMAT_BF16, logits,
                          NULL) == 0)
                continue;
            struct refusal r = refuse(cases[i], available);
            if (strstr(r.advice, "more memory") != NULL) {
                none++;
                snprintf(same, sizeof same, "%s,seq=256,micro_batch=1,states=bf16,recompute=block",
                         request.preset->name);
                assert_true(least(same) > available); /* there is none indeed */
                continue;
            }
            assert_contains(r.advice, "fits");
            struct sft_plan plan = follow(cases[i], available, &r);
            bool as_wide = plan.micro_batch == asked.micro_batch, as_long = plan.seq == asked.seq;
            if (plan.method == SFT_METHOD_LORA) {
                adapters++;
                continue;
            }
            words += as_wide && as_long;
            smaller += !as_wide && as_long;
            shorter += !as_long;
            if (!as_wide || !as_long)
                not_timid(&request, &asked, &plan, available);
        }
    }
    assert_true(words > 5 && smaller > 5 && shorter > 5 && adapters > 5 && none > 5);
}

static void test_unknown_memory_holds_everything(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"llama3-70b,seq=131072,micro_batch=16", "F0"},
                                           {"llama3-70b,states=bf16", "B0"},
                                           {"llama3-70b,recompute=block", "F2"},
                                           {"llama-7b,states=bf16,recompute=norms", "B1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_request request = request_of(cases[i][0]);
        struct sft_plan plan = plan_of(&request);
        struct sft_error err = {""};
        struct fit fit;
        assert_int_equal(
            fit_asked(&fit, &request, &plan, request.preset, 0, FORMAT_BF16, logits, &err), 0);
        assert_string_equal(letters(&fit), cases[i][1]);
        check_numbers(&fit, request.preset, fit.micro_batch * plan.seq, FORMAT_BF16);
    }
}

/* The shape as it runs counts, not the preset's: a tokenizer may have made the table larger. */
static void test_the_shape_counts(void **state)
{
    (void)state;
    struct sft_request request = request_of("tiny");
    struct sft_plan plan = plan_of(&request);
    struct sft_preset shape = *request.preset;
    struct fit fit;
    shape.vocab = 32000;
    assert_int_equal(fit_asked(&fit, &request, &plan, &shape, 0, FORMAT_FP32, logits, NULL), 0);
    check_numbers(&fit, &shape, fit.micro_batch * plan.seq, FORMAT_FP32);
}

static void test_names(void **state)
{
    (void)state;
    struct sft_request request = request_of("tiny");
    static const enum sft_states states[] = {SFT_STATES_FP32, SFT_STATES_BF16};
    static const enum sft_recompute levels[] = {SFT_RECOMPUTE_NONE, SFT_RECOMPUTE_NORMS,
                                                SFT_RECOMPUTE_BLOCK};
    for (int i = 0; i < 2; i++) { /* a name is the word that asks for it */
        assert_int_equal(sft_request_set(&request, "states", fit_states_name(states[i]), NULL), 0);
        assert_int_equal(request.states, states[i]);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            sft_request_set(&request, "recompute", fit_recompute_name(levels[i]), NULL), 0);
        assert_int_equal(request.recompute, levels[i]);
    }
}

static struct sft_plan plan_shared(const struct sft_request *request, int nodes, int gpus)
{
    struct sft_plan plan;
    struct sft_error err = {""};
    if (sft_plan_make_running(&plan, request, nodes, nodes * gpus, &err) < 0)
        fail_msg("%s", err.text);
    return plan;
}

static double between(double got, double low, double high)
{
    if (got < low || got > high)
        fail_msg("%g is not between %g and %g", got, low, high);
    return got;
}

/* 70B over 2 nodes of 8 by hand: 68,976,648,192 parameters, a layer 855,654,400, table and head
 * 262,144,000 each. Hybrid: weights and gradients over 8, with buffers for two layers, table and
 * head. */
static void test_70b_by_hand(void **state)
{
    (void)state;
    const double all = 68976648192.0, buffers = 2 * 855654400.0 + 2 * 262144000.0 + 8192;
    struct sft_request request = request_of("llama-70b:2,states=fp32,recompute=block,zero=hybrid");
    struct sft_plan plan = plan_shared(&request, 2, 8);
    struct fit fit;
    assert_int_equal(
        fit_asked(&fit, &request, &plan, request.preset, 139 * gib, FORMAT_BF16, logits, NULL), 0);
    assert_int_equal(fit.zero, SFT_ZERO_HYBRID);
    between(fit.shard, 2 * 2 * (all / 8 + buffers), 2 * 2 * (all / 8 + buffers) * 1.001);
    between(fit.optim, 12 * all / 16, 12 * all / 16 * 1.001);
    request = request_of("llama-70b:2,states=fp32,recompute=block,zero=3");
    assert_int_equal(
        fit_asked(&fit, &request, &plan, request.preset, 139 * gib, FORMAT_BF16, logits, NULL), 0);
    between(fit.shard, 2 * 2 * (all / 16 + buffers), 2 * 2 * (all / 16 + buffers) * 1.001);
    request = request_of("llama-70b:2,zero=0");
    assert_int_equal(
        fit_asked(&fit, &request, &plan, request.preset, 139 * gib, FORMAT_BF16, logits, NULL), -1);
    assert_true(fit.total > 2 * 2 * all);
}

/* Each way of sharing keeps less than the one before on one node, and the first that fits is taken.
 */
static void test_sharing_is_taken_as_memory_shrinks(void **state)
{
    (void)state;
    struct sft_request request = request_of("llama-7b,states=fp32,recompute=none,micro_batch=1");
    struct sft_plan plan = plan_shared(&request, 1, 8);
    struct sft_error err = {""};
    struct fit fit;
    double available = 1e18;
    char seen[64] = "";
    while (fit_asked(&fit, &request, &plan, request.preset, available, FORMAT_BF16, logits, &err) ==
           0) {
        strcat(seen, sft_zero_name(fit.zero));
        available = fit.total - 1;
    }
    assert_string_equal(seen, "123");
    assert_non_null(strstr(err.text, "zero=3"));
    plan = plan_shared(&request, 4, 8);
    seen[0] = '\0';
    for (available = 1e18; fit_asked(&fit, &request, &plan, request.preset, available, FORMAT_BF16,
                                     logits, &err) == 0;
         available = fit.total - 1)
        strcat(seen, sft_zero_name(fit.zero));
    assert_string_equal(seen, "12hybrid3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_preference),
        cmocka_unit_test(test_copies_of_fp8_as_many_as_fit),
        cmocka_unit_test(test_weights_gathered_in_fp8),
        cmocka_unit_test(test_requests_are_obeyed),
        cmocka_unit_test(test_a_refusal_says_what_is_missing),
        cmocka_unit_test(test_advice_fits),
        cmocka_unit_test(test_unknown_memory_holds_everything),
        cmocka_unit_test(test_the_shape_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_70b_by_hand),
        cmocka_unit_test(test_sharing_is_taken_as_memory_shrinks),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
