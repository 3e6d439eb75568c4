/* SPDX-License-Identifier: Apache-2.0 */
/* Models as transformers saved them (tests/golden/make_models.py): loaded, their losses are
 * transformers' own, frozen below adapters, too; and whatever the ranks share, their parts make the
 * same model. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/train/load.h"
#include "job/model/store.h"
#include "tests/golden/golden.h"

static const char *const names[] = {"llama2", "llama31", "gpt2"};
static struct device *device;

static int make_device(void **state)
{
    (void)state;
    device = device_create_cpu(NULL);
    return device == NULL ? -1 : 0;
}

static int remove_device(void **state)
{
    (void)state;
    device->destroy(device);
    return 0;
}

static struct weights *open_weights(const char *name)
{
    char path[512];
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/tests/golden/models/%s", getenv("SFT_SRCDIR"), name);
    struct weights *weights = weights_open(path, &err);
    if (weights == NULL)
        fail_msg("%s", err.text);
    return weights;
}

/* A rank of a run: its collectives move nothing to and from others. */
struct scene {
    const struct weights *adapters;
    struct collective collective;
    struct control control;
    struct model *model;
    struct shard *shard;
};

static int move_nothing(struct collective *c, struct device *d, const struct collective_call *call,
                        struct sft_error *err)
{
    (void)err;
    return c->group_size[call->group] == 1 ? collective_copy(d, call) : 0;
}

enum { GPUS = 3, NODES = 2, RANKS = GPUS * NODES };

static void scene_shaped(struct scene *s, const struct weights *weights,
                         const struct sft_preset *shape, struct model_recipe recipe, int rows,
                         enum sft_zero zero, int rank, int ranks)
{
    struct sft_error err = {""};
    int gpus = ranks == 1 ? 1 : GPUS, nodes = ranks == 1 ? 1 : NODES;
    *s = (struct scene){.adapters = s->adapters,
                        .collective = {.name = "none",
                                       .group_rank = {rank, rank, rank % gpus, rank / gpus},
                                       .group_size = {ranks, ranks, gpus, nodes},
                                       .run = move_nothing},
                        .control = {.size = 1}};
    s->model =
        model_create_stored(device, shape, rows, &recipe, shard_storage(shape, zero, ranks), &err);
    s->shard = s->model == NULL
                   ? NULL
                   : shard_create(s->model, device, &s->collective, zero, 7, NULL, &err);
    if (s->shard == NULL)
        fail_msg("%s", err.text);
    struct load load = {weights,     s->model,       s->shard,   device,
                        &s->control, &s->collective, s->adapters};
    if (load_weights(&load, &err) < 0)
        fail_msg("%s", err.text);
}

static void scene_make(struct scene *s, const struct weights *weights, struct model_recipe recipe,
                       int rows, enum sft_zero zero, int rank, int ranks)
{
    s->adapters = NULL;
    scene_shaped(s, weights, weights_shape(weights), recipe, rows, zero, rank, ranks);
}

static void scene_end(struct scene *s)
{
    shard_destroy(s->shard);
    model_destroy(s->model);
}

static const struct model_recipe plain = {.recompute = RECOMPUTE_NONE};

/* What gathers weights in FP8 quantizes those that were loaded. */
static void losses_in_fp8(const struct weights *weights, const struct batch *batch, double right)
{
    struct model_recipe recipe = {.scaling = SCALING_TENSOR};
    struct scene scene;
    struct sft_error err = {""};
    double loss[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        recipe.gathered = i == 1;
        scene_make(&scene, weights, recipe, batch->rows, i == 1 ? SFT_ZERO_3 : SFT_ZERO_0, 0, 1);
        assert_int_equal(model_loss(scene.model, batch, &loss[i], &err), 0);
        scene_end(&scene);
    }
    if (loss[0] != loss[1] || !(fabs(loss[0] / right - 1) < 1e-2))
        fail_msg("in FP8 %.17g, gathered so %.17g, right is %.8g", loss[0], loss[1], right);
}

/* Returns transformers' loss of the batch. */
static double golden_open(struct golden *golden, struct batch *batch, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/models/%s.golden", getenv("SFT_SRCDIR"), name);
    assert_int_equal(golden_read(golden, path), 0);
    assert_int_equal(golden_batch(golden, 0, batch), 0);
    return golden_find(golden, "loss_sum")->data[0];
}

static void test_losses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct golden golden;
        struct batch batch;
        struct scene scene;
        struct sft_error err = {""};
        double loss = 0, right = golden_open(&golden, &batch, names[i]);
        struct weights *weights = open_weights(names[i]);
        scene_make(&scene, weights, plain, batch.rows, SFT_ZERO_0, 0, 1);
        assert_int_equal(model_loss(scene.model, &batch, &loss, &err), 0);
        if (!(fabs(loss / right - 1) < 1e-5))
            fail_msg("%s: loss %.8g, transformers' %.8g", names[i], loss, right);
        scene_end(&scene);
        losses_in_fp8(weights, &batch, right);
        weights_close(weights);
        batch_destroy(&batch);
        golden_free(&golden);
    }
}

static void file_take(void *user, struct array to, size_t first)
{
    memcpy(to.data, (const float *)user + first, to.count * sizeof(float));
}

/* Frozen weights mean what the files' mean in the base's format, each matrix taken as a whole. */
static void frozen_check(struct scene *s, const struct weights *weights)
{
    struct sft_error err = {""};
    size_t count;
    const struct model_tensor *t = model_tensors(s->model, &count);
    for (size_t i = 0; i < count; i++) {
        size_t all = sft_param_elements(&t[i].param);
        float *file = malloc(all * sizeof *file), *is = malloc(all * sizeof *is);
        assert_true(file != NULL && is != NULL);
        if (!t[i].param.trains) {
            model_thaw(s->model, &t[i], (struct array){FORMAT_FP32, is, all});
            assert_int_equal(weights_read(weights, &t[i].param, 0, all, FORMAT_FP32, file, &err),
                             0);
            if (t[i].param.stored == SFT_BASE_DEVICE)
                assert_memory_equal(is, file, all * sizeof *is);
            else
                assert_memory_not_equal(is, file, all * sizeof *is);
            model_freeze(s->model, &t[i], &(struct model_source){file, file_take});
            model_thaw(s->model, &t[i], (struct array){FORMAT_FP32, file, all});
            assert_memory_equal(is, file, all * sizeof *is);
        }
        free(file);
        free(is);
    }
}

/* Adapters begin with the model as it was: with a base in fp32 the loss is transformers', and in
 * fewer bits one loss whether it is cut or not. */
static void losses_frozen(const struct weights *weights, const struct batch *batch, double right,
                          enum sft_base base)
{
    struct sft_preset shape = *weights_shape(weights);
    struct sft_error err = {""};
    double loss[2] = {0, 0};
    shape.adapters = (struct sft_adapters){.rank = 4, .alpha = 8, .base = base};
    assert_int_equal(sft_adapters_read(&shape, "all", &shape.adapters.targets, &err), 0);
    for (int i = 0; i < 2; i++) {
        struct scene scene = {.adapters = NULL};
        scene_shaped(&scene, weights, &shape, plain, batch->rows, i == 1 ? SFT_ZERO_3 : SFT_ZERO_0,
                     0, 1);
        assert_int_equal(model_loss(scene.model, batch, &loss[i], &err), 0);
        if (i == 0)
            frozen_check(&scene, weights);
        scene_end(&scene);
    }
    double apart = fabs(loss[0] / right - 1);
    if (loss[0] != loss[1] || !(apart < (base == SFT_BASE_DEVICE ? 1e-5 : 0.1)))
        fail_msg("base %d: loss %.9g, cut %.9g, right is %.9g", (int)base, loss[0], loss[1], right);
}

static void test_frozen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct golden golden;
        struct batch batch;
        double right = golden_open(&golden, &batch, names[i]);
        struct weights *weights = open_weights(names[i]);
        for (int base = SFT_BASE_DEVICE; base <= SFT_BASE_NF4; base++)
            losses_frozen(weights, &batch, right, (enum sft_base)base);
        weights_close(weights);
        batch_destroy(&batch);
        golden_free(&golden);
    }
}

/* Adapters that PEFT saved: PEFT's loss with them. */
static void test_adapters(void **state)
{
    static const char *const adapted[] = {"llama31", "gpt2"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct golden golden, theirs;
        struct batch batch;
        struct sft_error err = {""};
        char path[512];
        double loss = 0;
        golden_open(&golden, &batch, adapted[i]);
        snprintf(path, sizeof path, "%s/tests/golden/models/%s-adapter.golden",
                 getenv("SFT_SRCDIR"), adapted[i]);
        assert_int_equal(golden_read(&theirs, path), 0);
        double right = golden_find(&theirs, "loss_sum")->data[0];
        struct weights *weights = open_weights(adapted[i]);
        snprintf(path, sizeof path, "%s/tests/golden/models/%s-adapter", getenv("SFT_SRCDIR"),
                 adapted[i]);
        struct weights *adapters = weights_open_adapters(path, weights_shape(weights), &err);
        if (adapters == NULL)
            fail_msg("%s", err.text);
        for (int zero = 0; zero < SFT_ZERO_COUNT; zero++) {
            struct scene scene = {.adapters = adapters};
            scene_shaped(&scene, weights, weights_shape(adapters), plain, batch.rows,
                         (enum sft_zero)zero, 0, 1);
            assert_int_equal(model_loss(scene.model, &batch, &loss, &err), 0);
            if (!(fabs(loss / right - 1) < 1e-5))
                fail_msg("%s: loss %.8g, PEFT's %.8g", adapted[i], loss, right);
            scene_end(&scene);
        }
        weights_close(adapters);
        weights_close(weights);
        batch_destroy(&batch);
        golden_free(&golden);
        golden_free(&theirs);
    }
}

/* Of a rank's spans: as the lone rank has them; times counts how many ranks had each element. */
static void spans_check(struct scene *s, const struct model *whole, unsigned char *times)
{
    const float *all = model_weights(whole).data;
    size_t tensors;
    const struct model_tensor *of_whole = model_tensors(whole, &tensors),
                              *of_part = model_tensors(s->model, &tensors);
    for (int unit = 0; unit < model_units(s->model); unit++) {
        struct store_span spans[STORE_SPANS];
        size_t count = store_spans(s->model, s->shard, unit, spans);
        for (size_t i = 0; i < count; i++) {
            size_t begin = of_whole[spans[i].tensor - of_part].offset + spans[i].from;
            assert_memory_equal(spans[i].values.data, all + begin, spans[i].count * sizeof(float));
            for (size_t j = 0; j < spans[i].count; j++)
                times[begin + j]++;
        }
    }
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct weights *weights = open_weights(names[i]);
        struct scene whole, part;
        scene_make(&whole, weights, plain, 16, SFT_ZERO_0, 0, 1);
        size_t all = model_parameters(whole.model);
        for (int way = 0; way < 2 * SFT_ZERO_COUNT; way++) {
            enum sft_zero zero = (enum sft_zero)(way / 2);
            struct model_recipe recipe = {.scaling = way % 2 == 0 ? SCALING_NONE : SCALING_ROW};
            recipe.gathered = shard_gathers_fp8(weights_shape(weights), zero, recipe.scaling);
            unsigned char *times = calloc(all, 1);
            assert_non_null(times);
            size_t more = 0;
            for (int rank = 0; rank < RANKS; rank++) {
                scene_make(&part, weights, recipe, 16, zero, rank, RANKS);
                spans_check(&part, whole.model, times);
                scene_end(&part);
            }
            for (size_t at = 0; at < all; at++) {
                assert_true(times[at] == 1 || (zero == SFT_ZERO_0 && times[at] == RANKS));
                more += times[at] > 1;
            }
            assert_true(more < (size_t)(RANKS * model_units(whole.model)));
            free(times);
        }
        scene_end(&whole);
        weights_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, make_device, remove_device);
}
