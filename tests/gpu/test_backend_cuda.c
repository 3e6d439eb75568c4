/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation of the CUDA backend against the CPU's, on shapes odd and even and on numbers drawn
 * anew each time (the seed is printed; SFT_SEED repeats one). Outputs are poisoned with NaN first,
 * so that an element that nobody wrote shows. Skipped where there is no GPU. */
#include "tests/gpu/backend_twin.h"

#include <float.h>
#include <math.h>

static void test_copies(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        size_t count = (size_t)between(1, 6000000);
        struct twin t = twin_random(count, 1);
        float *wide = memory_of(gpu, count * 4);
        gpu->widen(gpu, wide, t.g, count);
        assert_floats(wide, t.c, count, 1e-30, "widen");
        assert_twin(&t, "a copy there and back");
        gpu->release(gpu, wide);
        twin_free(&t);
    }
}

static void test_fills(void **state)
{
    (void)state;
    struct twin t = twin_poisoned(100003);
    uint64_t seed = random_next(&dice);
    gpu->fill_normal(gpu, t.g, t.count, seed, 77, 0.02f);
    cpu->fill_normal(cpu, t.c, t.count, seed, 77, 0.02f);
    assert_twin(&t, "fill_normal");
    gpu->fill(gpu, t.g, t.count, 1.5f);
    cpu->fill(cpu, t.c, t.count, 1.5f);
    assert_twin(&t, "fill");
    twin_free(&t);
}

static void one_matmul(int m, int n, int k, bool ta, bool tb, bool accumulate)
{
    char what[96];
    size_t mn = (size_t)m * (size_t)n;
    struct twin a = twin_random((size_t)m * (size_t)k, 1),
                b = twin_random((size_t)k * (size_t)n, 1);
    struct twin c = accumulate ? twin_random(mn, 3) : twin_poisoned(mn);
    snprintf(what, sizeof what, "matmul %d %d %d%s%s%s", m, n, k, ta ? " A^T" : "",
             tb ? " B^T" : "", accumulate ? " +=" : "");
    for (int twice = 0; twice < 2; twice++) { /* the second does not time algorithms */
        cpu->matmul(cpu, c.c, a.c, ta, b.c, tb, m, n, k, accumulate);
        gpu->matmul(gpu, c.g, a.g, ta, b.g, tb, m, n, k, accumulate);
        assert_twin(&c, what);
    }
    twin_free(&a);
    twin_free(&b);
    twin_free(&c);
}

static void test_matmul(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        one_matmul(128, 256, 192, i & 1, i & 2, i & 4);
        one_matmul(between(1, 70), between(1, 90), between(1, 110), i & 1, i & 2, i & 4);
        one_matmul(8 * between(1, 60), 8 * between(1, 60), 8 * between(1, 60), i & 1, i & 2, i & 4);
    }
}

static int32_t *ids_below(int rows, int below, int heavy)
{
    int32_t *ids = calloc((size_t)rows, sizeof *ids);
    for (int i = 0; i < rows; i++)
        ids[i] = between(0, 99) < heavy ? 1 : between(0, below - 1);
    return ids;
}

static void one_embedding(int rows, int hidden, int vocab)
{
    size_t h = (size_t)hidden;
    struct twin table = twin_random((size_t)vocab * h, 1), out = twin_poisoned((size_t)rows * h);
    struct twin dout = twin_random((size_t)rows * h, 1), dtable = twin_random((size_t)vocab * h, 1);
    int32_t *ids = ids_below(rows, vocab, 30), *there = copy_of(ids, (size_t)rows * sizeof *ids);
    cpu->embed_forward(cpu, out.c, table.c, ids, rows, hidden);
    gpu->embed_forward(gpu, out.g, table.g, there, rows, hidden);
    assert_twin(&out, "embed_forward");
    cpu->embed_backward(cpu, dtable.c, dout.c, ids, rows, hidden);
    gpu->embed_backward(gpu, dtable.g, dout.g, there, rows, hidden);
    assert_twin(&dtable, "embed_backward");
    free(ids);
    gpu->release(gpu, there);
    twin_free(&table);
    twin_free(&out);
    twin_free(&dout);
    twin_free(&dtable);
}

static void test_embedding(void **state)
{
    (void)state;
    one_embedding(300, 128, 320);
    one_embedding(between(1, 700), between(1, 90), between(2, 50));
    one_embedding(between(700, 1500), 8 * between(1, 300), between(2, 5000));
}

static void one_norm(int rows, int hidden)
{
    size_t n = (size_t)rows * (size_t)hidden;
    struct twin x = twin_random(n, 2), delta = twin_random(n, 1), out = twin_poisoned(n);
    struct twin w = twin_random((size_t)hidden, 1), sum = twin_poisoned(n),
                dout = twin_random(n, 1);
    struct twin dx = twin_random(n, 1), dw = twin_random((size_t)hidden, 1);
    float *c_rstd = memory_of(cpu, (size_t)rows * 4), *g_rstd = memory_of(gpu, (size_t)rows * 4);
    gpu->zero(gpu, g_rstd, (size_t)rows * 4);
    cpu->norm_forward(cpu, out.c, c_rstd, NULL, x.c, NULL, w.c, rows, hidden, 1e-5f);
    gpu->norm_forward(gpu, out.g, g_rstd, NULL, x.g, NULL, w.g, rows, hidden, 1e-5f);
    assert_twin(&out, "norm_forward");
    assert_floats(g_rstd, c_rstd, (size_t)rows, fp32_bound, "norm_forward's rstd");
    cpu->norm_backward(cpu, dx.c, dw.c, dout.c, x.c, w.c, c_rstd, rows, hidden);
    gpu->norm_backward(gpu, dx.g, dw.g, dout.g, x.g, w.g, g_rstd, rows, hidden);
    assert_twin(&dx, "norm_backward's dx");
    assert_twin(&dw, "norm_backward's dweight");
    cpu->norm_forward(cpu, out.c, c_rstd, sum.c, x.c, delta.c, w.c, rows, hidden, 1e-5f);
    gpu->norm_forward(gpu, out.g, g_rstd, sum.g, x.g, delta.g, w.g, rows, hidden, 1e-5f);
    assert_twin(&sum, "norm_forward's sum");
    assert_twin(&out, "norm_forward of a sum");
    cpu->norm_forward(cpu, out.c, c_rstd, x.c, x.c, delta.c, w.c, rows, hidden, 1e-5f);
    gpu->norm_forward(gpu, out.g, g_rstd, x.g, x.g, delta.g, w.g, rows, hidden, 1e-5f);
    assert_twin(&x, "norm_forward in place");
    struct twin *all[] = {&x, &delta, &out, &w, &sum, &dout, &dx, &dw};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        twin_free(all[i]);
    cpu->release(cpu, c_rstd);
    gpu->release(gpu, g_rstd);
}

static void test_norm(void **state)
{
    (void)state;
    static const int widths[] = {1, 8, 128, 2048, 4096, 5120, 8192, 16384, 2049, 4097, 16383};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        one_norm(between(1, 40), widths[i]);
    one_norm(1000, between(1, 600));
    one_norm(between(1, 1200), 8 * between(1, 600));
}

static void one_rope(int rows, struct attention_shape shape)
{
    size_t width = (size_t)(shape.heads + 2 * shape.kv_heads) * (size_t)shape.head_dim;
    struct twin qkv = twin_random((size_t)rows * width, 1);
    int32_t *positions = ids_below(rows, 4096, 0);
    int32_t *there = copy_of(positions, (size_t)rows * sizeof *positions);
    for (int inverse = 0; inverse < 2; inverse++) {
        cpu->rope(cpu, qkv.c, positions, rows, shape, 10000, inverse);
        gpu->rope(gpu, qkv.g, there, rows, shape, 10000, inverse);
        assert_twin(&qkv, inverse ? "rope back" : "rope");
    }
    free(positions);
    gpu->release(gpu, there);
    twin_free(&qkv);
}

static void test_rope(void **state)
{
    (void)state;
    one_rope(between(1, 300), (struct attention_shape){4, 2, 32});
    one_rope(between(1, 100), (struct attention_shape){32, 32, 128});
    one_rope(between(1, 100), (struct attention_shape){3, 1, 2 * between(1, 20)});
}

static void one_attention(int rows, struct attention_shape shape, const struct documents *docs,
                          const char *what)
{
    char name[128];
    size_t d = (size_t)shape.head_dim, h = (size_t)shape.heads, n = (size_t)rows;
    size_t width = (h + 2 * (size_t)shape.kv_heads) * d;
    struct twin qkv = twin_random(n * width, 1), out = twin_poisoned(n * h * d);
    struct twin dout = twin_random(n * h * d, 1), dqkv = twin_poisoned(n * width);
    float *c_lse = memory_of(cpu, n * h * 4), *g_lse = memory_of(gpu, n * h * 4);
    cpu->attention_forward(cpu, out.c, c_lse, qkv.c, rows, shape, docs);
    gpu->attention_forward(gpu, out.g, g_lse, qkv.g, rows, shape, docs);
    snprintf(name, sizeof name, "attention_forward, %s", what);
    assert_twin(&out, name);
    cpu->attention_backward(cpu, dqkv.c, dout.c, out.c, c_lse, qkv.c, rows, shape, docs);
    gpu->attention_backward(gpu, dqkv.g, dout.g, out.g, g_lse, qkv.g, rows, shape, docs);
    snprintf(name, sizeof name, "attention_backward, %s", what);
    assert_twin(&dqkv, name);
    cpu->release(cpu, c_lse);
    gpu->release(gpu, g_lse);
    twin_free(&qkv);
    twin_free(&out);
    twin_free(&dout);
    twin_free(&dqkv);
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

static void test_attention_plain(void **state)
{
    (void)state;
    plain_attention((struct attention_shape){4, 4, 128}, 3, 256, "plain");
    plain_attention((struct attention_shape){8, 2, 64}, 2, 384, "plain, 4 query heads a key head");
    plain_attention((struct attention_shape){4, 2, 32}, 2, 1024, "plain, tiny's heads");
}

static void test_attention_packed(void **state)
{
    (void)state;
    packed_attention((struct attention_shape){4, 4, 128}, 7, 300, "packed");
    packed_attention((struct attention_shape){8, 2, 64}, 33, 90,
                     "packed, 4 query heads a key head");
    packed_attention((struct attention_shape){4, 2, 32}, 11, 700, "packed, tiny's heads");
    packed_attention((struct attention_shape){2, 2, 128}, 1, 77, "one short document");
    packed_attention((struct attention_shape){4, 4, 128}, 5, 1, "documents of one token");
}

static void one_swiglu(int rows, int ffn)
{
    size_t n = (size_t)rows * (size_t)ffn;
    struct twin gate_up = twin_random(2 * n, 2), out = twin_poisoned(n), dout = twin_random(n, 1);
    struct twin dgate_up = twin_poisoned(2 * n);
    cpu->swiglu_forward(cpu, out.c, gate_up.c, rows, ffn);
    gpu->swiglu_forward(gpu, out.g, gate_up.g, rows, ffn);
    assert_twin(&out, "swiglu_forward");
    cpu->swiglu_backward(cpu, dgate_up.c, dout.c, gate_up.c, rows, ffn);
    gpu->swiglu_backward(gpu, dgate_up.g, dout.g, gate_up.g, rows, ffn);
    assert_twin(&dgate_up, "swiglu_backward");
    twin_free(&gate_up);
    twin_free(&out);
    twin_free(&dout);
    twin_free(&dgate_up);
}

static void test_swiglu(void **state)
{
    (void)state;
    one_swiglu(between(1, 50), 11008);
    one_swiglu(between(1, 50), between(1, 999));
    one_swiglu(between(1, 500), 8 * between(1, 99));
}

static void one_cross_entropy(int rows, int vocab)
{
    size_t n = (size_t)rows * (size_t)vocab;
    struct twin logits = twin_random(n, 3);
    int32_t *targets = ids_below(rows, vocab, 0);
    for (int i = 0; i < rows; i += 3)
        targets[i] = -1;
    int32_t *there = copy_of(targets, (size_t)rows * sizeof *targets);
    float *c_loss = memory_of(cpu, (size_t)rows * 4), *g_loss = memory_of(gpu, (size_t)rows * 4);
    cpu->cross_entropy(cpu, logits.c, c_loss, targets, rows, vocab, 0.37f);
    gpu->cross_entropy(gpu, logits.g, g_loss, there, rows, vocab, 0.37f);
    assert_twin(&logits, "cross_entropy's gradient");
    assert_floats(g_loss, c_loss, (size_t)rows, fp32_bound, "cross_entropy's loss");
    free(targets);
    cpu->release(cpu, c_loss);
    gpu->release(gpu, g_loss);
    gpu->release(gpu, there);
    twin_free(&logits);
}

static void test_cross_entropy(void **state)
{
    (void)state;
    one_cross_entropy(between(2, 40), 32000);
    one_cross_entropy(3, 128256);
    one_cross_entropy(between(2, 40), between(2, 9999));
    one_cross_entropy(between(2, 300), 8 * between(1, 40));
}

static void test_sums(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        size_t count = (size_t)between(1, i < 2 ? 3000 : 5000000);
        struct twin x = twin_random(count, 1);
        double c_sum = 0.5, sums[2] = {0.5, -3}, got[2];
        double *g_sum = copy_of(sums, sizeof sums);
        float *floats = copy_of(x.c, count * 4);
        double plain = -3;
        cpu->sum_squares(cpu, &c_sum, x.c, count);
        gpu->sum_squares(gpu, g_sum, x.g, count);
        cpu->sum_floats(cpu, &plain, x.c, count);
        gpu->sum_floats(gpu, g_sum + 1, floats, count);
        gpu->read(gpu, got, g_sum, sizeof got);
        assert_sync();
        assert_true(fabs(got[0] - c_sum) < fp32_bound * fabs(c_sum));
        assert_true(fabs(got[1] - plain) < fp32_bound * sqrt((double)count));
        gpu->release(gpu, g_sum);
        gpu->release(gpu, floats);
        twin_free(&x);
    }
}

static void test_add(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        size_t count = (size_t)(i == 0 ? 7 : between(1, 2000000));
        struct twin to = twin_random(count, 1), from = twin_random(count, 1);
        cpu->add(cpu, to.c, from.c, count);
        gpu->add(gpu, to.g, from.g, count);
        assert_twin(&to, "a sum");
        twin_free(&to);
        twin_free(&from);
    }
}

/* A chain over all lanes: each copies what the lane before has copied, and only then. Each link is
 * a copy of some hundred megabytes, so that a lane that does not wait reads what was there before.
 */
static void test_lanes_wait_for_each_other(void **state)
{
    (void)state;
    const size_t count = 100 << 20;
    struct sft_error err = {""};
    act *link[LANES + 1];
    float last;
    for (int i = 0; i <= LANES; i++) {
        link[i] = gpu->allocate(gpu, count * gpu->act_size, &err);
        assert_non_null(link[i]);
        gpu->fill(gpu, link[i], count, 0);
    }
    assert_sync();
    for (float value = 1; value <= 3; value++) {
        gpu->stamps_clear(gpu);
        int begin = gpu->stamp(gpu, LANE_COMPUTE);
        gpu->fill(gpu, link[0], count, value);
        for (int lane = LANE_COMPUTE; lane < LANES; lane++) {
            if (lane > 0)
                gpu->await(gpu, (enum backend_lane)lane, lane - 1);
            gpu->copy(gpu, (enum backend_lane)lane, link[lane + 1], link[lane], count);
            gpu->mark(gpu, (enum backend_lane)lane, lane);
        }
        int end = gpu->stamp(gpu, LANE_ACROSS);
        gpu->await(gpu, LANE_COMPUTE, LANE_ACROSS);
        gpu->read_act(gpu, &last, (char *)link[LANES] + (count - 1) * gpu->act_size, 1);
        assert_sync();
        assert_true(last == value);
        assert_true(gpu->stamp_time(gpu, begin) == 0 && gpu->stamp_time(gpu, end) > 0);
    }
    gpu->await(gpu, LANE_COMPUTE, 1000); /* never marked: nothing to wait for */
    assert_sync();
    for (int i = 0; i <= LANES; i++)
        gpu->release(gpu, link[i]);
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

static void test_adamw_fp32(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t count = i == 0 ? 8 * 1000 : (size_t)between(1, 100000);
        struct twin w = twin_random(count, 1), g = twin_random(count, 1),
                    start = twin_random(count, 1);
        float *m = calloc(count, 4), *v = calloc(count, 4);
        for (size_t j = 0; j < count; j++) {
            m[j] = (float)random_normal(&dice);
            v[j] = fabsf((float)random_normal(&dice));
        }
        float *gm = copy_of(m, count * 4), *gv = copy_of(v, count * 4);
        float *master = copy_of(start.c, count * 4);
        double norm2 = 100, *g_norm2 = copy_of(&norm2, sizeof norm2);
        memcpy(w.c, start.c, count * 4);
        cpu->adamw(cpu, w.c, g.c, NULL, m, v, count, &norm2, i == 1 ? 0 : 1, adamw_some());
        gpu->adamw(gpu, w.g, g.g, master, gm, gv, count, g_norm2, i == 1 ? 0 : 1, adamw_some());
        assert_floats(master, w.c, count, fp32_bound, "adamw's master weights");
        assert_floats(gm, m, count, fp32_bound, "adamw's m");
        assert_floats(gv, v, count, fp32_bound, "adamw's v");
        assert_twin(&w, "adamw's weights");
        void *there[] = {gm, gv, master, g_norm2};
        for (int j = 0; j < 4; j++)
            gpu->release(gpu, there[j]);
        free(m);
        free(v);
        twin_free(&w);
        twin_free(&g);
        twin_free(&start);
    }
}

/* Both backends round by the same dice, so nearly all elements are the same to the last bit; some
 * differ where fp32's last bit decides. */
static void test_adamw_bf16(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t count = i == 0 ? 8 * 1000 : (size_t)between(1000, 100000), same = 0;
        struct twin w = twin_random(count, 1), g = twin_random(count, 1);
        uint16_t *m = calloc(count, 2), *v = calloc(count, 2), *got = calloc(count, 2);
        for (size_t j = 0; j < count; j++) {
            m[j] = (uint16_t)(0x3c00 + between(0, 0x3ff)); /* 0.008 to 1 */
            v[j] = (uint16_t)(0x3c00 + between(0, 0x3ff));
        }
        void *gm = copy_of(m, count * 2), *gv = copy_of(v, count * 2);
        double norm2 = 100, *g_norm2 = copy_of(&norm2, sizeof norm2);
        struct adamw_args args = adamw_some();
        args.bf16_states = true;
        args.seed = random_next(&dice);
        args.first = (uint64_t)between(0, 1000) << 28;
        cpu->adamw(cpu, w.c, g.c, NULL, m, v, count, &norm2, 1, args);
        gpu->adamw(gpu, w.g, g.g, NULL, gm, gv, count, g_norm2, 1, args);
        assert_twin(&w, "adamw's weights in bf16");
        gpu->read(gpu, got, gv, count * 2);
        assert_sync();
        for (size_t j = 0; j < count; j++) {
            same += got[j] == v[j];
            assert_true(abs(got[j] - v[j]) <= 1);
        }
        assert_true(same > count - count / 50);
        gpu->release(gpu, gm);
        gpu->release(gpu, gv);
        gpu->release(gpu, g_norm2);
        free(m);
        free(v);
        free(got);
        twin_free(&w);
        twin_free(&g);
    }
}

/* The same inputs give the same bits: nothing adds in an order of chance, but attention's dq, whose
 * blocks of keys do. */
static void test_results_repeat(void **state)
{
    (void)state;
    enum { ROWS = 500, HIDDEN = 512, VOCAB = 100 };
    size_t n = (size_t)ROWS * HIDDEN;
    struct twin x = twin_random(n, 1), dout = twin_random(n, 1), w = twin_random(HIDDEN, 1);
    int32_t *ids = ids_below(ROWS, VOCAB, 50), *there = copy_of(ids, sizeof(int32_t) * ROWS);
    float *rstd = memory_of(gpu, ROWS * 4);
    uint16_t *first = NULL;
    for (int time = 0; time < 3; time++) {
        size_t bytes = ((size_t)VOCAB * HIDDEN + HIDDEN + n) * 2;
        uint16_t *all = memory_of(gpu, bytes), *host = malloc(bytes);
        gpu->zero(gpu, all, bytes);
        gpu->embed_backward(gpu, all, dout.g, there, ROWS, HIDDEN);
        gpu->norm_forward(gpu, all + (size_t)VOCAB * HIDDEN + HIDDEN, rstd, NULL, x.g, NULL, w.g,
                          ROWS, HIDDEN, 1e-5f);
        gpu->norm_backward(gpu, all + (size_t)VOCAB * HIDDEN + HIDDEN, all + (size_t)VOCAB * HIDDEN,
                           dout.g, x.g, w.g, rstd, ROWS, HIDDEN);
        gpu->read(gpu, host, all, bytes);
        assert_sync();
        if (first == NULL) {
            first = host;
        } else {
            assert_memory_equal(first, host, bytes);
            free(host);
        }
        gpu->release(gpu, all);
    }
    free(first);
    free(ids);
    gpu->release(gpu, there);
    gpu->release(gpu, rstd);
    twin_free(&x);
    twin_free(&dout);
    twin_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_fills),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_attention_plain),
        cmocka_unit_test(test_attention_packed),
        cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_lanes_wait_for_each_other),
        cmocka_unit_test(test_adamw_fp32),
        cmocka_unit_test(test_adamw_bf16),
        cmocka_unit_test(test_results_repeat),
    };
    if (backend_cuda_devices() == 0) {
        puts("no GPU here: skipped");
        return 77; /* automake's word for it */
    }
    return cmocka_run_group_tests(tests, twin_backends_start, twin_backends_stop);
}
