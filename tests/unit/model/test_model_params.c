/* SPDX-License-Identifier: Apache-2.0 */
/* What a model and its optimizer do with a parameter, by its description: one norm of a Llama is
 * described as something else, and must be treated so. */
#include "tests/unit/model/model_support.h"

#include "job/model/model_internal.h"
#include "job/train/optim.h"
#include "lib/params_list.h"

enum { ROWS = 8 };

/* The second layer's first norm, as a bias of that width. */
static struct model_tensor *make_bias(struct model *m)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    struct params_list list = {.unit = 2, .params = params};
    params_bias(&list, SFT_ROLE_QKV, "layers.%d.qkv_bias", m->shape.hidden);
    params_rows(&list, "h.%d.attn.c_attn.bias", 1);
    struct model_tensor *tensor = NULL;
    for (size_t i = 0; i < m->tensor_count; i++)
        if (m->tensors[i].param.unit == 2 && m->tensors[i].param.role == SFT_ROLE_ATTENTION_NORM)
            tensor = &m->tensors[i];
    assert_non_null(tensor);
    tensor->param = params[0];
    return tensor;
}

static void assert_all(const float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == value);
}

static void fill(float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

static void test_a_bias_begins_at_zero(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *m = support_model(&shape, ROWS);
    const struct model_tensor *bias = make_bias(m), *norm = &m->tensors[1];
    float *w = model_weights(m).data;
    fill(w, model_parameters(m), 7);
    model_initialize(m, 1);
    assert_all(w + bias->offset, (size_t)shape.hidden, 0);
    assert_all(w + norm->offset, (size_t)shape.hidden, 1);
    assert_true(w[0] != 0 && w[0] != 7); /* the table is drawn */
    model_destroy(m);
}

static void test_a_bias_is_cleared(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *m = support_model(&shape, ROWS);
    const struct model_tensor *bias = make_bias(m);
    const struct model_tensor *qkv = model_find(m, 2, SFT_ROLE_QKV, false);
    float *g = model_gradients(m).data;
    fill(g, model_parameters(m), 7);
    model_zero_gradients(m);
    assert_all(g + bias->offset, (size_t)shape.hidden, 0);
    assert_all(g + qkv->offset, sft_param_elements(&qkv->param), 7); /* a product will write it */
    assert_all(g, sft_param_elements(&m->tensors[0].param), 0);      /* but not the table's */
    model_destroy(m);
}

/* Where gradients are zero, only decay moves weights; what does not train is not moved at all. */
static void test_what_the_optimizer_moves(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *m = support_model(&shape, ROWS);
    const struct model_tensor *bias = make_bias(m);
    struct model_tensor *frozen = &m->tensors[0];
    struct optim_options o = {.lr = 0.5, .total_steps = 10, .eps = 1e-8, .weight_decay = 0.5};
    struct optim *optim = optim_create(m, support_device(), &o, NULL);
    float *w = model_weights(m).data, *g = model_gradients(m).data;
    assert_non_null(optim);
    frozen->param.trains = false;
    fill(w, model_parameters(m), 1);
    fill(g, model_parameters(m), 0);
    fill(g, sft_param_elements(&frozen->param), 1);
    assert_int_equal(optim_step(optim, 0, NULL, NULL), 0);
    assert_all(w + bias->offset, (size_t)shape.hidden, 1);
    assert_true(w[model_find(m, 2, SFT_ROLE_QKV, false)->offset] < 0.9f);
    assert_all(w + frozen->offset, sft_param_elements(&frozen->param), 1);
    optim_destroy(optim);
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bias_begins_at_zero),
        cmocka_unit_test(test_a_bias_is_cleared),
        cmocka_unit_test(test_what_the_optimizer_moves),
    };
    support_seed();
    return cmocka_run_group_tests_name("model parameters", tests, NULL, NULL);
}
