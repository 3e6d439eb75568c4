/* SPDX-License-Identifier: Apache-2.0 */
/* The order that job/model/shard.c gives to lanes, which the CPU does not need and a GPU relies on:
 * every operation and collective says what memory it reads and writes on which lane, vector clocks
 * follow mark and await, and two accesses to the same memory, one of them a write, that nothing
 * orders fail the test. */
#include "tests/unit/model/model_support.h"

#include "job/train/optim.h"
#include "job/model/shard.h"

enum { GPUS = 2, NODES = 2, RANKS = GPUS * NODES, ACCESSES = 1 << 15, SLOTS = 256, ROWS = 40 };

struct access {
    const char *begin, *end, *what;
    bool write;
    int lane;
    unsigned time; /* of its lane's clock */
};

static struct {
    unsigned clock[LANES][LANES]; /* [lane] knows of the others up to there */
    unsigned slot[SLOTS][LANES];
    struct access access[ACCESSES];
    int count, awaits;
    int forgotten;  /* awaits of that lane are forgotten, -1: none */
    char race[256]; /* the first, "" none */
} watch;

static struct device *cpu, watched;
static struct ops watched_ops;

static void watch_reset(int forgotten)
{
    memset(&watch, 0, sizeof watch);
    watch.forgotten = forgotten;
}

static void watch_access(int lane, const void *memory, size_t bytes, bool write, const char *what)
{
    const char *begin = memory, *end = begin + bytes;
    for (int i = 0; i < watch.count; i++) {
        const struct access *a = &watch.access[i];
        if (a->begin < end && begin < a->end && (a->write || write) &&
            watch.clock[lane][a->lane] < a->time && watch.race[0] == '\0')
            snprintf(watch.race, sizeof watch.race, "%s on lane %d does not wait for %s on lane %d",
                     what, lane, a->what, a->lane);
    }
    assert_true(watch.count < ACCESSES);
    watch.access[watch.count++] =
        (struct access){begin, end, what, write, lane, watch.clock[lane][lane]};
}

/* An operation begins on the lane; its accesses follow. */
static void watch_step(int lane)
{
    watch.clock[lane][lane]++;
}

static void watch_mark(struct device *b, enum lane lane, int slot)
{
    (void)b;
    assert_true(slot >= 0 && slot < SLOTS);
    memcpy(watch.slot[slot], watch.clock[lane], sizeof watch.slot[slot]);
}

static void watch_await(struct device *b, enum lane lane, int slot)
{
    (void)b;
    watch.awaits++;
    if ((int)lane == watch.forgotten)
        return;
    for (int i = 0; i < LANES; i++)
        if (watch.slot[slot][i] > watch.clock[lane][i])
            watch.clock[lane][i] = watch.slot[slot][i];
}

static void watch_zero(struct device *b, void *memory, size_t bytes)
{
    (void)b;
    watch_step(LANE_COMPUTE);
    watch_access(LANE_COMPUTE, memory, bytes, true, "clearing");
    cpu->zero(cpu, memory, bytes);
}

static void watch_tensor(struct tensor t, bool write, const char *what)
{
    watch_access(LANE_COMPUTE, t.data, format_bytes(t.format, tensor_count(t)), write, what);
}

static void watch_array(struct array a, bool write, const char *what)
{
    watch_access(LANE_COMPUTE, a.data, format_bytes(a.format, a.count), write, what);
}

static void watch_matmul(struct device *d, const struct matmul_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_tensor(args->a, false, "a product's operand");
    watch_tensor(args->b, false, "a product's operand");
    watch_tensor(args->c, true, "a product's result");
    cpu->ops->matmul(cpu, args);
}

static void watch_embed_forward(struct device *d, const struct embed_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_tensor(args->table, false, "the table");
    cpu->ops->embed_forward(cpu, args);
}

static void watch_embed_backward(struct device *d, const struct embed_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_tensor(args->table, true, "the table's gradient");
    cpu->ops->embed_backward(cpu, args);
}

static void watch_norm_forward(struct device *d, const struct norm_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_tensor(args->weight, false, "a norm's weight");
    cpu->ops->norm_forward(cpu, args);
}

static void watch_norm_backward(struct device *d, const struct norm_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_tensor(args->weight, false, "a norm's weight");
    watch_tensor(args->dweight, true, "a norm's gradient");
    cpu->ops->norm_backward(cpu, args);
}

static void watch_add(struct device *d, const struct add_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_array(args->from, false, "a gradient to add");
    watch_array(args->to, true, "a sum of gradients");
    cpu->ops->add(cpu, args);
}

static void watch_sum(struct device *d, const struct sum_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_array(args->x, false, "the gradients' norm");
    cpu->ops->sum(cpu, args);
}

static void watch_adamw(struct device *d, const struct adamw_args *args)
{
    (void)d;
    watch_step(LANE_COMPUTE);
    watch_array(args->grad, false, "AdamW's gradients");
    watch_array(args->weight, true, "AdamW's weights");
    cpu->ops->adamw(cpu, args);
}

/* Collectives move nothing: the order is all that matters here. */
static int fake_run(struct collective *c, struct device *device, const struct collective_call *call,
                    struct sft_error *err)
{
    int lane = (int)COLLECTIVE_LANE(call->group);
    size_t one = call->count * collective_type_size(call->type);
    size_t all = one * (size_t)c->group_size[call->group];
    const char *from = call->from, *to = call->to;
    (void)device, (void)err;
    watch_step(lane);
    if (call->kind == COLLECTIVE_REDUCE_SCATTER)
        watch_access(lane, from, all, to >= from && to < from + all, call->what);
    if (call->kind == COLLECTIVE_ALL_GATHER)
        watch_access(lane, from, one, false, call->what);
    watch_access(lane, to, call->kind == COLLECTIVE_ALL_GATHER ? all : one, true, call->what);
    return 0;
}

static struct collective fake_rank(int rank)
{
    return (struct collective){.name = "fake",
                               .group_rank = {rank, rank, rank % GPUS, rank / GPUS},
                               .group_size = {RANKS, RANKS, GPUS, NODES},
                               .run = fake_run};
}

static void watched_make(void)
{
    cpu = support_device();
    watched = *cpu;
    watched.zero = watch_zero;
    watched.mark = watch_mark;
    watched.await = watch_await;
    watched_ops = *cpu->ops;
    watched_ops.matmul = watch_matmul;
    watched_ops.embed_forward = watch_embed_forward;
    watched_ops.embed_backward = watch_embed_backward;
    watched_ops.norm_forward = watch_norm_forward;
    watched_ops.norm_backward = watch_norm_backward;
    watched_ops.add = watch_add;
    watched_ops.sum = watch_sum;
    watched_ops.adamw = watch_adamw;
    watched.ops = &watched_ops;
}

/* Three steps; the first race, or "". */
static const char *race_of(enum sft_zero zero, int rank, int micro_batches, int kind, int forgotten)
{
    static const int lengths[] = {9, 20};
    struct sft_preset shape = support_shape_of(kind);
    struct sft_error err = {""};
    struct collective collective = fake_rank(rank);
    struct optim_options options = {.lr = 1e-3,
                                    .lr_warmup = 1,
                                    .total_steps = 3,
                                    .beta1 = 0.9,
                                    .beta2 = 0.95,
                                    .eps = 1e-8,
                                    .clip = 1};
    struct batch batch;
    size_t count;
    shape.layers = 4;
    support_batch_make(&batch, lengths, 2, shape.vocab);
    watch_reset(forgotten);
    struct model *m = model_create_stored(&watched, &shape, batch.rows,
                                          &(struct model_recipe){.recompute = RECOMPUTE_NONE},
                                          shard_storage(&shape, zero, RANKS), &err);
    assert_non_null(m);
    struct shard *s = shard_create(m, &watched, &collective, zero, 7, NULL, &err);
    assert_non_null(s);
    const struct shard_part *parts = shard_parts(s, &count);
    struct optim *o = optim_create_parts(m, &watched, &options, parts, count, &collective, &err);
    assert_non_null(o);
    for (int step = 0; step < 3; step++) {
        shard_begin(s, micro_batches);
        for (int i = 0; i < micro_batches; i++)
            assert_int_equal(model_step(m, &batch, 0.01f, NULL, &err), 0);
        assert_int_equal(shard_reduce(s, &err), 0);
        assert_int_equal(optim_step(o, step, NULL, &err), 0);
        assert_int_equal(shard_spread(s, &err), 0);
    }
    shard_settle(s);
    watch_step(LANE_COMPUTE);
    if (model_weights(m).data != NULL)
        watch_array(model_weights(m), false, "the weights after the last step");
    for (size_t i = 0; i < count; i++)
        watch_array(support_array(parts[i].weights, parts[i].count), false,
                    "a slice after the last step");
    optim_destroy(o);
    shard_destroy(s);
    model_destroy(m);
    batch_destroy(&batch);
    return watch.race;
}

static void test_all_that_touches_the_same_memory_is_ordered(void **state)
{
    (void)state;
    for (int zero = 0; zero < SFT_ZERO_COUNT; zero++)
        for (int micro_batches = 1; micro_batches <= 3; micro_batches++)
            for (int kind = 0; kind < SUPPORT_SHAPES; kind++)
                for (int rank = 0; rank < RANKS; rank += RANKS - 1) {
                    const char *race = race_of((enum sft_zero)zero, rank, micro_batches, kind, -1);
                    if (race[0] != '\0')
                        fail_msg("zero=%s, %d micro-batches, model %d, rank %d: %s",
                                 sft_zero_name((enum sft_zero)zero), micro_batches, kind, rank,
                                 race);
                }
}

/* The watch itself: a lane that forgets to wait is caught, for each lane that a way of sharing
 * uses. */
static void test_a_lane_that_does_not_wait_is_caught(void **state)
{
    (void)state;
    static const struct {
        enum sft_zero zero;
        enum lane lane;
    } cases[] = {
        {SFT_ZERO_0, LANE_COMPUTE},      {SFT_ZERO_0, LANE_WORLD},
        {SFT_ZERO_1, LANE_COMPUTE},      {SFT_ZERO_1, LANE_WORLD},
        {SFT_ZERO_2, LANE_COMPUTE},      {SFT_ZERO_2, LANE_WORLD},
        {SFT_ZERO_3, LANE_COMPUTE},      {SFT_ZERO_3, LANE_WORLD},
        {SFT_ZERO_HYBRID, LANE_COMPUTE}, {SFT_ZERO_HYBRID, LANE_NODE},
        {SFT_ZERO_HYBRID, LANE_ACROSS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (race_of(cases[i].zero, 1, 2, false, (int)cases[i].lane)[0] == '\0')
            fail_msg("zero=%s without waiting on lane %d: no race seen",
                     sft_zero_name(cases[i].zero), (int)cases[i].lane);
}

int main(void)
{
    support_seed();
    watched_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_touches_the_same_memory_is_ordered),
        cmocka_unit_test(test_a_lane_that_does_not_wait_is_caught),
    };
    return cmocka_run_group_tests_name("shard lanes", tests, NULL, NULL);
}
