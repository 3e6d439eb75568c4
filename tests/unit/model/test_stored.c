/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen weights in FP8 and NF4: what stands there, what passes make of it, that it stays, and that
 * adapters beside it learn as beside exact ones. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/model/shard.h"
#include "job/train/optim.h"
#include "lib/request.h"
#include "tests/golden/training.h"

static const int lengths[] = {1, 13, 40, 2, 32};
enum { DOCUMENTS = sizeof lengths / sizeof lengths[0], ROWS = 96 };

static const enum sft_base bases[] = {SFT_BASE_FP8, SFT_BASE_NF4};
static const enum tensor_scaling scalings[] = {SCALING_NONE, SCALING_TENSOR, SCALING_ROW};

/* Widths are multiples of 16, and matrices of several pieces. */
static struct sft_preset shape_with(enum sft_base base)
{
    struct sft_error err = {""};
    struct sft_preset shape = *sft_preset_find("tiny");
    shape.layers = 2;
    shape.adapters = (struct sft_adapters){.rank = 8, .alpha = 16, .base = base};
    if (sft_adapters_read(&shape, "all", &shape.adapters.targets, &err) < 0)
        fail_msg("%s", err.text);
    return shape;
}

static struct model *model_made(const struct sft_preset *shape, int rows,
                                enum tensor_scaling scaling, enum model_copies copies)
{
    struct sft_error err = {""};
    const struct model_recipe recipe = {.scaling = scaling, .copies = copies, .seed = 5};
    const struct model_storage all = {.weights = true, .gradients = true};
    struct model *m = model_create_stored(support_device(), shape, rows, &recipe, all, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    model_initialize(m, 7);
    return m;
}

/* B begins with zeros, so A would have no gradient. */
static void adapters_fill(struct model *m)
{
    float *w = model_weights(m).data;
    for (size_t i = 0; i < model_parameters(m); i++)
        w[i] = 0.05f * sinf((float)i);
}

struct given {
    const float *values;
};

static void given_take(void *user, struct array to, size_t first)
{
    const struct given *given = user;
    memcpy(to.data, given->values + first, to.count * sizeof(float));
}

/* What frozen weights of one model mean, into another that has them in fp32. */
static void meaning_copy(struct model *exact, struct model *m)
{
    size_t count, exact_count;
    const struct model_tensor *from = model_tensors(m, &count),
                              *to = model_tensors(exact, &exact_count);
    assert_int_equal(count, exact_count);
    for (size_t i = 0; i < count; i++) {
        size_t size = sft_param_elements(&from[i].param);
        float *values = support_poison(size);
        struct given given = {values};
        const struct model_source source = {&given, given_take};
        if (from[i].param.trains) {
            memcpy(support_values(exact, &to[i]), support_values(m, &from[i]), size * 4);
        } else {
            model_thaw(m, &from[i], (struct array){FORMAT_FP32, values, size});
            model_freeze(exact, &to[i], &source);
        }
        free(values);
    }
}

/* Passes over what is stored are those over what it means: the very same numbers where that is
 * what products read, else but for a rounding of the scale. */
static void check_passes(enum sft_base base, enum tensor_scaling scaling, enum model_copies copies)
{
    struct batch batch;
    struct sft_preset shape = shape_with(base), wide = shape_with(SFT_BASE_DEVICE);
    bool same = scaling == SCALING_NONE || (scaling == SCALING_TENSOR && base == SFT_BASE_NF4);
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    assert_int_equal(batch.rows % 16, 0);
    struct model *m = model_made(&shape, batch.rows, scaling, copies);
    struct model *exact = model_made(&wide, batch.rows, scaling, MODEL_COPIES_NONE);
    adapters_fill(m);
    meaning_copy(exact, m);
    double loss = support_step(m, &batch, 1), want = support_step(exact, &batch, 1);
    size_t count = model_parameters(m);
    double apart = support_distance(model_gradients(m).data, model_gradients(exact).data, count);
    if (same ? loss != want || apart != 0 : fabs(loss / want - 1) > 2e-3 || apart > 0.12)
        fail_msg("base %d, scaling %d: loss %.9g, not %.9g, gradients %g apart", (int)base,
                 (int)scaling, loss, want, apart);
    assert_true(support_distance(model_gradients(m).data, model_weights(m).data, count) > 0.1);
    model_destroy(exact);
    model_destroy(m);
    batch_destroy(&batch);
}

static void test_passes(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < 3; s++)
            for (int copies = MODEL_COPIES_NONE; copies <= MODEL_COPIES_BOTH; copies++)
                check_passes(bases[b], scalings[s], (enum model_copies)copies);
}

/* First values are those of the exact model, as near as the format has them. */
static void test_first_values(void **state)
{
    static const double apart[] = {0.03, 0.12}; /* of E4M3 and NF4 with normal numbers */
    (void)state;
    for (int b = 0; b < 2; b++) {
        struct sft_preset shape = shape_with(bases[b]), wide = shape_with(SFT_BASE_DEVICE);
        struct model *m = model_made(&shape, ROWS, SCALING_NONE, MODEL_COPIES_NONE);
        struct model *exact = model_made(&wide, ROWS, SCALING_NONE, MODEL_COPIES_NONE);
        size_t count;
        const struct model_tensor *t = model_tensors(m, &count);
        const struct model_tensor *other = model_tensors(exact, &count);
        for (size_t i = 0; i < count; i++) {
            size_t size = sft_param_elements(&t[i].param);
            float *values = support_poison(size);
            if (!t[i].param.trains) {
                model_thaw(m, &t[i], (struct array){FORMAT_FP32, values, size});
                double is = support_distance(values, support_values(exact, &other[i]), size);
                bool linear = sft_param_is_linear(&t[i].param);
                if (linear ? !(is < apart[b] && is > apart[b] / 3) : is != 0)
                    fail_msg("%s is %g apart", t[i].name, is);
            }
            free(values);
        }
        model_destroy(exact);
        model_destroy(m);
    }
}

/* Bytes a weight of linear layers: 1, and 4.127 bits. */
static void test_memory(void **state)
{
    (void)state;
    static const double want[] = {1, 4.127 / 8};
    struct sft_preset shape = *sft_preset_find("llama-70b");
    shape.adapters = shape_with(SFT_BASE_DEVICE).adapters;
    for (int b = 0; b < 2; b++) {
        shape.adapters.base = bases[b];
        double linear = 0, bytes = (double)model_unit_base(&shape, 1, FORMAT_BF16, 1);
        struct sft_param params[SFT_UNIT_PARAMS];
        int count = sft_params_list(&shape, 1, params);
        for (int i = 0; i < count; i++)
            if (sft_param_is_linear(&params[i]))
                linear += (double)sft_param_elements(&params[i]);
        if (fabs(bytes / linear / want[b] - 1) > 1e-3)
            fail_msg("%g bytes a weight, not %g", bytes / linear, want[b]);
    }
}

/* A model of its own on `from`'s weights: adapters in the shape's base and products in `scaling`.
 */
static struct model *adapted(const struct model *from, struct sft_preset shape, int rows,
                             enum tensor_scaling scaling)
{
    size_t count, all;
    struct model *m = model_made(&shape, rows, scaling, MODEL_COPIES_NONE);
    const struct model_tensor *t = model_tensors(m, &count), *old = model_tensors(from, &all);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all; j++)
            if (strcmp(t[i].name, old[j].name) == 0) {
                struct given given = {support_values(from, &old[j])};
                const struct model_source source = {&given, given_take};
                model_freeze(m, &t[i], &source);
            }
    return m;
}

enum { SEQ = 256, SEQUENCES = 1, BEFORE = 200, STEPS = 300, HELD_OUT = 12 };

/* Mean loss of the packs that no step sees. */
static double held_out(struct training *t, struct model *m)
{
    struct sft_error err = {""};
    double sum = 0, trained = 0;
    for (int i = 0; i < HELD_OUT; i++) {
        double loss;
        data_fill(t->data, (uint64_t)(i * SEQUENCES), SEQUENCES, &t->batch);
        if (model_loss(m, &t->batch, &loss, &err) < 0)
            fail_msg("%s", err.text);
        sum += loss;
        trained += (double)t->batch.trained;
    }
    return sum / trained;
}

/* Steps over all other packs; mean loss of the last tenth. */
static double train(struct training *t, struct model *m, double lr, int steps)
{
    struct sft_error err = {""};
    struct optim_options options = t->options;
    options.lr = lr;
    options.total_steps = steps;
    struct optim *optim = optim_create(m, t->device, &options, &err);
    double last = 0;
    long packs = (long)data_facts(t->data).packs;
    assert_non_null(optim);
    assert_true(packs > 4 * HELD_OUT * SEQUENCES);
    for (int step = 0; step < steps; step++) {
        long usable = packs - HELD_OUT * SEQUENCES - SEQUENCES;
        long first = HELD_OUT * SEQUENCES + (long)step * SEQUENCES % usable;
        data_fill(t->data, (uint64_t)first, SEQUENCES, &t->batch);
        model_zero_gradients(m);
        double loss = support_step(m, &t->batch, 1.0f / (float)t->batch.trained);
        last += step < steps - steps / 10 ? 0 : loss / (double)t->batch.trained;
        assert_int_equal(optim_step(optim, step, NULL, &err), 0);
    }
    optim_destroy(optim);
    return last / (steps / 10);
}

/* Held out; and of the last steps of training, what says that anything was learned. */
struct losses {
    double held_out, trained;
};

static struct losses learned(struct training *t, enum sft_base base, enum tensor_scaling scaling)
{
    struct losses losses;
    struct sft_preset shape = *model_shape(t->model);
    shape.adapters = shape_with(base).adapters;
    struct model *m = adapted(t->model, shape, t->batch.rows, scaling);
    size_t bytes;
    void *frozen = model_base(m, &bytes), *before = malloc(bytes);
    assert_non_null(before);
    memcpy(before, frozen, bytes);
    losses.trained = train(t, m, 3e-3, STEPS);
    assert_memory_equal(frozen, before, bytes);
    losses.held_out = held_out(t, m);
    model_destroy(m);
    free(before);
    return losses;
}

/* The model is trained on records first: weights that were never trained tell nothing. */
static void test_adapters_learn_alike(void **state)
{
    unit_takes_long();
    struct sft_error err = {""};
    struct training t = {0};
    char path[512];
    const char *top = getenv("SFT_SRCDIR");
    (void)state;
    snprintf(path, sizeof path, "%s/examples/instructions.json", top != NULL ? top : ".");
    if (training_open(&t, path, SEQ, SEQUENCES, &err) < 0)
        fail_msg("%s", err.text);
    double first = held_out(&t, t.model);
    double trained = train(&t, t.model, 1e-3, BEFORE), before = held_out(&t, t.model);
    struct losses exact = learned(&t, SFT_BASE_DEVICE, SCALING_NONE);
    print_message("held out: %.4f at first, %.4f trained, %.4f adapted; of steps %.4f, %.4f\n",
                  first, before, exact.held_out, trained, exact.trained);
    assert_true(before < 0.8 * first);
    assert_true(exact.held_out < 0.99 * before);
    assert_true(exact.trained < 0.95 * trained);
    for (int b = 0; b < 2; b++)
        for (int s = 0; s < 2; s++) {
            struct losses losses = learned(&t, bases[b], scalings[s]);
            double loss = losses.held_out / exact.held_out - 1;
            print_message("%s%s: %.4f, %+.2f%%; of steps %.4f\n", sft_base_words[bases[b]],
                          s == 0 ? "" : " with products in FP8", losses.held_out, 100 * loss,
                          losses.trained);
            assert_true(fabs(loss) < 0.01);
            assert_true(fabs(losses.trained / exact.trained - 1) < 0.02);
        }
    training_close(&t);
}

static int begin(void **state)
{
    (void)state;
    support_seed();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_first_values),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_adapters_learn_alike),
    };
    return cmocka_run_group_tests_name("stored", tests, begin, NULL);
}
