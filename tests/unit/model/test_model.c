/* SPDX-License-Identifier: Apache-2.0 */
/* The model against itself: packing, independence of documents, first weights. */
#include "tests/unit/unit.h"

#include <math.h>
#include <time.h>

#include "job/data/data.h"
#include "job/model/model.h"
#include "job/tensor/random.h"

static struct random chance;

static const struct sft_preset small = {.name = "small",
                                        .vocab = 37,
                                        .hidden = 24,
                                        .layers = 2,
                                        .heads = 4,
                                        .kv_heads = 2,
                                        .head_dim = 6,
                                        .ffn = 20,
                                        .rope_theta = 10000,
                                        .norm_eps = 1e-5};

static int group_setup(void **state)
{
    (void)state;
    const char *said = getenv("SFT_TEST_SEED");
    chance.state = said != NULL ? strtoull(said, NULL, 10) : (uint64_t)time(NULL);
    print_message("SFT_TEST_SEED=%llu\n", (unsigned long long)chance.state);
    return 0;
}

/* Documents of those lengths one behind the other, random tokens, a third not trained. */
static struct batch batch_make(int rows, const int *lengths, int documents)
{
    struct batch batch;
    assert_int_equal(batch_create(&batch, rows, NULL), 0);
    for (int row = 0; row < rows; row++)
        batch.targets[row] = -1;
    for (int d = 0, row = 0; d < documents; d++) {
        batch.start[d] = row;
        batch.length[d] = lengths[d];
        for (int i = 0; i < lengths[d]; i++, row++) {
            batch.tokens[row] = (int32_t)random_below(&chance, (uint32_t)small.vocab);
            batch.positions[row] = i;
            if (i + 1 < lengths[d] && i >= lengths[d] / 3)
                batch.targets[row] = (int32_t)random_below(&chance, (uint32_t)small.vocab);
            batch.trained += batch.targets[row] >= 0;
        }
    }
    batch.documents = documents;
    return batch;
}

static struct model *model_make(struct device *device, const struct sft_preset *shape, int rows)
{
    struct sft_error err = {""};
    struct model *model = model_create(device, shape, rows, RECOMPUTE_NONE, &err);
    if (model == NULL)
        fail_msg("%s", err.text);
    float *weights = model_weights(model).data;
    model_initialize(model, random_next(&chance));
    for (size_t i = 0; i < model_parameters(model); i++)
        weights[i] = weights[i] * 12 + 0.05F * (float)random_normal(&chance);
    for (size_t t = 0, n = 0; t < (model_tensors(model, &n), n); t++)
        if (model_tensors(model, &n)[t].param.init == SFT_INIT_ONES)
            for (int i = 0; i < shape->hidden; i++)
                weights[model_tensors(model, &n)[t].offset + (size_t)i] /= 12;
    return model;
}

static double loss_of(struct model *model, const struct batch *batch)
{
    double loss;
    assert_int_equal(model_loss(model, batch, &loss, NULL), 0);
    return loss;
}

/* Losses and gradients of the pack are the sums of those of its documents run alone. */
static void test_a_pack_equals_its_documents(void **state)
{
    (void)state;
    const int lengths[] = {9, 2, 70, 13};
    struct device *device = device_create_cpu(NULL);
    struct batch pack = batch_make(100, lengths, 4);
    struct model *model = model_make(device, &small, pack.rows);
    size_t count = model_parameters(model);
    double together, apart = 0;
    model_zero_gradients(model);
    assert_int_equal(model_step(model, &pack, 0.5F, &together, NULL), 0);
    float *sum = calloc(count, sizeof *sum), *weights = model_weights(model).data;
    for (int d = 0; d < 4; d++) {
        struct batch alone = batch_make(lengths[d], &lengths[d], 1);
        size_t bytes = (size_t)lengths[d] * sizeof(int32_t);
        memcpy(alone.tokens, pack.tokens + pack.start[d], bytes);
        memcpy(alone.targets, pack.targets + pack.start[d], bytes);
        struct model *one = model_create(device, &small, lengths[d], RECOMPUTE_NONE, NULL);
        memcpy(model_weights(one).data, weights, count * sizeof(float));
        model_zero_gradients(one);
        double loss;
        assert_int_equal(model_step(one, &alone, 0.5F, &loss, NULL), 0);
        apart += loss;
        for (size_t i = 0; i < count; i++)
            sum[i] += ((float *)model_gradients(one).data)[i];
        model_destroy(one);
        batch_destroy(&alone);
    }
    double difference = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        double d = ((float *)model_gradients(model).data)[i] - sum[i];
        difference += d * d;
        all += (double)sum[i] * sum[i];
    }
    assert_true(all > 0 && sqrt(difference / all) < 1e-5);
    assert_true(fabs(together - apart) < 1e-5 * apart);
    free(sum);
    model_destroy(model);
    batch_destroy(&pack);
    device->destroy(device);
}

/* A changed token moves its own document's loss and leaves the others' as they were, to the bit. */
static void test_documents_do_not_see_each_other(void **state)
{
    (void)state;
    const int lengths[] = {8, 11, 9};
    struct device *device = device_create_cpu(NULL);
    struct batch all = batch_make(32, lengths, 3);
    struct model *model = model_make(device, &small, all.rows);
    int32_t kept[32];
    double before[3], after[3];
    memcpy(kept, all.targets, sizeof kept);
    for (int round = 0; round < 2; round++) {
        for (int d = 0; d < 3; d++) {
            for (int row = 0; row < 32; row++)
                all.targets[row] =
                    row >= all.start[d] && row < all.start[d] + lengths[d] ? kept[row] : -1;
            (round == 0 ? before : after)[d] = loss_of(model, &all);
        }
        all.tokens[9] = (all.tokens[9] + 1) % small.vocab;   /* in the second document */
        all.tokens[30] = (all.tokens[30] + 1) % small.vocab; /* padding */
    }
    assert_true(before[0] > 0 && before[0] == after[0]);
    assert_true(before[1] != after[1]);
    assert_true(before[2] > 0 && before[2] == after[2]);
    model_destroy(model);
    batch_destroy(&all);
    device->destroy(device);
}

static void test_first_weights_depend_on_the_seed_alone(void **state)
{
    (void)state;
    struct device *device = device_create_cpu(NULL);
    struct model *a = model_create(device, &small, 8, RECOMPUTE_NONE, NULL),
                 *b = model_create(device, &small, 64, RECOMPUTE_NONE, NULL);
    size_t bytes = model_parameters(a) * sizeof(float), tensors;
    model_initialize(a, 42);
    model_initialize(b, 42);
    assert_memory_equal(model_weights(a).data, model_weights(b).data, bytes);
    model_initialize(b, 43);
    assert_memory_not_equal(model_weights(a).data, model_weights(b).data, bytes);
    const struct model_tensor *t = model_tensors(a, &tensors);
    assert_int_equal(model_parameters(a), sft_params_count(&small));
    double sum = 0, squares = 0;
    size_t count = sft_param_elements(&t[0].param);
    const float *w = model_weights(a).data;
    for (size_t i = 0; i < count; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
    }
    assert_true(fabs(sum / (double)count) < 0.003);
    assert_true(fabs(sqrt(squares / (double)count) - 0.02) < 0.002);
    model_destroy(a);
    model_destroy(b);
    device->destroy(device);
}

static void test_bad_shapes_are_refused(void **state)
{
    (void)state;
    struct device *device = device_create_cpu(NULL);
    struct sft_error err = {""};
    struct sft_preset shape = small;
    shape.kv_heads = 3;
    assert_null(model_create(device, &shape, 8, RECOMPUTE_NONE, &err));
    assert_contains(err.text, "not consistent");
    shape = *sft_preset_find("llama3-70b");
    assert_null(model_create(device, &shape, 1 << 20, RECOMPUTE_NONE, &err));
    assert_contains(err.text, "no memory for");
    device->destroy(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pack_equals_its_documents),
        cmocka_unit_test(test_documents_do_not_see_each_other),
        cmocka_unit_test(test_first_weights_depend_on_the_seed_alone),
        cmocka_unit_test(test_bad_shapes_are_refused),
    };
    return cmocka_run_group_tests_name("model", tests, group_setup, NULL);
}
