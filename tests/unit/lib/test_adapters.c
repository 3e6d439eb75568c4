/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters as words and as parameters: targets, counts as PEFT's, names, FLOPs, what is refused. */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/params.h"
#include "lib/plan.h"
#include "lib/predict.h"

static struct sft_preset adapted(const char *model, const char *targets, int rank)
{
    struct sft_preset shape = *sft_preset_find(model);
    struct sft_error err = {""};
    shape.adapters = (struct sft_adapters){.rank = rank, .alpha = 32};
    if (sft_adapters_read(&shape, targets, &shape.adapters.targets, &err) < 0)
        fail_msg("%s", err.text);
    return shape;
}

/* print_trainable_parameters() of PEFT for these. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *model, *targets;
        int rank;
        uint64_t trained;
    } cases[] = {
        {"llama-7b", "all", 16, 39976960},  {"llama-7b", "qv", 8, 4194304},
        {"llama-13b", "all", 16, 62586880}, {"llama-70b", "all", 16, 207093760},
        {"llama3-8b", "all", 16, 41943040}, {"gpt2", "c_attn", 8, 294912},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_preset shape = adapted(cases[i].model, cases[i].targets, cases[i].rank);
        uint64_t base = sft_params_count(sft_preset_find(cases[i].model));
        assert_int_equal(sft_params_trained(&shape), cases[i].trained);
        assert_int_equal(sft_params_adapters(&shape), cases[i].trained);
        assert_int_equal(sft_params_count(&shape), base + cases[i].trained);
        uint64_t units = 0;
        for (int unit = 0; unit < sft_params_units(&shape); unit++)
            units += sft_params_unit(&shape, unit) + sft_params_unit_frozen(&shape, unit);
        assert_int_equal(units, base + cases[i].trained);
    }
}

static void test_flops(void **state)
{
    (void)state;
    struct sft_preset shape = adapted("llama-7b", "all", 16);
    const struct sft_preset *full = sft_preset_find("llama-7b");
    double frozen = (double)sft_params_multiplied(full);
    double attention = sft_params_flops(full, 0, 4096.0 * 4096);
    double want = (4 * frozen + 6 * 39976960.0) * 4096 + attention;
    assert_true(fabs(sft_params_flops(&shape, 4096, 4096.0 * 4096) / want - 1) < 1e-12);
    double ahead = 2 * (frozen + 39976960.0) * 4096 + attention / 3;
    assert_true(fabs(sft_params_flops_forward(&shape, 4096, 4096.0 * 4096) / ahead - 1) < 1e-12);
    assert_true(fabs(sft_params_flops_forward(full, 4096, 4096.0 * 4096) * 3 /
                         sft_params_flops(full, 4096, 4096.0 * 4096) -
                     1) < 1e-12);
}

static void test_names(void **state)
{
    (void)state;
    struct sft_preset shape = adapted("llama-7b", "v_proj+k_proj+down_proj", 4);
    struct sft_param params[SFT_UNIT_PARAMS];
    char text[SFT_PARAM_NAME];
    int count = sft_params_list(&shape, 2, params), found = 0;
    for (int i = 0; i < count; i++) {
        const struct sft_param *p = &params[i];
        assert_int_equal(p->trains, p->adapter != SFT_ADAPTER_NONE);
        if (p->adapter != SFT_ADAPTER_B || p->role != SFT_ROLE_QKV)
            continue;
        found++;
        assert_string_equal(sft_param_name(p, p->name, text), "layers.1.qkv.lora_B");
        assert_string_equal(sft_param_name(p, p->source[0].name, text),
                            "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight");
        assert_string_equal(sft_param_name(p, p->source[1].name, text),
                            "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight");
        assert_int_equal(p->rows, 2 * 4096);
        assert_int_equal(p->columns, 4);
        assert_int_equal(p->source[1].row, 4096);
    }
    assert_int_equal(found, 1);
    assert_int_equal(count, 6 + 4);
}

static void test_words(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"llama-7b", "all", "all"},
        {"llama-7b", "q_proj+v_proj", "qv"},
        {"llama-7b", "self_attn.v_proj+q_proj", "qv"},
        {"llama-7b", "o_proj+q_proj+k_proj+v_proj", "attention"},
        {"llama-7b", "up_proj+k_proj", "k_proj+up_proj"},
        {"gpt2", "c_proj", "attn.c_proj+mlp.c_proj"},
        {"gpt2", "c_attn+attn.c_proj", "attention"},
    };
    char text[SFT_ADAPTERS_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_preset shape = adapted(cases[i][0], cases[i][1], 1);
        assert_string_equal(sft_adapters_write(&shape, shape.adapters.targets, text), cases[i][2]);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"llama-7b,lora_rank=8", "lora_rank=8: method=full has no adapters"},
        {"llama-7b,lora_alpha=8", "lora_alpha=8: method=full"},
        {"llama-7b,method=full,rslora=no", "rslora=no: method=full"},
        {"llama-7b,lora_dropout=0", "lora_dropout=0: method=full"},
        {"llama-7b,lora_targets=qv", "lora_targets=qv: method=full"},
        {"llama-7b,method=lora,lora_targets=w_proj", "no such projection"},
        {"llama-7b,method=lora,lora_targets=proj", "no such projection"},
        {"llama-7b,method=lora,lora_targets=q_proj+", "no such projection"},
        {"llama-7b,method=lora,lora_targets=q_proj+q_proj", "q_proj stands twice"},
        {"gpt2,method=lora,lora_targets=qv", "c_attn, attn.c_proj, c_fc, mlp.c_proj"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sft_request request;
        struct sft_plan plan;
        struct sft_error err = {""};
        assert_int_equal(sft_request_parse(&request, cases[i][0], &err), 0);
        assert_int_equal(sft_plan_make_running(&plan, &request, 1, 1, &err), -1);
        assert_contains(err.text, cases[i][1]);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct sft_request request;
    struct sft_plan plan;
    assert_int_equal(sft_request_parse(&request, "llama-7b,method=lora", NULL), 0);
    assert_int_equal(sft_plan_make_running(&plan, &request, 1, 1, NULL), 0);
    assert_int_equal(plan.adapters.rank, 16);
    assert_true(plan.adapters.alpha == 32 && plan.adapters.dropout == 0);
    assert_true(sft_adapters_scale(&plan.adapters) == 2 && plan.lr == 2e-4);
    assert_int_equal(
        sft_request_parse(&request, "llama-7b,method=lora,lora_rank=64,rslora=yes,lr=1e-3", NULL),
        0);
    assert_int_equal(sft_plan_make_running(&plan, &request, 1, 1, NULL), 0);
    assert_true(sft_adapters_scale(&plan.adapters) == 16 && plan.lr == 1e-3); /* 128 / sqrt(64) */
}

/* The budget of doc/lora.md, by the ceilings of an H200: 4 x 4096, one rank. */
static void test_prediction(void **state)
{
    (void)state;
    struct sft_preset shape = adapted("llama-7b", "all", 16);
    const struct sft_ceiling *h200 = sft_ceiling_find("NVIDIA H200");
    struct sft_work work = {.tokens = 16384,
                            .squared_lengths = 4 * 4096.0 * 4096,
                            .documents = 4,
                            .accumulation = 1,
                            .states = SFT_STATES_FP32,
                            .recompute = SFT_RECOMPUTE_NONE,
                            .copies = 2};
    struct sft_prediction bf16 = sft_predict(&shape, &work, h200);
    /* 4 elements of input and of output of each projection, 2 bytes, 32 layers */
    double bytes = 16384 * 32 * 8.0 * (16384 + 8192 + 26112 + 15104);
    assert_true(fabs(bf16.adapters * h200->memory_gbs * 1e9 / bytes - 1) < 1e-9);
    work.precision = SFT_PRECISION_FP8;
    struct sft_prediction fp8 = sft_predict(&shape, &work, h200);
    assert_true(fp8.step < bf16.step && fp8.quantize > 0);
    struct sft_prediction full = sft_predict(sft_preset_find("llama-7b"), &work, h200);
    assert_true(full.step > fp8.step && full.optimizer > 100 * fp8.optimizer);
    assert_true(full.quantize > fp8.quantize);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_flops),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),   cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_prediction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
