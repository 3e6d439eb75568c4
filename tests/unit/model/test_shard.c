/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps what: the parts of all ranks make each parameter once, nobody keeps what it shares, and
 * collectives are asked for where and as large as the slices say. That the sums are right is shown
 * on real ranks (tests/cluster/shard.bats). */
#include "tests/unit/model/model_support.h"

#include "job/model/shard.h"

enum { GPUS = 3, NODES = 2, RANKS = GPUS * NODES };

/* Remembers what it was asked for, and leaves the values as they are. */
struct fake {
    struct collective collective;
    size_t gathered[COLLECTIVE_GROUPS], scattered[COLLECTIVE_GROUPS]; /* elements, of all members */
    size_t bytes[COLLECTIVE_GROUPS];                                  /* gathered in FP8 */
    size_t reduced[COLLECTIVE_GROUPS], enrolled;
    size_t largest, rest; /* of weights in FP8, whole numbers */
    int dismissed;
};

static int fake_run(struct collective *c, struct device *device, const struct collective_call *call,
                    struct sft_error *err)
{
    struct fake *fake = c->state;
    size_t members = (size_t)c->group_size[call->group];
    (void)device, (void)err;
    if (call->type == COLLECTIVE_BYTE) {
        assert_int_equal(call->kind, COLLECTIVE_ALL_GATHER);
        fake->bytes[call->group] += call->count * members;
        return 0;
    }
    if (call->type == COLLECTIVE_UINT32) {
        assert_int_equal(call->kind, COLLECTIVE_ALL_REDUCE);
        *(call->reduction == COLLECTIVE_MAX ? &fake->largest : &fake->rest) += call->count;
        return 0;
    }
    assert_int_equal(call->type, COLLECTIVE_FP32);
    assert_int_equal(call->reduction, COLLECTIVE_SUM);
    if (call->kind == COLLECTIVE_ALL_REDUCE)
        fake->reduced[call->group] += call->count;
    else if (call->kind == COLLECTIVE_REDUCE_SCATTER)
        fake->scattered[call->group] += call->count * members;
    else
        fake->gathered[call->group] += call->count * members;
    return 0;
}

static void fake_enroll(struct collective *c, void *memory, size_t bytes)
{
    ((struct fake *)c->state)->enrolled += memory != NULL ? bytes : 0;
}

static void fake_dismiss(struct collective *c, void *memory)
{
    (void)memory;
    ((struct fake *)c->state)->dismissed++;
}

static void fake_make(struct fake *fake, int rank)
{
    *fake = (struct fake){.collective = {.name = "fake",
                                         .group_rank = {rank, rank, rank % GPUS, rank / GPUS},
                                         .group_size = {RANKS, RANKS, GPUS, NODES},
                                         .state = fake,
                                         .run = fake_run,
                                         .enroll = fake_enroll,
                                         .dismiss = fake_dismiss}};
}

static struct model *model_of(const struct sft_preset *shape, enum sft_zero zero)
{
    struct sft_error err = {""};
    struct model *m = model_create_stored(support_device(), shape, 40,
                                          &(struct model_recipe){.recompute = RECOMPUTE_NONE},
                                          shard_storage(shape, zero, RANKS), &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    return m;
}

static struct shard *shard_of(struct model *m, struct fake *fake, enum sft_zero zero)
{
    struct sft_error err = {""};
    struct shard *s = shard_create(m, support_device(), &fake->collective, zero, 7, NULL, &err);
    if (s == NULL)
        fail_msg("%s", err.text);
    return s;
}

/* Of a part, the elements of tensors: times[number] counts them, and they must be first weights. */
static void part_check(struct model *m, const struct shard_part *part, const float *first,
                       unsigned char *times)
{
    size_t count;
    const struct model_tensor *tensors = model_tensors(m, &count);
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        for (size_t j = 0; j < sft_param_elements(&t->param); j++) {
            size_t at = t->offset + j;
            if (at < part->offset || at >= part->offset + part->count)
                continue;
            times[t->number + j]++;
            assert_true(((const float *)part->weights)[at - part->offset] == first[t->number + j]);
        }
    }
}

/* Each element is updated by exactly one rank, from weights that are the model's first ones. */
static void test_parts_make_the_whole_once(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *whole = model_of(&shape, SFT_ZERO_0);
    size_t all = model_parameters(whole);
    model_initialize(whole, 7);
    for (int zero = SFT_ZERO_1; zero < SFT_ZERO_COUNT; zero++) {
        unsigned char *times = calloc(all, 1);
        for (int rank = 0; rank < RANKS; rank++) {
            struct fake fake;
            fake_make(&fake, rank);
            struct model *m = model_of(&shape, (enum sft_zero)zero);
            struct shard *s = shard_of(m, &fake, (enum sft_zero)zero);
            size_t count;
            const struct shard_part *parts = shard_parts(s, &count);
            for (size_t i = 0; i < count; i++)
                part_check(m, &parts[i], model_weights(whole).data, times);
            shard_destroy(s);
            model_destroy(m);
        }
        for (size_t i = 0; i < all; i++)
            assert_int_equal(times[i], 1);
        free(times);
    }
    model_destroy(whole);
}

/* What the plan says before anything is there is what is allocated, and what states the parts ask
 * for. */
static void test_plan_is_what_is_taken(void **state)
{
    (void)state;
    for (int layers = 1; layers <= 5; layers += 2)
        for (int zero = 0; zero < SFT_ZERO_COUNT; zero++)
            for (int kind = 0; kind < SUPPORT_SHAPES; kind++) {
                struct sft_preset shape = support_shape_of(kind);
                struct fake fake;
                struct sft_layout layout = {NODES, GPUS, (enum sft_zero)zero};
                size_t count, elements = 0;
                shape.layers = layers;
                fake_make(&fake, 1);
                struct model *m = model_of(&shape, (enum sft_zero)zero);
                struct shard *s = shard_of(m, &fake, (enum sft_zero)zero);
                const struct shard_part *parts = shard_parts(s, &count);
                for (size_t i = 0; i < count; i++)
                    elements += parts[i].count;
                struct shard_sizes sizes =
                    shard_plan(&shape, &layout, FORMAT_FP32,
                               &(struct model_recipe){.recompute = RECOMPUTE_NONE});
                assert_int_equal(sizes.bytes, shard_bytes(s));
                assert_int_equal(sizes.elements, elements);
                size_t whole = model_parameters(m) * sizeof(float);
                assert_int_equal(fake.enrolled, shard_bytes(s) + (zero <= SFT_ZERO_2 ? whole : 0) +
                                                    (zero <= SFT_ZERO_1 ? whole : 0));
                shard_destroy(s);
                assert_int_equal(fake.dismissed, 3);
                model_destroy(m);
            }
}

/* What is shared is kept nowhere whole: the model's own arrays go, and slices are about a member's.
 */
static void test_nobody_keeps_what_is_shared(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    shape.layers = 24; /* many against the buffers of single units */
    size_t bytes[SFT_ZERO_COUNT], own[SFT_ZERO_COUNT], all = 0;
    for (int zero = 0; zero < SFT_ZERO_COUNT; zero++) {
        struct fake fake;
        fake_make(&fake, 0);
        struct model *m = model_of(&shape, (enum sft_zero)zero);
        struct shard *s = shard_of(m, &fake, (enum sft_zero)zero);
        assert_true((model_weights(m).data != NULL) == (zero <= SFT_ZERO_2));
        assert_true((model_gradients(m).data != NULL) == (zero <= SFT_ZERO_1));
        all = model_parameters(m) * sizeof(float);
        bytes[zero] = model_bytes(m);
        own[zero] = shard_bytes(s);
        shard_destroy(s);
        model_destroy(m);
    }
    assert_true(bytes[SFT_ZERO_1] >= bytes[SFT_ZERO_0]); /* gaps */
    assert_true(bytes[SFT_ZERO_2] + all <= bytes[SFT_ZERO_1] + 256);
    assert_true(bytes[SFT_ZERO_3] + 2 * all <= bytes[SFT_ZERO_1] + 512);
    assert_true(bytes[SFT_ZERO_HYBRID] == bytes[SFT_ZERO_3]);
    assert_int_equal(own[SFT_ZERO_0], 0);
    assert_true(own[SFT_ZERO_3] > 2 * all / RANKS && own[SFT_ZERO_3] < all);
    assert_true(own[SFT_ZERO_HYBRID] > 2 * all / GPUS);
    assert_true(own[SFT_ZERO_HYBRID] < own[SFT_ZERO_3] + 2 * all / GPUS);
}

/* One step of two micro-batches. */
static void assert_elements(size_t got, double wanted)
{
    if ((double)got != wanted)
        fail_msg("%zu elements, expected %.0f", got, wanted);
}

static void test_collectives_move_what_is_shared(void **state)
{
    (void)state;
    enum { MICRO = 2 };
    static const int lengths[] = {9, 20};
    struct sft_preset shape = support_shape(false);
    struct batch batch;
    shape.layers = 5;
    support_batch_make(&batch, lengths, 2, shape.vocab);
    for (int zero = 0; zero < SFT_ZERO_COUNT; zero++) {
        struct fake fake;
        struct sft_error err = {""};
        fake_make(&fake, 0);
        struct model *m =
            model_create_stored(support_device(), &shape, batch.rows,
                                &(struct model_recipe){.recompute = RECOMPUTE_NONE},
                                shard_storage(&shape, (enum sft_zero)zero, RANKS), &err);
        assert_non_null(m);
        struct shard *s = shard_of(m, &fake, (enum sft_zero)zero);
        double all = (double)model_parameters(m),
               layers = (double)model_unit(m, 1).count * shape.layers;
        shard_begin(s, MICRO);
        for (int i = 0; i < MICRO; i++)
            assert_int_equal(model_step(m, &batch, 1, NULL, &err), 0);
        assert_int_equal(shard_reduce(s, &err), 0);
        assert_int_equal(shard_spread(s, &err), 0);
        enum collective_group group = zero == SFT_ZERO_HYBRID ? COLLECTIVE_NODE : COLLECTIVE_WORLD;
        if (zero == SFT_ZERO_1 || zero == SFT_ZERO_2)
            assert_elements(fake.gathered[group], all);
        /* embedding and head stay for the step; two layers stay where a pass turns */
        double layer = (double)model_unit(m, 1).count, again = shape.layers - 2;
        if (zero == SFT_ZERO_3 || zero == SFT_ZERO_HYBRID)
            assert_elements(fake.gathered[group],
                            all - layers + layer * (shape.layers + again * (2 * MICRO - 1)));
        if (zero == SFT_ZERO_0)
            assert_elements(fake.reduced[group], all);
        if (zero != SFT_ZERO_0)
            assert_elements(fake.scattered[group], zero == SFT_ZERO_1 ? all : MICRO * all);
        if (zero == SFT_ZERO_HYBRID) { /* across nodes once a step, a node's slice */
            assert_elements(fake.scattered[COLLECTIVE_ACROSS], all / GPUS);
            assert_elements(fake.gathered[COLLECTIVE_ACROSS], all / GPUS);
        } else {
            assert_int_equal(fake.scattered[COLLECTIVE_ACROSS] + fake.gathered[COLLECTIVE_ACROSS],
                             0);
        }
        shard_destroy(s);
        model_destroy(m);
    }
    batch_destroy(&batch);
}

/* Of FP8. */
static struct sft_preset wide_shape(int kind)
{
    struct sft_preset shape = support_shape_of(kind);
    shape.hidden = 64;
    shape.head_dim = 16;
    shape.ffn = 96;
    return shape;
}

static struct model *fp8_model(const struct sft_preset *shape, struct model_recipe recipe,
                               enum sft_zero zero)
{
    struct sft_error err = {""};
    struct model *m = model_create_stored(support_device(), shape, 48, &recipe,
                                          shard_storage(shape, zero, RANKS), &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    return m;
}

static struct model_recipe fp8_recipe(int number)
{
    return (struct model_recipe){.recompute = (enum model_recompute)(number / 2),
                                 .scaling = number % 2 == 0 ? SCALING_TENSOR : SCALING_ROW,
                                 .gathered = true};
}
enum { FP8_RECIPES = 6 };

/* Every recipe in FP8, however many layers. */
static void test_plan_of_fp8_is_what_is_taken(void **state)
{
    (void)state;
    static const enum sft_zero ways[] = {SFT_ZERO_3, SFT_ZERO_HYBRID};
    for (int i = 0; i < 2 * FP8_RECIPES * SUPPORT_SHAPES * 3; i++) {
        enum sft_zero zero = ways[i % 2];
        struct model_recipe recipe = fp8_recipe(i / 2 % FP8_RECIPES);
        struct sft_preset shape = wide_shape(i / 2 / FP8_RECIPES % SUPPORT_SHAPES);
        struct sft_layout layout = {NODES, GPUS, zero};
        struct model_storage storage = shard_storage(&shape, zero, RANKS);
        struct fake fake;
        size_t count, elements = 0;
        shape.layers = 1 + 2 * (i / 2 / FP8_RECIPES / SUPPORT_SHAPES);
        fake_make(&fake, 1);
        struct model *m = fp8_model(&shape, recipe, zero);
        struct shard *s = shard_of(m, &fake, zero);
        const struct shard_part *parts = shard_parts(s, &count);
        for (size_t p = 0; p < count; p++)
            elements += parts[p].count;
        struct shard_sizes sizes = shard_plan(&shape, &layout, FORMAT_FP32, &recipe);
        assert_int_equal(sizes.bytes, shard_bytes(s));
        assert_int_equal(sizes.elements, elements);
        assert_int_equal(model_bytes(m), model_plan_stored(&shape, 48, &recipe, storage,
                                                           FORMAT_FP32, support_device()->logits));
        shard_destroy(s);
        model_destroy(m);
    }
}

/* Bytes of layers that one step gathers. Two layers stay where a pass turns, in the form that it
 * read them. */
static double fp8_bytes(double layers, int micro, struct model_recipe recipe)
{
    double again = layers - 2, passes = 2.0 * micro;
    if (recipe.scaling == SCALING_TENSOR)
        return layers + (passes - 1) * again;
    if (recipe.recompute != RECOMPUTE_BLOCK)
        return passes * layers;
    return layers + (passes - 1) * again + micro * layers;
}

static void fp8_step(struct model *m, struct shard *s, const struct batch *batch, int micro)
{
    struct sft_error err = {""};
    shard_begin(s, micro);
    for (int i = 0; i < micro; i++)
        assert_int_equal(model_step(m, batch, 1, NULL, &err), 0);
    assert_int_equal(shard_reduce(s, &err), 0);
    assert_int_equal(shard_spread(s, &err), 0);
}

/* Of layers a byte an element and nothing wider; the largest magnitudes and the norms once. */
static void test_fp8_moves_bytes(void **state)
{
    (void)state;
    enum { MICRO = 2 };
    static const int lengths[] = {17, 26};
    static const enum sft_zero ways[] = {SFT_ZERO_3, SFT_ZERO_HYBRID};
    struct sft_preset shape = wide_shape(0);
    struct batch batch;
    shape.layers = 5;
    support_batch_make(&batch, lengths, 2, shape.vocab);
    for (int i = 0; i < 2 * FP8_RECIPES; i++) {
        struct model_recipe recipe = fp8_recipe(i / 2);
        struct fake fake;
        fake_make(&fake, 0);
        struct model *m = fp8_model(&shape, recipe, ways[i % 2]);
        struct shard *s = shard_of(m, &fake, ways[i % 2]);
        bool hybrid = ways[i % 2] == SFT_ZERO_HYBRID;
        enum collective_group group = hybrid ? COLLECTIVE_NODE : COLLECTIVE_WORLD;
        double layer = (double)model_unit(m, 1).count,
               images = recipe.scaling == SCALING_ROW ? 2 : 1;
        double outside = (double)model_parameters(m) - layer * shape.layers;
        fp8_step(m, s, &batch, MICRO);
        assert_elements(fake.gathered[group], outside);
        assert_elements(fake.bytes[group], layer * fp8_bytes(shape.layers, MICRO, recipe));
        assert_elements(fake.gathered[COLLECTIVE_ACROSS], hybrid ? outside / GPUS : 0);
        assert_elements(fake.bytes[COLLECTIVE_ACROSS],
                        hybrid ? images * layer * shape.layers / GPUS : 0);
        assert_elements(fake.largest, (double)model_scales(m).count);
        assert_true((double)fake.rest >= shape.layers * 2.0 * shape.hidden);
        assert_true((double)fake.rest < shape.layers * 2.0 * shape.hidden + 64);
        shard_destroy(s);
        model_destroy(m);
    }
    batch_destroy(&batch);
}

int main(void)
{
    support_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_make_the_whole_once),
        cmocka_unit_test(test_plan_is_what_is_taken),
        cmocka_unit_test(test_nobody_keeps_what_is_shared),
        cmocka_unit_test(test_collectives_move_what_is_shared),
        cmocka_unit_test(test_plan_of_fp8_is_what_is_taken),
        cmocka_unit_test(test_fp8_moves_bytes),
    };
    return cmocka_run_group_tests_name("shard", tests, NULL, NULL);
}
