/* SPDX-License-Identifier: Apache-2.0 */
/* What is chosen against a search of everything that could have been said instead: micro-batch,
 * recomputation and sharing, timed by lib/timeline itself. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/train/fit.h"

static const double gib = 1024.0 * 1024 * 1024;

/* One case: what was said beside micro_batch, zero and recompute, and where it runs. */
struct scene {
    struct sft_request request;
    struct sft_plan plan;
    struct fit_question question;
};

static void scene_make(struct scene *s, const char *text, int nodes, int gpus, double memory)
{
    struct sft_error err = {""};
    if (sft_request_parse(&s->request, text, &err) < 0 ||
        sft_plan_make_running(&s->plan, &s->request, nodes, nodes * gpus, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    s->question = fit_question(&s->request, &s->plan, s->request.preset);
    s->question.available = memory * gib;
    s->question.format = FORMAT_BF16;
    s->question.logits = 64 << 20;
}

/* tokens/s of what was fitted, without the fit's own word for it */
static double rate_of(const struct scene *s, const struct fit *fit)
{
    double length = s->plan.seq, tokens = fit->micro_batch * length;
    struct sft_work work = {.tokens = tokens,
                            .squared_lengths = tokens * length,
                            .documents = fit->micro_batch,
                            .accumulation = fit->accumulation,
                            .states = fit->states,
                            .recompute = fit->recompute};
    struct sft_layout layout = {s->plan.nodes, s->plan.ranks / s->plan.nodes, fit->zero};
    struct sft_fabric fabric = sft_fabric_default();
    if (s->request.nic_gbs > 0)
        fabric.nic_gbs = s->request.nic_gbs;
    return sft_timeline_make(s->request.preset, &work, sft_ceiling_find("NVIDIA H200"), &fabric,
                             &layout)
        .tok_s;
}

/* The fastest that could have been said with these states and this micro-batch; 0: nothing fits. */
static double best_said(const struct scene *scene, enum sft_states states, int micro)
{
    double best = 0;
    for (int zero = SFT_SHARE_0; zero <= SFT_SHARE_HYBRID; zero++)
        for (int level = SFT_RECOMPUTE_NONE; level <= SFT_RECOMPUTE_BLOCK; level++) {
            struct scene s = *scene;
            struct fit fit;
            int share = s.plan.micro_batch * s.plan.accumulation;
            /* with one node, or one GPU in each, hybrid is another way's name */
            bool levels = s.plan.nodes > 1 && s.plan.ranks > s.plan.nodes;
            if ((zero != SFT_SHARE_0 && s.plan.ranks == 1) || share % micro != 0 ||
                (zero == SFT_SHARE_HYBRID && !levels))
                continue;
            s.request.zero = zero;
            s.request.recompute = level;
            s.request.states = (int)states;
            sft_plan_micro_batch(&s.plan, micro);
            s.question.request = &s.request;
            s.question.plan = &s.plan;
            if (fit_make(&fit, &s.question, NULL) == 0)
                best = fmax(best, rate_of(&s, &fit));
        }
    return best;
}

static int searched, sharings[SFT_ZERO_COUNT];

/* Nothing with the chosen states and micro-batch is faster at all. */
static void check_way(const char *text, int nodes, int gpus, double memory)
{
    struct scene s;
    struct fit fit;
    scene_make(&s, text, nodes, gpus, memory);
    if (fit_make(&fit, &s.question, NULL) < 0)
        return;
    double rate = rate_of(&s, &fit), best = best_said(&s, fit.states, fit.micro_batch);
    if (!(fabs(fit.time.tok_s - rate) <= 1e-6 * rate))
        fail_msg("%s on %d x %d: says %g, the timeline %g", text, nodes, gpus, fit.time.tok_s,
                 rate);
    if (best > rate * (1 + 1e-6))
        fail_msg("%s on %d x %d of %g GiB: zero=%s,recompute=%s gives %g, there is %g", text, nodes,
                 gpus, memory, sft_zero_name(fit.zero), fit_recompute_name(fit.recompute), rate,
                 best);
    searched++;
    sharings[fit.zero]++;
}

/* Over shapes, lengths, layouts, memories and networks, not at the defaults alone. */
static void test_the_fastest_way_is_taken(void **state)
{
    (void)state;
    unit_takes_long();
    static const char *const models[] = {"tiny",      "llama-1b",  "llama-7b",
                                         "llama3-8b", "llama-70b", "gpt2-xl"};
    static const int lengths[] = {256, 512, 1024, 4096, 32768},
                     layouts[][2] = {{1, 1}, {1, 8}, {2, 1}, {2, 8}, {8, 8}, {64, 8}};
    static const double memories[] = {40, 80, 135}, networks[] = {10, 92, 400};
    uint64_t turn = 12345; /* a tenth of all, the same each time */
    for (size_t m = 0; m < 6; m++)
        for (size_t l = 0; l < 5; l++)
            for (size_t y = 0; y < 6; y++)
                for (size_t g = 0; g < 3; g++)
                    for (size_t n = 0; n < 3; n++) {
                        char text[128];
                        turn = turn * 6364136223846793005u + 1442695040888963407u;
                        if ((turn >> 33) % 6 != 0 || (m == 5 && lengths[l] > 1024))
                            continue;
                        snprintf(text, sizeof text, "%s,seq=%d,micro_batch=%d,nic_gbs=%g",
                                 models[m], lengths[l], (turn >> 40) % 2 == 0 ? 1 : 4, networks[n]);
                        check_way(text, layouts[y][0], layouts[y][1], memories[g]);
                    }
    assert_true(searched > 100);
    for (int zero = 0; zero < SFT_ZERO_COUNT; zero++) /* each is the fastest somewhere */
        if (sharings[zero] == 0)
            fail_msg("zero=%s is nowhere the fastest", sft_zero_name((enum sft_zero)zero));
}

/* The sizes that divide a rank's sequences, each said, with the states that it then has and every
 * way to share and compute again: what is chosen is as fast as the best that fits, to a fiftieth.
 */
static void check_size(const char *text, int nodes, int gpus, double memory)
{
    struct scene s;
    struct fit fit, said;
    scene_make(&s, text, nodes, gpus, memory);
    assert_true(s.plan.chooses);
    if (fit_make(&fit, &s.question, NULL) < 0)
        return;
    int share = s.plan.accumulation;
    assert_int_equal(fit.micro_batch * fit.accumulation, share);
    double rate = rate_of(&s, &fit), best = 0;
    for (int micro = 1; micro <= share; micro++) {
        if (share % micro != 0)
            continue;
        struct scene other = s;
        sft_plan_micro_batch(&other.plan, micro);
        other.question.plan = &other.plan;
        other.question.request = &other.request;
        if (fit_make(&said, &other.question, NULL) == 0)
            best = fmax(best, best_said(&s, said.states, micro));
    }
    if (best > 1.02 * rate)
        fail_msg("%s on %d x %d: micro_batch=%d gives %g, the best %g", text, nodes, gpus,
                 fit.micro_batch, rate, best);
    searched++;
}

/* All presets on 1 to 64 nodes, 512 to 32768 tokens a sequence, with 4 or 12 sequences a rank: a
 * third of them, all (a minute) with SFT_WHOLE=1. */
static void test_the_fastest_micro_batch_is_taken(void **state)
{
    (void)state;
    unit_takes_long();
    int turn = 0, part = getenv("SFT_WHOLE") != NULL ? 1 : 3;
    searched = 0;
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++)
        for (int seq = 512; seq <= 32768; seq *= 2)
            for (int nodes = 1; nodes <= 64; nodes *= 2) {
                char text[128];
                int share = turn % 5 == 0 ? 12 : 4;
                if ((sft_preset_positions(p) > 0 && seq > sft_preset_positions(p)) ||
                    turn++ % part != 0)
                    continue;
                snprintf(text, sizeof text, "%s,seq=%d,global_batch=%d", p->name, seq,
                         share * nodes * 8);
                check_size(text, nodes, 8, 134.8);
            }
    check_size("llama-7b", 1, 1, 134.8);
    check_size("llama-1b,seq=512,global_batch=3840", 2, 8, 134.8);
    assert_true(searched > 300 / part);
}

/* 7B on one H200 with all defaults: 4 sequences at once need bf16 states, which take 16 bytes less
 * of a parameter in and out than fp32 ones do with 1 or 2; on 8 GPUs nothing is given up. */
static void test_defaults_by_hand(void **state)
{
    (void)state;
    struct scene s;
    struct fit fit;
    scene_make(&s, "llama-7b", 1, 1, 134.8);
    assert_int_equal(fit_make(&fit, &s.question, NULL), 0);
    assert_int_equal(fit.micro_batch, 4);
    assert_int_equal(fit.states, SFT_STATES_BF16);
    assert_int_equal(fit.recompute, SFT_RECOMPUTE_NONE);
    scene_make(&s, "llama-7b", 1, 8, 134.8);
    assert_int_equal(fit_make(&fit, &s.question, NULL), 0);
    assert_int_equal(fit.micro_batch, 4);
    assert_int_equal(fit.states, SFT_STATES_FP32);
    /* rows beyond which a product is no faster, and gradients are moved seldom: of equals the
     * smaller
     */
    scene_make(&s, "llama-1b,seq=4096,global_batch=64", 1, 1, 134.8);
    assert_int_equal(fit_make(&fit, &s.question, NULL), 0);
    assert_int_equal(fit.micro_batch, 8);
}

static void test_three_percent_stay_free(void **state)
{
    (void)state;
    assert_true(fabs(fit_room(139 * gib) / gib - 134.83) < 0.001);
}

/* What was said is not among what was chosen. */
static void test_what_was_chosen(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"llama-7b", "micro_batch,states,recompute,zero"},
        {"llama-7b,micro_batch=auto,zero=auto", "micro_batch,states,recompute,zero"},
        {"llama-7b,micro_batch=2,states=bf16", "recompute,zero"},
        {"llama-7b,micro_batch=2,states=bf16,recompute=norms,zero=3", ""},
    };
    char text[FIT_CHOSEN];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene s;
        scene_make(&s, cases[i][0], 1, 8, 134.8);
        assert_string_equal(fit_chosen(&s.request, &s.plan, text), cases[i][1]);
        scene_make(&s, cases[i][0], 1, 1, 134.8); /* one rank has nobody to share with */
        assert_null(strstr(fit_chosen(&s.request, &s.plan, text), "zero"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fastest_way_is_taken),
        cmocka_unit_test(test_the_fastest_micro_batch_is_taken),
        cmocka_unit_test(test_defaults_by_hand),
        cmocka_unit_test(test_three_percent_stay_free),
        cmocka_unit_test(test_what_was_chosen),
    };
    return cmocka_run_group_tests_name("fit_choose", tests, NULL, NULL);
}
