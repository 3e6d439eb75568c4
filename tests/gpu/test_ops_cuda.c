/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation of the CUDA device against the CPU's, in every format that it claims, on shapes
 * odd and even and on numbers drawn anew each time (the seed is printed; SFT_SEED repeats one).
 * Outputs are poisoned with NaN first, so that an element that nobody wrote shows. Skipped where
 * there is no GPU. */
#include "tests/gpu/device_twin.h"

#include <float.h>
#include <math.h>

#include "job/tensor/cuda/read_cuda.h"

#define EACH_SIDE(side) for (enum side side = CPU; side < SIDES; side++)

static const struct ops *ops_of(enum side side)
{
    return device_of[side]->ops;
}

static void free_all(struct twin *twins[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        twin_free(twins[i]);
}

#define FREE(...)                                                                                  \
    free_all((struct twin *[]){__VA_ARGS__},                                                       \
             sizeof((struct twin *[]){__VA_ARGS__}) / sizeof(struct twin *))

/* There and back through fp32 changes nothing. */
static void convert_each(void)
{
    struct device *gpu = device_of[GPU];
    for (int i = 0; i < 4; i++) {
        size_t count = (size_t)between(1, 3000000);
        struct twin t = twin_random(count, 1), wide = twin_floats(t.side[CPU].data, count);
        struct twin back = twin_poisoned(count);
        gpu->zero(gpu, wide.side[GPU].data, count * sizeof(float));
        gpu->ops->convert(gpu, &(struct convert_args){wide.side[GPU], t.side[GPU]});
        gpu->ops->convert(gpu, &(struct convert_args){back.side[GPU], wide.side[GPU]});
        memcpy(back.side[CPU].data, t.side[CPU].data, count * sizeof(float));
        assert_twin(&wide, "widened");
        assert_twin(&back, "and narrowed");
        FREE(&t, &wide, &back);
    }
}

static void fill_each(void)
{
    struct twin t = twin_poisoned(100003);
    struct fill_args args = {.seed = random_next(&dice), .first = 77, .deviation = 0.02f};
    for (int i = 0; i < 3; i++) {
        args.value = i < 2 ? 0.03f * (float)i : 1.5f;
        args.deviation = i < 2 ? 0.02f : 0;
        EACH_SIDE(side)
        {
            args.to = t.side[side];
            ops_of(side)->fill(device_of[side], &args);
        }
        assert_twin(&t, i < 2 ? "normal numbers" : "a fill");
    }
    twin_free(&t);
}

static struct tensor bias_at(const struct twin *bias, enum side side, int n, int shift)
{
    struct array from = array_part(bias->side[side], (size_t)(shift < 0 ? 0 : shift), (size_t)n);
    return tensor_of(from.format, 1, n, shift < 0 ? NULL : from.data);
}

/* `shift`: elements that the bias stands behind an aligned address; below 0: no bias. */
static void one_matmul(int m, int n, int k, bool ta, bool tb, bool accumulate, int shift)
{
    char what[96];
    size_t mn = (size_t)m * (size_t)n;
    struct twin a = twin_random((size_t)m * (size_t)k, 1),
                b = twin_random((size_t)k * (size_t)n, 1);
    struct twin c = accumulate ? twin_random(mn, 3) : twin_poisoned(mn);
    struct twin bias = twin_random((size_t)n + 8, 3);
    snprintf(what, sizeof what, "matmul %d %d %d%s%s%s, bias %d", m, n, k, ta ? " A^T" : "",
             tb ? " B^T" : "", accumulate ? " +=" : "", shift);
    for (int twice = 0; twice < 2; twice++) { /* the second does not time algorithms */
        EACH_SIDE(side)
        ops_of(side)->matmul(
            device_of[side],
            &(struct matmul_args){.c = twin_matrix(&c, side, m, n),
                                  .a = twin_matrix(&a, side, ta ? k : m, ta ? m : k),
                                  .b = twin_matrix(&b, side, tb ? n : k, tb ? k : n),
                                  .bias = bias_at(&bias, side, n, shift),
                                  .transpose_a = ta,
                                  .transpose_b = tb,
                                  .accumulate = accumulate});
        assert_twin(&c, what);
    }
    FREE(&a, &b, &c, &bias);
}

static void matmul_each(void)
{
    static const int shifts[] = {-1, 0, 3};
    for (int i = 0; i < 24; i++) {
        bool ta = i & 1, tb = i & 2, adds = i & 4;
        int shift = shifts[i / 8];
        one_matmul(128, 256, 192, ta, tb, adds, shift);
        one_matmul(between(1, 70), between(1, 90), between(1, 110), ta, tb, adds, shift);
        one_matmul(8 * between(1, 60), 8 * between(1, 60), 8 * between(1, 60), ta, tb, adds, shift);
    }
}

/* ids[SIDES], to be freed by ids_free */
static void ids_below(int32_t *ids[SIDES], int rows, int below, int heavy)
{
    int32_t *all = calloc((size_t)rows, sizeof *all);
    for (int i = 0; i < rows; i++)
        all[i] = between(0, 99) < heavy ? 1 : between(0, below - 1);
    EACH_SIDE(side)
    ids[side] = copy_of(side, all, (size_t)rows * sizeof *all);
    free(all);
}

static void ids_free(int32_t *ids[SIDES])
{
    EACH_SIDE(side)
    memory_free(side, ids[side]);
}

static void one_embedding(int rows, int hidden, int vocab, bool accumulate)
{
    size_t n = (size_t)rows * (size_t)hidden, size = (size_t)vocab * (size_t)hidden;
    struct twin table = twin_random(size, 1),
                out = accumulate ? twin_random(n, 1) : twin_poisoned(n);
    struct twin dout = twin_random(n, 1), dtable = twin_random(size, 1);
    int32_t *ids[SIDES];
    ids_below(ids, rows, vocab, 30);
    EACH_SIDE(side)
    {
        ops_of(side)->embed_forward(
            device_of[side], &(struct embed_args){.table = twin_matrix(&table, side, vocab, hidden),
                                                  .out = twin_matrix(&out, side, rows, hidden),
                                                  .ids = ids[side],
                                                  .accumulate = accumulate});
        ops_of(side)->embed_backward(
            device_of[side],
            &(struct embed_args){.table = twin_matrix(&dtable, side, vocab, hidden),
                                 .out = twin_matrix(&dout, side, rows, hidden),
                                 .ids = ids[side]});
    }
    assert_twin(&out, "embed_forward");
    assert_twin(&dtable, "embed_backward");
    ids_free(ids);
    FREE(&table, &out, &dout, &dtable);
}

static void embedding_each(void)
{
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        one_embedding(300, 128, 320, accumulate);
        one_embedding(between(1, 700), between(1, 90), between(2, 50), accumulate);
        one_embedding(between(700, 1500), 8 * between(1, 300), between(2, 5000), accumulate);
    }
}

static void one_bias(int rows, int width)
{
    size_t n = (size_t)rows * (size_t)width, w = (size_t)width;
    struct twin dx = twin_random(n, 1), dbias = twin_random(w, 1);
    EACH_SIDE(side)
    {
        struct bias_args args = {twin_matrix(&dx, side, rows, width),
                                 twin_matrix(&dbias, side, 1, width)};
        ops_of(side)->bias_backward(device_of[side], &args);
    }
    assert_twin(&dbias, "bias_backward");
    FREE(&dx, &dbias);
}

static void bias_each(void)
{
    one_bias(between(1, 8), between(1, 300));
    one_bias(between(500, 3000), 3 * 768);
    one_bias(between(3000, 5000), 768);
    one_bias(between(1, 700), 8 * between(1, 300));
    one_bias(between(1, 700), between(1, 1500));
}

/* All of a norm's arrays. */
struct norm_twins {
    enum norm_kind kind;
    struct twin x, delta, out, sum, weight, bias, dout, dx, dweight, dbias, rstd, mean;
    int rows, hidden;
};

static struct norm_twins norm_make(enum norm_kind kind, int rows, int hidden)
{
    size_t n = (size_t)rows * (size_t)hidden, h = (size_t)hidden;
    float *zero = calloc((size_t)rows, sizeof *zero);
    struct norm_twins t = {
        .kind = kind,
        .x = twin_random(n, 2),
        .delta = twin_random(n, 1),
        .out = twin_poisoned(n),
        .sum = twin_poisoned(n),
        .weight = twin_random(h, 1),
        .bias = twin_random(h, 1),
        .dout = twin_random(n, 1),
        .dx = twin_random(n, 1),
        .dweight = twin_random(h, 1),
        .dbias = twin_random(h, 1),
        .rstd = twin_floats(zero, (size_t)rows),
        .mean = twin_floats(zero, (size_t)rows),
        .rows = rows,
        .hidden = hidden,
    };
    free(zero);
    return t;
}

static struct norm_args norm_args(const struct norm_twins *t, enum side side)
{
    int rows = t->rows, hidden = t->hidden;
    return (struct norm_args){.kind = t->kind,
                              .out = twin_matrix(&t->out, side, rows, hidden),
                              .x = twin_matrix(&t->x, side, rows, hidden),
                              .weight = twin_matrix(&t->weight, side, 1, hidden),
                              .dout = twin_matrix(&t->dout, side, rows, hidden),
                              .dx = twin_matrix(&t->dx, side, rows, hidden),
                              .dweight = twin_matrix(&t->dweight, side, 1, hidden),
                              .bias = twin_matrix(&t->bias, side, 1, hidden),
                              .dbias = twin_matrix(&t->dbias, side, 1, hidden),
                              .rstd = t->rstd.side[side].data,
                              .mean = t->mean.side[side].data,
                              .eps = 1e-5f};
}

/* With a delta, to a sum of its own or in x's place. */
static void norm_of_sum(const struct norm_twins *t, bool in_place)
{
    EACH_SIDE(side)
    {
        struct norm_args args = norm_args(t, side);
        args.delta = twin_matrix(&t->delta, side, t->rows, t->hidden);
        args.sum = in_place ? args.x : twin_matrix(&t->sum, side, t->rows, t->hidden);
        ops_of(side)->norm_forward(device_of[side], &args);
    }
    assert_twin(in_place ? &t->x : &t->sum, "norm_forward's sum");
    assert_twin(&t->out, "norm_forward of a sum");
}

static void norm_free(struct norm_twins *t)
{
    FREE(&t->x, &t->delta, &t->out, &t->sum, &t->weight, &t->bias, &t->dout, &t->dx, &t->dweight,
         &t->dbias, &t->rstd, &t->mean);
}

static void one_norm(enum norm_kind kind, int rows, int hidden)
{
    struct norm_twins t = norm_make(kind, rows, hidden);
    EACH_SIDE(side)
    {
        struct norm_args args = norm_args(&t, side);
        ops_of(side)->norm_forward(device_of[side], &args);
        ops_of(side)->norm_backward(device_of[side], &args);
    }
    assert_twin(&t.out, "norm_forward");
    assert_twin(&t.rstd, "norm_forward's rstd");
    assert_twin(&t.dx, "norm_backward's dx");
    assert_twin(&t.dweight, "norm_backward's dweight");
    assert_twin(&t.dbias, "norm_backward's dbias");
    norm_of_sum(&t, false);
    norm_of_sum(&t, true);
    norm_free(&t);
}

static void norm_each(void)
{
    static const int widths[] = {1, 8, 128, 2048, 4096, 5120, 8192, 16384, 2049, 4097, 16383};
    for (enum norm_kind kind = NORM_RMS; kind <= NORM_LAYER; kind++) {
        for (size_t i = kind == NORM_LAYER; i < sizeof widths / sizeof widths[0]; i++)
            one_norm(kind, between(1, 40), widths[i]);
        one_norm(kind, 1000, between(2, 600));
        one_norm(kind, between(4000, 5000), 768); /* several rows a block */
        one_norm(kind, between(1500, 2000), 1600);
        one_norm(kind, between(1, 1200), 8 * between(1, 600));
    }
}

static void one_rope(int rows, struct attention_shape shape, struct rope_scaling scaling)
{
    int width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    struct twin qkv = twin_random((size_t)rows * (size_t)width, 1);
    int32_t *positions[SIDES];
    ids_below(positions, rows, 4096, 0);
    for (int inverse = 0; inverse < 2; inverse++) {
        EACH_SIDE(side)
        ops_of(side)->rope(device_of[side],
                           &(struct rope_args){twin_matrix(&qkv, side, rows, width),
                                               positions[side], shape, 10000, inverse, scaling});
        assert_twin(&qkv, inverse ? "rope back" : "rope");
    }
    ids_free(positions);
    twin_free(&qkv);
}

static void rope_each(void)
{
    const struct rope_scaling none = {0, 0, 0, 0}, llama3 = {8, 1, 4, 1000};
    one_rope(between(1, 300), (struct attention_shape){4, 2, 32}, none);
    one_rope(between(1, 100), (struct attention_shape){32, 32, 128}, none);
    one_rope(between(1, 100), (struct attention_shape){32, 8, 128}, llama3);
    one_rope(between(1, 100), (struct attention_shape){3, 1, 2 * between(1, 20)}, llama3);
}

static void one_attention(int rows, struct attention_shape shape, const struct documents *docs,
                          const char *what)
{
    char name[128];
    int q = shape.heads * shape.head_dim, width = q + 2 * shape.kv_heads * shape.head_dim;
    size_t n = (size_t)rows * (size_t)q, all = (size_t)rows * (size_t)width;
    struct twin qkv = twin_random(all, 1), out = twin_poisoned(n), dout = twin_random(n, 1);
    struct twin dqkv = twin_poisoned(all);
    EACH_SIDE(side)
    {
        struct attention_args args = {
            .qkv = twin_matrix(&qkv, side, rows, width),
            .out = twin_matrix(&out, side, rows, q),
            .dqkv = twin_matrix(&dqkv, side, rows, width),
            .dout = twin_matrix(&dout, side, rows, q),
            .lse = copy_of(side, NULL, (size_t)rows * (size_t)shape.heads * sizeof(float)),
            .shape = shape,
            .docs = docs,
        };
        ops_of(side)->attention_forward(device_of[side], &args);
        ops_of(side)->attention_backward(device_of[side], &args);
        assert_sync();
        memory_free(side, args.lse);
    }
    snprintf(name, sizeof name, "attention_forward, %s", what);
    assert_twin(&out, name);
    snprintf(name, sizeof name, "attention_backward, %s", what);
    assert_twin(&dqkv, name);
    FREE(&qkv, &out, &dout, &dqkv);
}

enum { DOCUMENTS = 64 };

static void plain_attention(struct attention_shape shape, int count, int length, const char *what)
{
    int32_t start[DOCUMENTS], lengths[DOCUMENTS];
    struct documents docs = {count, start, lengths, length};
    for (int i = 0; i < count; i++) {
        start[i] = i * length;
        lengths[i] = length;
    }
    one_attention(count * length, shape, &docs, what);
}

static void packed_attention(struct attention_shape shape, int count, int longest, const char *what)
{
    int32_t start[DOCUMENTS], lengths[DOCUMENTS];
    struct documents docs = {count, start, lengths, 0};
    int row = between(0, 5);
    for (int i = 0; i < count; i++) {
        start[i] = row;
        lengths[i] = between(1, longest);
        row += lengths[i] + (i % 3 == 0 ? between(0, 40) : 0);
        docs.longest = lengths[i] > docs.longest ? lengths[i] : docs.longest;
    }
    one_attention(row + between(0, 100), shape, &docs, what);
}

static void attention_plain_each(void)
{
    plain_attention((struct attention_shape){4, 4, 128}, 3, 256, "plain");
    plain_attention((struct attention_shape){8, 2, 64}, 2, 384, "plain, 4 query heads a key head");
    plain_attention((struct attention_shape){4, 2, 32}, 2, 1024, "plain, tiny's heads");
}

static void attention_packed_each(void)
{
    packed_attention((struct attention_shape){4, 4, 128}, 7, 300, "packed");
    packed_attention((struct attention_shape){8, 2, 64}, 33, 90,
                     "packed, 4 query heads a key head");
    packed_attention((struct attention_shape){4, 2, 32}, 11, 700, "packed, tiny's heads");
    packed_attention((struct attention_shape){2, 2, 128}, 1, 77, "one short document");
    packed_attention((struct attention_shape){4, 4, 128}, 5, 1, "documents of one token");
}

static void one_activation(enum activation kind, int rows, int ffn)
{
    int wide = kind == ACTIVATION_GELU ? ffn : 2 * ffn;
    size_t n = (size_t)rows * (size_t)ffn, all = (size_t)rows * (size_t)wide;
    struct twin in = twin_random(all, 2), out = twin_poisoned(n), dout = twin_random(n, 1);
    struct twin din = twin_poisoned(all);
    EACH_SIDE(side)
    {
        struct activation_args args = {.kind = kind,
                                       .in = twin_matrix(&in, side, rows, wide),
                                       .out = twin_matrix(&out, side, rows, ffn),
                                       .din = twin_matrix(&din, side, rows, wide),
                                       .dout = twin_matrix(&dout, side, rows, ffn)};
        ops_of(side)->activation_forward(device_of[side], &args);
        ops_of(side)->activation_backward(device_of[side], &args);
    }
    assert_twin(&out, kind == ACTIVATION_GELU ? "gelu_forward" : "swiglu_forward");
    assert_twin(&din, kind == ACTIVATION_GELU ? "gelu_backward" : "swiglu_backward");
    FREE(&in, &out, &dout, &din);
}

static void activation_each(void)
{
    for (enum activation kind = ACTIVATION_SWIGLU; kind <= ACTIVATION_GELU; kind++) {
        one_activation(kind, between(1, 50), 11008);
        one_activation(kind, between(1, 50), between(1, 999));
        one_activation(kind, between(1, 500), 8 * between(1, 99));
    }
}

static void one_cross_entropy(int rows, int vocab, int classes)
{
    struct twin logits = twin_random((size_t)rows * (size_t)vocab, 3);
    int32_t *host = calloc((size_t)rows, sizeof *host);
    float *zero = calloc((size_t)rows, sizeof *zero);
    struct twin loss = twin_floats(zero, (size_t)rows);
    for (int i = 0; i < rows; i++)
        host[i] = i % 3 == 0 ? -1 : between(0, classes - 1);
    EACH_SIDE(side)
    {
        int32_t *targets = copy_of(side, host, (size_t)rows * sizeof *host);
        ops_of(side)->cross_entropy(
            device_of[side],
            &(struct cross_entropy_args){twin_matrix(&logits, side, rows, vocab), classes,
                                         loss.side[side].data, targets, 0.37f});
        assert_sync();
        memory_free(side, targets);
    }
    assert_twin(&logits, "cross_entropy's gradient");
    assert_twin(&loss, "cross_entropy's loss");
    free(host);
    free(zero);
    FREE(&logits, &loss);
}

static void cross_entropy_each(void)
{
    int odd = between(2, 9999);
    one_cross_entropy(between(2, 40), 32000, 32000);
    one_cross_entropy(3, 128256, 128256);
    one_cross_entropy(between(2, 40), odd, odd);
    one_cross_entropy(between(2, 300), 320, between(2, 320));
    one_cross_entropy(between(2, 40), 50304, 50257);
}

static void sum_each(void)
{
    struct device *gpu = device_of[GPU];
    for (int i = 0; i < 8; i++) {
        bool squares = i % 2;
        size_t count = (size_t)between(1, i < 4 ? 3000 : 5000000);
        struct twin x = twin_random(count, 1);
        double start = -3, want = start, got;
        double *sum = copy_of(GPU, &start, sizeof start);
        ops_of(CPU)->sum(device_of[CPU], &(struct sum_args){&want, x.side[CPU], squares});
        ops_of(GPU)->sum(gpu, &(struct sum_args){sum, x.side[GPU], squares});
        gpu->read(gpu, &got, sum, sizeof got);
        assert_sync();
        assert_true(fabs(got - want) <
                    fp32_bound * (squares ? (double)count : sqrt((double)count)));
        memory_free(GPU, sum);
        twin_free(&x);
    }
}

static void add_each(void)
{
    for (int i = 0; i < 4; i++) {
        size_t count = (size_t)(i == 0 ? 7 : between(1, 2000000));
        struct twin to = twin_random(count, 1), from = twin_random(count, 1);
        EACH_SIDE(side)
        ops_of(side)->add(device_of[side], &(struct add_args){to.side[side], from.side[side]});
        assert_twin(&to, "a sum");
        FREE(&to, &from);
    }
}

/* A chain over all lanes: each copies what the lane before has copied, and only then. Each link is
 * a copy of some hundred megabytes, so that a lane that does not wait reads what was there before.
 */
static void test_lanes_wait_for_each_other(void **state)
{
    (void)state;
    const size_t count = 100 << 20;
    struct device *gpu = device_of[GPU];
    struct array link[LANES + 1];
    float last;
    for (int i = 0; i <= LANES; i++) {
        link[i] = (struct array){gpu->format, copy_of(GPU, NULL, format_bytes(gpu->format, count)),
                                 count};
        gpu->ops->fill(gpu, &(struct fill_args){.to = link[i]});
    }
    assert_sync();
    for (float value = 1; value <= 3; value++) {
        gpu->stamps_clear(gpu);
        int begin = gpu->stamp(gpu, LANE_COMPUTE);
        gpu->ops->fill(gpu, &(struct fill_args){.to = link[0], .value = value});
        for (int lane = LANE_COMPUTE; lane < LANES; lane++) {
            if (lane > 0)
                gpu->await(gpu, (enum lane)lane, lane - 1);
            gpu->copy(gpu, (enum lane)lane, link[lane + 1].data, link[lane].data,
                      format_bytes(gpu->format, count));
            gpu->mark(gpu, (enum lane)lane, lane);
        }
        int end = gpu->stamp(gpu, LANE_ACROSS);
        gpu->await(gpu, LANE_COMPUTE, LANE_ACROSS);
        device_read_floats(gpu, &last, array_part(link[LANES], count - 1, 1));
        assert_sync();
        assert_true(last == value);
        assert_true(gpu->stamp_time(gpu, begin) == 0 && gpu->stamp_time(gpu, end) > 0);
    }
    gpu->await(gpu, LANE_COMPUTE, 1000); /* never marked: nothing to wait for */
    assert_sync();
    for (int i = 0; i <= LANES; i++)
        memory_free(GPU, link[i].data);
}

static struct adamw_args adamw_some(void)
{
    return (struct adamw_args){.lr = 1e-2f,
                               .beta1 = 0.9f,
                               .beta2 = 0.95f,
                               .eps = 1e-8f,
                               .weight_decay = 0.1f,
                               .correction1 = 0.271f,
                               .correction2 = 0.1426f};
}

static void adamw_fp32_each(void)
{
    for (int i = 0; i < 3; i++) {
        size_t count = i == 0 ? 8 * 1000 : (size_t)between(1, 100000);
        struct twin w = twin_random(count, 1), g = twin_random(count, 1);
        float *m = calloc(count, sizeof *m), *v = calloc(count, sizeof *v);
        for (size_t j = 0; j < count; j++) {
            m[j] = (float)random_normal(&dice);
            v[j] = fabsf((float)random_normal(&dice));
        }
        struct twin mean = twin_floats(m, count), square = twin_floats(v, count);
        struct twin master = twin_floats(w.side[CPU].data, count);
        EACH_SIDE(side)
        {
            struct adamw_args args = adamw_some();
            double norm2 = 100;
            args.weight = w.side[side];
            args.grad = g.side[side];
            args.master = w.side[side].format == FORMAT_FP32 ? NULL : master.side[side].data;
            args.m = mean.side[side].data;
            args.v = square.side[side].data;
            args.clip = i == 1 ? 0 : 1;
            args.norm2 = copy_of(side, &norm2, sizeof norm2);
            ops_of(side)->adamw(device_of[side], &args);
            assert_sync();
            memory_free(side, (double *)(uintptr_t)args.norm2);
        }
        memcpy(master.side[CPU].data, w.side[CPU].data, count * sizeof(float));
        if (twin_format != FORMAT_FP32)
            assert_twin(&master, "adamw's master weights");
        assert_twin(&mean, "adamw's m");
        assert_twin(&square, "adamw's v");
        assert_twin(&w, "adamw's weights");
        free(m);
        free(v);
        FREE(&w, &g, &mean, &square, &master);
    }
}

/* One step with moments in bf16; v becomes squares[side][count]. */
static void adamw_bf16_step(size_t count, const struct twin *w, const struct twin *g,
                            const uint16_t *m, const uint16_t *v, uint16_t *squares[SIDES])
{
    struct adamw_args args = adamw_some();
    args.states = FORMAT_BF16;
    args.clip = 1;
    args.seed = random_next(&dice);
    args.first = (uint64_t)between(0, 1000) << 28;
    EACH_SIDE(side)
    {
        double norm2 = 100, *norm2_there = copy_of(side, &norm2, sizeof norm2);
        uint16_t *mean = copy_of(side, m, count * sizeof *m),
                 *square = copy_of(side, v, count * sizeof *v);
        args.weight = w->side[side];
        args.grad = g->side[side];
        args.m = mean;
        args.v = square;
        args.norm2 = norm2_there;
        ops_of(side)->adamw(device_of[side], &args);
        device_of[side]->read(device_of[side], squares[side], square, count * sizeof *v);
        memory_free(side, mean);
        memory_free(side, square);
        memory_free(side, norm2_there);
    }
    assert_sync();
}

/* Both devices round by the same dice, so nearly all elements are the same to the last bit; some
 * differ where fp32's last bit decides. */
static void adamw_bf16_each(void)
{
    for (int i = 0; i < 3; i++) {
        size_t count = i == 0 ? 8 * 1000 : (size_t)between(1000, 100000), same = 0;
        struct twin w = twin_random(count, 1), g = twin_random(count, 1);
        uint16_t *m = calloc(count, 2), *v = calloc(count, 2);
        uint16_t *squares[SIDES] = {calloc(count, 2), calloc(count, 2)};
        for (size_t j = 0; j < count; j++) {
            m[j] = (uint16_t)(0x3c00 + between(0, 0x3ff)); /* 0.008 to 1 */
            v[j] = (uint16_t)(0x3c00 + between(0, 0x3ff));
        }
        adamw_bf16_step(count, &w, &g, m, v, squares);
        assert_twin(&w, "adamw's weights in bf16");
        for (size_t j = 0; j < count; j++) {
            same += squares[CPU][j] == squares[GPU][j];
            assert_true(abs(squares[CPU][j] - squares[GPU][j]) <= 1);
        }
        assert_true(same > count - count / 50);
        free(m);
        free(v);
        free(squares[CPU]);
        free(squares[GPU]);
        FREE(&w, &g);
    }
}

/* The same inputs give the same bits: nothing adds in an order of chance, but attention's dq, whose
 * blocks of keys do. */
static void repeat_each(void)
{
    enum { ROWS = 500, HIDDEN = 512, VOCAB = 100 };
    struct device *gpu = device_of[GPU];
    struct norm_twins t = norm_make(NORM_LAYER, ROWS, HIDDEN);
    struct norm_args args = norm_args(&t, GPU);
    struct array all = {gpu->format, NULL, (size_t)(VOCAB + 1 + ROWS) * HIDDEN};
    size_t bytes = format_bytes(gpu->format, all.count);
    int32_t *ids[SIDES];
    char *first = NULL;
    ids_below(ids, ROWS, VOCAB, 50);
    gpu->ops->norm_forward(gpu, &args);
    for (int time = 0; time < 3; time++) {
        char *host = malloc(bytes);
        all.data = copy_of(GPU, NULL, bytes);
        gpu->zero(gpu, all.data, bytes);
        struct tensor rows = tensor_of(gpu->format, VOCAB + 1 + ROWS, HIDDEN, all.data);
        gpu->ops->embed_backward(gpu, &(struct embed_args){.table = tensor_rows(rows, 0, VOCAB),
                                                           .out = args.dout,
                                                           .ids = ids[GPU]});
        args.dweight = tensor_rows(rows, VOCAB, 1);
        args.dx = tensor_rows(rows, VOCAB + 1, ROWS);
        gpu->ops->norm_backward(gpu, &args);
        gpu->read(gpu, host, all.data, bytes);
        assert_sync();
        memory_free(GPU, all.data);
        if (first != NULL)
            assert_memory_equal(first, host, bytes);
        free(first);
        first = host;
    }
    free(first);
    ids_free(ids);
    norm_free(&t);
}

/* Sizes around those at which a read goes another way, from and to odd addresses, alone and as
 * parts of one: the bytes that were written, each at its place and none beside it. */
static void test_reads(void **state)
{
    enum { B = READ_BUFFER, C = READ_CHUNK, L = READ_LEAST, GAP = 16 };
    static const size_t sizes[] = {
        0,     1, C - 1, C, C + 1,         L - 1,     L, L + 1,
        B - 1, B, B + 1, 0, 3 * B + B / 2, 2 * B + 1, 5, 2 * B,
    };
    enum { SIZES = sizeof sizes / sizeof sizes[0], SMALL = 3000 };
    struct device *gpu = device_of[GPU];
    struct read_part *parts = calloc(SIZES + SMALL, sizeof *parts);
    size_t all = 0, count;
    (void)state;
    for (count = 0; count < SIZES + SMALL; count++) {
        parts[count].bytes = count < SIZES ? sizes[count] : (size_t)between(0, 5000);
        all += parts[count].bytes + GAP;
    }
    unsigned char *wrote = malloc(all), *got = malloc(all), *expected = calloc(1, all);
    for (size_t i = 0; i < all; i += sizeof(uint32_t)) {
        uint32_t word = (uint32_t)random_next(&dice);
        memcpy(wrote + i, &word, all - i < sizeof word ? all - i : sizeof word);
    }
    char *there = copy_of(GPU, NULL, all);
    gpu->write(gpu, there, wrote, all);
    size_t at = 1;
    for (size_t i = 0; i < count; at += parts[i++].bytes + GAP) {
        parts[i].host = got + at;
        parts[i].from = there + at;
        memcpy(expected + at, wrote + at, parts[i].bytes);
    }
    for (int together = 0; together < 2; together++) {
        memset(got, 0, all);
        if (together)
            gpu->read_many(gpu, parts, count);
        else
            for (size_t i = 0; i < count; i++)
                gpu->read(gpu, parts[i].host, parts[i].from, parts[i].bytes);
        assert_sync();
        assert_int_equal(memcmp(got, expected, all), 0);
    }
    /* and after what was enqueued before it */
    gpu->zero(gpu, there, all);
    gpu->read(gpu, got, there, all);
    memset(expected, 0, all);
    assert_int_equal(memcmp(got, expected, all), 0);
    assert_sync();
    memory_free(GPU, there);
    free(wrote), free(got), free(expected), free(parts);
}

#define EACH(name, op, each)                                                                       \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        twin_each_format(op, each);                                                                \
    }
EACH(conversions, OP_CONVERT, convert_each)
EACH(fills, OP_FILL, fill_each)
EACH(add, OP_ADD, add_each)
EACH(matmul, OP_MATMUL, matmul_each)
EACH(embedding, OP_EMBED, embedding_each)
EACH(norm, OP_NORM, norm_each)
EACH(rope, OP_ROPE, rope_each)
EACH(attention_plain, OP_ATTENTION, attention_plain_each)
EACH(attention_packed, OP_ATTENTION, attention_packed_each)
EACH(activation, OP_ACTIVATION, activation_each)
EACH(bias, OP_BIAS, bias_each)
EACH(cross_entropy, OP_CROSS_ENTROPY, cross_entropy_each)
EACH(sums, OP_SUM, sum_each)
EACH(adamw_fp32, OP_ADAMW, adamw_fp32_each)
EACH(adamw_bf16, OP_ADAMW, adamw_bf16_each)
EACH(results_repeat, OP_NORM, repeat_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_fills),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_attention_plain),
        cmocka_unit_test(test_attention_packed),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_lanes_wait_for_each_other),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_adamw_fp32),
        cmocka_unit_test(test_adamw_bf16),
        cmocka_unit_test(test_results_repeat),
    };
    const struct CMUnitTest of_fp32[] = {
        cmocka_unit_test(test_fills),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_attention_plain),
        cmocka_unit_test(test_attention_packed),
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_add),
    };
    if (device_cuda_count(NULL) <= 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests(tests, twin_devices_start, twin_devices_stop) +
           cmocka_run_group_tests(of_fp32, twin_devices_start_fp32, twin_devices_stop);
}
