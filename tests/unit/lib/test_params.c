/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/params_list.h"

/* A Llama whose heads together are narrower than its stream. */
static const struct sft_preset narrow = {.name = "narrow",
                                         .vocab = 37,
                                         .hidden = 128,
                                         .layers = 2,
                                         .heads = 2,
                                         .kv_heads = 1,
                                         .head_dim = 48,
                                         .ffn = 80};

/* The unit's weight of that role; false if it has none. */
static bool params_find(const struct sft_preset *shape, int unit, enum sft_role role,
                        struct sft_param *param)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(shape, unit, params);
    for (int i = 0; i < count; i++)
        if (params[i].role == role && !params[i].bias) {
            *param = params[i];
            return true;
        }
    return false;
}

static void assert_shape(const struct sft_preset *shape, int unit, enum sft_role role, int rows,
                         int columns)
{
    struct sft_param p;
    assert_true(params_find(shape, unit, role, &p));
    assert_int_equal(p.unit, unit);
    assert_int_equal(p.rows, rows);
    assert_int_equal(p.columns, columns);
}

static void test_heads_need_not_be_as_wide_as_the_stream(void **state)
{
    (void)state;
    assert_int_equal(sft_params_check(&narrow, NULL), 0);
    assert_shape(&narrow, 0, SFT_ROLE_EMBEDDING, 37, 128);
    assert_shape(&narrow, 2, SFT_ROLE_QKV, 4 * 48, 128);
    assert_shape(&narrow, 2, SFT_ROLE_ATTENTION_OUT, 128, 2 * 48);
    assert_shape(&narrow, 2, SFT_ROLE_FFN_IN, 2 * 80, 128);
    assert_shape(&narrow, 2, SFT_ROLE_FFN_OUT, 128, 80);
    assert_shape(&narrow, 3, SFT_ROLE_FINAL_NORM, 1, 128);
    uint64_t layer = 128 + 192 * 128 + 128 * 96 + 128 + 160 * 128 + 128 * 80;
    assert_int_equal(sft_params_unit(&narrow, 1), layer);
    assert_int_equal(sft_params_count(&narrow), 2 * layer + 128 + 2 * 37 * 128);
    assert_int_equal(sft_params_multiplied(&narrow), 2 * layer + 128 + 37 * 128);
    assert_int_equal(sft_params_head(&narrow), 37 * 128);
}

static void test_shapes_that_do_not_go_together(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct sft_preset shapes[] = {narrow, narrow, narrow, narrow, narrow, narrow, narrow};
    shapes[0].kv_heads = 3;
    shapes[1].head_dim = 47;
    shapes[2].heads = 0;
    shapes[3].hidden = 0;
    shapes[4].layers = 0;
    shapes[5].vocab = 0;
    shapes[6].ffn = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(sft_params_check(&shapes[i], &err), -1);
        assert_string_equal(err.text, "narrow: the shape is not consistent");
    }
}

/* Whatever the shape: a parameter's rows are Hugging Face's, each once and in order. */
static void check_sources(const struct sft_param *p)
{
    int row = 0, i = 0;
    for (; i < SFT_PARAM_SOURCES && p->source[i].name != NULL; i++) {
        assert_int_equal(p->source[i].row, row);
        assert_true(p->source[i].rows > 0);
        row += p->source[i].rows;
    }
    assert_true(i > 0);
    assert_int_equal(row, p->rows);
}

static void test_every_row_has_its_source(void **state)
{
    (void)state;
    for (const struct sft_preset *s = sft_preset_all(); s->name != NULL; s++)
        for (int unit = 0; unit < sft_params_units(s); unit++) {
            struct sft_param params[SFT_UNIT_PARAMS];
            int count = sft_params_list(s, unit, params);
            for (int i = 0; i < count; i++) {
                check_sources(&params[i]);
                assert_int_equal(params[i].unit, unit);
                assert_true(params[i].trains);
                assert_int_equal(params[i].sharding, SFT_SHARDING_CUT);
            }
        }
}

/* As the file model.safetensors.index.json of meta-llama/Llama-2-70b-hf has them. */
static void test_names_of_hugging_face(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("llama-70b");
    struct sft_param p;
    char text[SFT_PARAM_NAME];
    assert_true(params_find(s, 80, SFT_ROLE_QKV, &p));
    assert_string_equal(sft_param_name(&p, p.name, text), "layers.79.qkv");
    assert_string_equal(sft_param_name(&p, p.source[1].name, text),
                        "model.layers.79.self_attn.k_proj.weight");
    assert_int_equal(p.source[1].row, 8192);
    assert_int_equal(p.source[1].rows, 1024);
    assert_string_equal(sft_param_name(&p, p.source[2].name, text),
                        "model.layers.79.self_attn.v_proj.weight");
    assert_true(params_find(s, 1, SFT_ROLE_FFN_IN, &p));
    assert_string_equal(sft_param_name(&p, p.source[0].name, text),
                        "model.layers.0.mlp.gate_proj.weight");
    assert_int_equal(p.source[1].row, 28672);
    assert_null(p.source[2].name);
    assert_true(params_find(s, 81, SFT_ROLE_HEAD, &p));
    assert_string_equal(sft_param_name(&p, p.source[0].name, text), "lm_head.weight");
    assert_false(params_find(s, 81, SFT_ROLE_QKV, &p));
}

/* Four questions with four answers. */
static void assert_kind(const struct sft_param *p, enum sft_init init, bool decays,
                        bool overwritten)
{
    assert_int_equal(p->init, init);
    assert_int_equal(p->decays, decays);
    assert_int_equal(p->overwritten, overwritten);
    assert_true(p->trains);
}

static void test_what_decays_and_what_is_overwritten(void **state)
{
    (void)state;
    struct sft_preset tied = narrow;
    struct sft_param p;
    tied.tied_head = true;
    params_find(&narrow, 0, SFT_ROLE_EMBEDDING, &p);
    assert_kind(&p, SFT_INIT_NORMAL, true, false);
    assert_true(p.spread == 0.02f);
    params_find(&tied, 0, SFT_ROLE_EMBEDDING, &p);
    assert_kind(&p, SFT_INIT_NORMAL, true, true);
    params_find(&narrow, 1, SFT_ROLE_FFN_OUT, &p);
    assert_kind(&p, SFT_INIT_NORMAL, true, true);
    params_find(&narrow, 1, SFT_ROLE_FFN_NORM, &p);
    assert_kind(&p, SFT_INIT_ONES, false, false);
    assert_false(params_find(&tied, 3, SFT_ROLE_HEAD, &p));
    assert_int_equal(sft_params_head(&tied), 37 * 128);
}

static void test_a_bias(void **state)
{
    (void)state;
    struct sft_param params[SFT_UNIT_PARAMS];
    struct params_list list = {.unit = 1, .params = params};
    params_bias(&list, SFT_ROLE_QKV, "layers.%d.qkv_bias", 192);
    params_rows(&list, "h.%d.attn.c_attn.bias", 1);
    assert_int_equal(list.count, 1);
    assert_kind(&params[0], SFT_INIT_ZEROS, false, false);
    assert_true(params[0].bias);
    assert_int_equal(params[0].rows, 1);
    assert_int_equal(sft_param_elements(&params[0]), 192);
    check_sources(&params[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_need_not_be_as_wide_as_the_stream),
        cmocka_unit_test(test_shapes_that_do_not_go_together),
        cmocka_unit_test(test_every_row_has_its_source),
        cmocka_unit_test(test_names_of_hugging_face),
        cmocka_unit_test(test_what_decays_and_what_is_overwritten),
        cmocka_unit_test(test_a_bias),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
