/* SPDX-License-Identifier: Apache-2.0 */
/* Whole models on the CUDA device against the CPU, in fp32, tf32 and bf16: a Llama, a GPT-2 that
 * classifies, an LSTM; and what only they use: an LSTM's step, attention of fp32, SGD. Skipped
 * where there is no GPU. */
#include "tests/gpu/device_twin.h"

#include <math.h>

#include "job/data/data.h"
#include "job/model/model.h"

#define EACH_SIDE(side) for (enum side side = CPU; side < SIDES; side++)

/* Largest relative errors of the loss, and of the gradients by their norm. */
static const struct precision {
    const char *name;
    enum device_products products;
    double loss, gradient;
} precisions[] = {
    {"fp32", DEVICE_PRODUCTS_FP32, 1e-5, 1e-4},
    {"tf32", DEVICE_PRODUCTS_TF32, 2e-3, 1e-2},
    {"bf16", DEVICE_PRODUCTS_BF16, 1e-2, 6e-2},
};

static struct device *cpu, *gpu;

static int devices_start(const struct precision *precision)
{
    struct sft_error err = {""};
    cpu = device_of[CPU] = device_create_cpu(&err);
    gpu = device_of[GPU] = device_create_cuda_as(0, precision->products, &err);
    if (cpu == NULL || gpu == NULL)
        fail_msg("%s", err.text);
    twin_format = gpu->format;
    return 0;
}

static void devices_stop(void)
{
    EACH_SIDE(side) device_of[side]->destroy(device_of[side]);
}

/* A model with its first weights, made larger so that all of it matters, and its loss and gradients
 * of that batch. */
static struct model *model_run(enum side side, const struct sft_preset *shape,
                               const struct batch *batch, double *loss)
{
    struct sft_error err = {""};
    const struct model_recipe recipe = {.seed = 7};
    const struct model_storage all = {.weights = true, .gradients = true};
    struct device *d = device_of[side];
    struct model *m = model_create_stored(d, shape, batch->rows, &recipe, all, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    model_initialize(m, 7);
    model_zero_gradients(m);
    if (model_step(m, batch, 1.0f / (float)batch->trained, loss, &err) < 0 || d->sync(d, &err) < 0)
        fail_msg("%s", err.text);
    return m;
}

static double distance(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(difference / size);
}

static void model_is_the_cpus(const struct precision *p, const char *name, int sequences)
{
    struct sft_error err = {""};
    struct sft_preset shape = *sft_preset_find(name);
    struct batch batch;
    int seq = shape.standard.seq > 0 ? shape.standard.seq : 256;
    if (shape.architecture == SFT_GPT2)
        shape.layers = 2;
    struct data *data = shape.classes > 0 ? data_labelled(shape.vocab, shape.classes, seq, 3, &err)
                                          : data_synthetic(shape.vocab, seq, 0, 3, &err);
    assert_non_null(data);
    assert_int_equal(batch_create(&batch, sequences * seq, &err), 0);
    data_fill(data, 5, sequences, &batch);
    devices_start(p);
    struct model *m[SIDES];
    double loss[SIDES];
    EACH_SIDE(side) m[side] = model_run(side, &shape, &batch, &loss[side]);
    struct array all = model_gradients(m[GPU]);
    float *got = calloc(all.count, sizeof *got);
    device_read_floats(gpu, got, all);
    double error = distance(got, model_gradients(m[CPU]).data, all.count);
    print_message("%s in %s: loss %.2e, gradients %.2e apart\n", name, p->name,
                  fabs(loss[GPU] / loss[CPU] - 1), error);
    assert_true(fabs(loss[GPU] / loss[CPU] - 1) < p->loss);
    assert_true(error < p->gradient);
    free(got);
    EACH_SIDE(side) model_destroy(m[side]);
    devices_stop();
    batch_destroy(&batch);
    data_close(data);
}

static void test_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        model_is_the_cpus(&precisions[i], "tiny", 3);
        model_is_the_cpus(&precisions[i], "gpt2-smoke", 2);
        model_is_the_cpus(&precisions[i], "tiny-lstm", 24);
    }
}

/* Recomputed layers give the same gradients, bit by bit. */
static void test_an_lstm_again(void **state)
{
    (void)state;
    struct sft_error err = {""};
    const struct sft_preset *shape = sft_preset_find("tiny-lstm");
    struct data *data = data_labelled(0, shape->classes, 32, 3, &err);
    struct batch batch;
    float *first = NULL;
    assert_int_equal(batch_create(&batch, 8 * 32, &err), 0);
    data_fill(data, 0, 8, &batch);
    devices_start(&precisions[2]);
    for (int recompute = RECOMPUTE_NONE; recompute <= RECOMPUTE_BLOCK; recompute++) {
        double loss;
        struct model *m =
            model_create(gpu, shape, batch.rows, (enum model_recompute)recompute, &err);
        assert_non_null(m);
        model_initialize(m, 7);
        model_zero_gradients(m);
        assert_int_equal(model_step(m, &batch, 1, &loss, &err), 0);
        size_t count = model_parameters(m);
        float *got = calloc(count, sizeof *got);
        device_read_floats(gpu, got, model_gradients(m));
        if (first != NULL)
            assert_memory_equal(got, first, count * sizeof *got);
        free(first);
        first = got;
        model_destroy(m);
    }
    free(first);
    devices_stop();
    batch_destroy(&batch);
    data_close(data);
}

/* Documents in a random order of lengths, some rows of padding between them. */
static void attention_is_the_cpus(struct attention_shape shape, int count, int longest)
{
    int32_t start[64], length[64], row = 0;
    struct documents docs = {count, start, length, longest};
    for (int i = 0; i < count; i++) {
        start[i] = row + between(0, 3);
        length[i] = i == 0 ? longest : between(1, longest);
        row = start[i] + length[i];
    }
    size_t rows = (size_t)row + 5, q = (size_t)(shape.heads * shape.head_dim);
    size_t width = (size_t)((shape.heads + 2 * shape.kv_heads) * shape.head_dim);
    struct twin qkv = twin_random(rows * width, 1), dout = twin_random(rows * q, 1);
    struct twin out = twin_poisoned(rows * q), dqkv = twin_poisoned(rows * width);
    EACH_SIDE(side)
    {
        struct attention_args args = {
            .qkv = twin_matrix(&qkv, side, (int)rows, (int)width),
            .out = twin_matrix(&out, side, (int)rows, (int)q),
            .dqkv = twin_matrix(&dqkv, side, (int)rows, (int)width),
            .dout = twin_matrix(&dout, side, (int)rows, (int)q),
            .lse = copy_of(side, NULL, rows * (size_t)shape.heads * sizeof(float)),
            .shape = shape,
            .docs = &docs,
        };
        device_of[side]->ops->attention_forward(device_of[side], &args);
        device_of[side]->ops->attention_backward(device_of[side], &args);
        assert_sync();
        memory_free(side, args.lse);
    }
    assert_twin(&out, "attention in fp32");
    assert_twin(&dqkv, "its gradient");
    twin_free(&qkv), twin_free(&dout), twin_free(&out), twin_free(&dqkv);
}

static void test_attention_of_fp32(void **state)
{
    (void)state;
    devices_start(&precisions[0]);
    attention_is_the_cpus((struct attention_shape){12, 12, 64}, 32, 224);
    attention_is_the_cpus((struct attention_shape){8, 2, 64}, 20, 90);
    attention_is_the_cpus((struct attention_shape){4, 4, 32}, 7, 1);
    attention_is_the_cpus((struct attention_shape){3, 1, 26}, 9, 300);
    attention_is_the_cpus((struct attention_shape){32, 8, 128}, 2, 3000); /* in several chunks */
    devices_stop();
}

/* A step in the middle of sequences, of which some begin and some end. */
static void lstm_step(int rows, int hidden, bool biased)
{
    size_t items = (size_t)rows * (size_t)hidden;
    struct twin gates = twin_random(4 * items, 1), dout = twin_random(items, 1);
    struct twin dcarried = twin_random(items, 1), carried = twin_poisoned(items);
    struct twin out = twin_poisoned(items), dgates = twin_poisoned(4 * items);
    struct twin bias[] = {twin_random((size_t)(4 * hidden), 1),
                          twin_random((size_t)(4 * hidden), 1)};
    float *before = calloc(items, sizeof *before);
    int32_t *positions = calloc(2 * (size_t)rows, sizeof *positions);
    for (size_t i = 0; i < items; i++)
        before[i] = (float)random_normal(&dice);
    for (int i = 0; i < 2 * rows; i++)
        positions[i] = between(0, 2);
    struct twin cell_before = twin_floats(before, items), dcell = twin_floats(before, items);
    struct twin cell = twin_floats(before, items);
    EACH_SIDE(side)
    {
        int32_t *there = copy_of(side, positions, 2 * (size_t)rows * sizeof *positions);
        struct lstm_args args = {
            .gates = twin_matrix(&gates, side, rows, 4 * hidden),
            .out = twin_matrix(&out, side, rows, hidden),
            .carried = twin_matrix(&carried, side, rows, hidden),
            .dgates = twin_matrix(&dgates, side, rows, 4 * hidden),
            .dout = twin_matrix(&dout, side, rows, hidden),
            .dcarried = twin_matrix(&dcarried, side, rows, hidden),
            .cell_before = cell_before.side[side].data,
            .cell = cell.side[side].data,
            .dcell = dcell.side[side].data,
            .positions = there,
            .positions_after = there + rows,
        };
        if (biased) {
            args.bias_in = twin_matrix(&bias[0], side, 1, 4 * hidden);
            args.bias_state = twin_matrix(&bias[1], side, 1, 4 * hidden);
        }
        device_of[side]->ops->lstm_forward(device_of[side], &args);
        device_of[side]->ops->lstm_backward(device_of[side], &args);
        assert_sync();
        memory_free(side, there);
    }
    assert_twin(&out, "an LSTM's output");
    assert_twin(&carried, "the state that it carries");
    assert_twin(&gates, "its gates");
    assert_twin(&dgates, "their gradient");
    struct twin *all[] = {&gates,   &dout,    &dcarried,    &carried, &out, &dgates,
                          &bias[0], &bias[1], &cell_before, &dcell,   &cell};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        twin_free(all[i]);
    free(before);
    free(positions);
}

static void test_a_step_of_an_lstm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        devices_start(&precisions[i]);
        lstm_step(between(1, 40), between(1, 99), true);
        lstm_step(1024, 1000, true);
        lstm_step(33, 64, false);
        devices_stop();
    }
}

static void sgd_step(size_t count)
{
    struct twin w = twin_random(count, 1), g = twin_random(count, 1);
    struct twin m = twin_floats(w.side[CPU].data, count);
    struct twin master = twin_floats(w.side[CPU].data, count);
    EACH_SIDE(side)
    {
        double norm2 = 100, *there = copy_of(side, &norm2, sizeof norm2);
        bool keeps = device_of[side]->format != FORMAT_FP32;
        struct sgd_args args = {.weight = w.side[side],
                                .grad = g.side[side],
                                .master = keeps ? master.side[side].data : NULL,
                                .m = m.side[side].data,
                                .norm2 = there,
                                .clip = 1,
                                .lr = 0.3f,
                                .momentum = 0.9f,
                                .weight_decay = 0.1f};
        device_of[side]->ops->sgd(device_of[side], &args);
        assert_sync();
        memory_free(side, there);
    }
    assert_twin(&w, "sgd's weights");
    assert_twin(&m, "its momentum");
    twin_free(&w), twin_free(&g), twin_free(&m), twin_free(&master);
}

static void test_sgd(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        devices_start(&precisions[i]);
        sgd_step(8 * 1000);
        sgd_step((size_t)between(1000, 100000));
        devices_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_of_an_lstm),
        cmocka_unit_test(test_attention_of_fp32),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_an_lstm_again),
    };
    if (device_cuda_count(NULL) <= 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    const char *said = getenv("SFT_SEED");
    dice.state = said != NULL ? strtoull(said, NULL, 10) : 1;
    return cmocka_run_group_tests_name("models on a GPU", tests, NULL, NULL);
}
