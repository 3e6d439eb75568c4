/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation of the CPU device against a plain reference in double precision, on random odd
 * shapes. Outputs are NaN first: what is overwritten must be written, and nothing else read. */
#include "tests/unit/model/model_support.h"

#include <math.h>

enum { ROUNDS = 20 };
/* Relative, in the 2-norm: sums of up to some hundred fp32 products, 6e-8 each. The terms are of
 * size 1 and may cancel in a small shape, so an error of that size an element is allowed too. */
static const double tolerance = 3e-6;

static struct device *device;
static const struct ops *ops;

static void check(const char *what, const float *is, const double *want, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)is[i] - want[i]) * ((double)is[i] - want[i]);
        norm += want[i] * want[i];
    }
    if (!(sqrt(difference) <= tolerance * (sqrt(norm) + sqrt((double)count))))
        fail_msg("%s: off by %g of %g", what, sqrt(difference), sqrt(norm));
}

static double *zeros(size_t count)
{
    double *x = calloc(count + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

static double *widen(const float *x, size_t count)
{
    double *wide = zeros(count);
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)x[i];
    return wide;
}

static void check_matmul(int m, int n, int k, bool ta, bool tb, bool accumulate, bool biased)
{
    float *a = support_random((size_t)m * k, 1), *b = support_random((size_t)k * n, 1);
    float *c = accumulate ? support_random((size_t)m * n, 1) : support_poison((size_t)m * n);
    double *want = accumulate ? widen(c, (size_t)m * n) : zeros((size_t)m * n);
    float *bias = support_random((size_t)n, 1);
    for (int i = 0; i < m * n && biased; i++)
        want[i] += (double)bias[i % n];
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int l = 0; l < k; l++)
                want[i * n + j] +=
                    (double)a[ta ? l * m + i : i * k + l] * (double)b[tb ? j * k + l : l * n + j];
    ops->matmul(device, &(struct matmul_args){.c = support_matrix(c, m, n),
                                              .a = support_matrix(a, ta ? k : m, ta ? m : k),
                                              .b = support_matrix(b, tb ? n : k, tb ? k : n),
                                              .bias = support_matrix(biased ? bias : NULL, 1, n),
                                              .transpose_a = ta,
                                              .transpose_b = tb,
                                              .accumulate = accumulate});
    check(biased ? "matmul with a bias" : "matmul", c, want, (size_t)m * n);
    free(bias);
    free(a);
    free(b);
    free(c);
    free(want);
}

static void test_matmul(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        for (int flags = 0; flags < 16; flags++)
            check_matmul(support_between(1, 70), support_between(1, 70), support_between(1, 70),
                         flags & 1, flags & 2, flags & 4, flags & 8);
}

static int32_t *random_ids(int rows, int least, int most)
{
    int32_t *ids = malloc((size_t)rows * sizeof *ids);
    assert_non_null(ids);
    for (int i = 0; i < rows; i++)
        ids[i] = support_between(least, most);
    return ids;
}

static void test_embed(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int rows = support_between(1, 60), hidden = support_between(1, 50);
        int vocab = support_between(1, 20);
        size_t out_size = (size_t)rows * hidden, size = (size_t)vocab * hidden;
        float *table = support_random(size, 1), *out = support_poison(out_size);
        float *dtable = support_random(size, 1), *dout = support_random(out_size, 1);
        int32_t *ids = random_ids(rows, 0, vocab - 1);
        double *want = zeros(out_size), *dwant = widen(dtable, size);
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < hidden; i++) {
                want[r * hidden + i] = (double)table[ids[r] * hidden + i];
                dwant[ids[r] * hidden + i] += (double)dout[r * hidden + i];
            }
        struct embed_args args = {.table = support_matrix(table, vocab, hidden),
                                  .out = support_matrix(out, rows, hidden),
                                  .ids = ids,
                                  .accumulate = round % 2};
        for (size_t i = 0; i < out_size && args.accumulate; i++) {
            out[i] = 3;
            want[i] += 3;
        }
        ops->embed_forward(device, &args);
        args.table = support_matrix(dtable, vocab, hidden);
        args.out = support_matrix(dout, rows, hidden);
        ops->embed_backward(device, &args);
        check("embed_forward", out, want, out_size);
        check("embed_backward", dtable, dwant, size);
        void *all[] = {table, out, dtable, dout, ids, want, dwant};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
    }
}

static void norm_reference(const double *x, const float *w, int rows, int hidden, double eps,
                           double *out, double *rstd)
{
    for (int r = 0; r < rows; r++) {
        double squares = 0;
        for (int i = 0; i < hidden; i++)
            squares += x[r * hidden + i] * x[r * hidden + i];
        rstd[r] = 1 / sqrt(squares / hidden + eps);
        for (int i = 0; i < hidden; i++)
            out[r * hidden + i] = x[r * hidden + i] * rstd[r] * (double)w[i];
    }
}

/* delta: 0 none, 1 with a sum of its own, 2 with the sum in x's place */
static void check_norm_forward(int rows, int hidden, int delta)
{
    size_t size = (size_t)rows * hidden;
    float *x = support_random(size, 2), *add = support_random(size, 1);
    float *w = support_random((size_t)hidden, 1), *out = support_poison(size);
    float *own = support_poison(size), *rstd = support_poison((size_t)rows);
    float *sum = delta == 2 ? x : own;
    double *stream = widen(x, size), *want = zeros(size), *want_rstd = zeros((size_t)rows);
    for (size_t i = 0; i < size && delta > 0; i++)
        stream[i] += (double)add[i];
    norm_reference(stream, w, rows, hidden, 1e-5, want, want_rstd);
    ops->norm_forward(device,
                      &(struct norm_args){.out = support_matrix(out, rows, hidden),
                                          .sum = support_matrix(delta ? sum : NULL, rows, hidden),
                                          .x = support_matrix(x, rows, hidden),
                                          .delta = support_matrix(delta ? add : NULL, rows, hidden),
                                          .weight = support_matrix(w, 1, hidden),
                                          .rstd = rstd,
                                          .eps = 1e-5f});
    check("norm_forward", out, want, size);
    check("norm_forward's rstd", rstd, want_rstd, (size_t)rows);
    if (delta > 0)
        check("norm_forward's sum", sum, stream, size);
    void *all[] = {x, add, w, out, own, rstd, stream, want, want_rstd};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* d out[j] / d x[i] = w[j] rstd (i == j) - w[j] x[j] x[i] rstd^3 / hidden */
static void check_norm_backward(int rows, int hidden)
{
    size_t size = (size_t)rows * hidden;
    float *x = support_random(size, 1), *dout = support_random(size, 1);
    float *w = support_random((size_t)hidden, 1), *dx = support_random(size, 1);
    float *dw = support_random((size_t)hidden, 1), *rstd = support_poison((size_t)rows);
    double *wide = widen(x, size), *unused = zeros(size), *r = zeros((size_t)rows);
    double *want = widen(dx, size), *want_dw = widen(dw, (size_t)hidden);
    norm_reference(wide, w, rows, hidden, 1e-5, unused, r);
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < hidden; i++)
            for (int j = 0; j < hidden; j++) {
                const double *in = wide + (size_t)row * hidden;
                double g = (double)dout[row * hidden + j] * (double)w[j] * r[row];
                want[row * hidden + i] +=
                    (i == j ? g : 0) - g * in[j] * in[i] * r[row] * r[row] / hidden;
            }
    for (int row = 0; row < rows; row++) {
        rstd[row] = (float)r[row];
        for (int i = 0; i < hidden; i++)
            want_dw[i] += (double)dout[row * hidden + i] * wide[row * hidden + i] * r[row];
    }
    ops->norm_backward(device, &(struct norm_args){.dx = support_matrix(dx, rows, hidden),
                                                   .dweight = support_matrix(dw, 1, hidden),
                                                   .dout = support_matrix(dout, rows, hidden),
                                                   .x = support_matrix(x, rows, hidden),
                                                   .weight = support_matrix(w, 1, hidden),
                                                   .rstd = rstd});
    check("norm_backward", dx, want, size);
    check("norm_backward's weight", dw, want_dw, (size_t)hidden);
    void *all[] = {x, dout, w, dx, dw, rstd, wide, unused, r, want, want_dw};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* out = y w + b, y = (x - mean) rstd; dx from d y[j] / d x[i] =
 * rstd ((i == j) - 1/n - y[i] y[j] / n). */
static void check_layer_norm(int rows, int hidden)
{
    size_t size = (size_t)rows * hidden, h = (size_t)hidden;
    float *x = support_random(size, 1), *w = support_random(h, 1), *b = support_random(h, 1);
    float *out = support_poison(size), *rstd = support_poison((size_t)rows);
    float *mean = support_poison((size_t)rows), *dout = support_random(size, 1);
    float *dx = support_random(size, 1), *dw = support_random(h, 1), *db = support_random(h, 1);
    double *want = zeros(size), *wdx = widen(dx, size), *wdw = widen(dw, h), *wdb = widen(db, h);
    for (int r = 0; r < rows; r++) {
        const float *in = x + (size_t)r * h, *d = dout + (size_t)r * h;
        double middle = 0, squares = 0, y[128];
        for (int i = 0; i < hidden; i++)
            middle += (double)in[i] / hidden;
        for (int i = 0; i < hidden; i++)
            squares += ((double)in[i] - middle) * ((double)in[i] - middle) / hidden;
        double scale = 1 / sqrt(squares + 1e-5);
        for (int i = 0; i < hidden; i++) {
            y[i] = ((double)in[i] - middle) * scale;
            want[r * hidden + i] = y[i] * (double)w[i] + (double)b[i];
            wdw[i] += (double)d[i] * y[i];
            wdb[i] += (double)d[i];
        }
        for (int i = 0; i < hidden; i++)
            for (int j = 0; j < hidden; j++)
                wdx[r * hidden + i] += (double)d[j] * (double)w[j] * scale *
                                       ((i == j) - 1.0 / hidden - y[i] * y[j] / hidden);
    }
    struct norm_args args = {.kind = NORM_LAYER,
                             .out = support_matrix(out, rows, hidden),
                             .x = support_matrix(x, rows, hidden),
                             .weight = support_matrix(w, 1, hidden),
                             .bias = support_matrix(b, 1, hidden),
                             .dout = support_matrix(dout, rows, hidden),
                             .dx = support_matrix(dx, rows, hidden),
                             .dweight = support_matrix(dw, 1, hidden),
                             .dbias = support_matrix(db, 1, hidden),
                             .rstd = rstd,
                             .mean = mean,
                             .eps = 1e-5f};
    ops->norm_forward(device, &args);
    check("layer norm", out, want, size);
    ops->norm_backward(device, &args);
    check("layer norm's dx", dx, wdx, size);
    check("layer norm's dweight", dw, wdw, h);
    check("layer norm's dbias", db, wdb, h);
    void *all[] = {x, w, b, out, rstd, mean, dout, dx, dw, db, want, wdx, wdw, wdb};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static void test_layer_norm(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        check_layer_norm(support_between(1, 12), support_between(3, 120));
}

static void test_norm(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        check_norm_forward(support_between(1, 30), support_between(1, 90), round % 3);
        check_norm_backward(support_between(1, 12), support_between(1, 60));
    }
}

static struct attention_shape random_shape(void)
{
    int kv_heads = support_between(1, 3);
    return (struct attention_shape){kv_heads * support_between(1, 3), kv_heads,
                                    2 * support_between(1, 10)};
}

static int shape_width(struct attention_shape s)
{
    return (s.heads + 2 * s.kv_heads) * s.head_dim;
}

/* By transformers' own words: wavelengths against those of the first training's sequence. */
static double frequency_reference(double theta, int i, int dim, struct rope_scaling s)
{
    const double pi = 3.14159265358979323846;
    double frequency = pow(theta, -2.0 * i / dim), wave = 2 * pi / frequency;
    if (s.factor == 0 || wave < (double)s.positions / s.high)
        return frequency;
    if (wave > (double)s.positions / s.low)
        return frequency / s.factor;
    double smooth = (s.positions / wave - s.low) / (s.high - s.low);
    return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

static void rope_reference(double *qkv, const int32_t *positions, int rows,
                           struct attention_shape s, double theta, struct rope_scaling scaling)
{
    int half = s.head_dim / 2;
    for (int row = 0; row < rows; row++)
        for (int head = 0; head < s.heads + s.kv_heads; head++)
            for (int i = 0; i < half; i++) {
                double *x = qkv + (size_t)row * shape_width(s) + head * s.head_dim + i;
                double angle = positions[row] * frequency_reference(theta, i, s.head_dim, scaling);
                double low = x[0];
                x[0] = low * cos(angle) - x[half] * sin(angle);
                x[half] = low * sin(angle) + x[half] * cos(angle);
            }
}

static void test_rope(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct attention_shape s = random_shape();
        int rows = support_between(1, 40);
        size_t size = (size_t)rows * shape_width(s);
        float *qkv = support_random(size, 1);
        int32_t *positions = random_ids(rows, 0, 30);
        double *want = widen(qkv, size), *before = widen(qkv, size);
        struct rope_scaling scaling = {0, 0, 0, 0};
        if (round % 2 == 1)
            scaling = (struct rope_scaling){8, 1, 4, (float)support_between(20, 2000)};
        rope_reference(want, positions, rows, s, 10000, scaling);
        struct rope_args args = {.qkv = support_matrix(qkv, rows, shape_width(s)),
                                 .positions = positions,
                                 .shape = s,
                                 .theta = 10000,
                                 .scaling = scaling};
        ops->rope(device, &args);
        check("rope", qkv, want, size);
        args.inverse = true;
        ops->rope(device, &args);
        check("rope and its inverse", qkv, before, size);
        void *all[] = {qkv, positions, want, before};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
    }
}

/* Documents with gaps of padding between some of them; returns the rows. */
static int random_documents(struct documents *docs, int32_t *start, int32_t *length, int count)
{
    int at = support_between(0, 2);
    *docs = (struct documents){count, start, length, 0};
    for (int d = 0; d < count; d++) {
        length[d] = support_between(1, d == 0 ? 150 : 20); /* blocks of 64 in the first */
        start[d] = at;
        at += length[d] + support_between(0, 2);
        docs->longest = length[d] > docs->longest ? length[d] : docs->longest;
    }
    return at;
}

/* Softmax over the keys 0..i of one row: p[length], and the log of its denominator. */
static double probabilities(const double *qkv, struct attention_shape s, int head, int start, int i,
                            double *p)
{
    int width = shape_width(s), kv = s.heads + head / (s.heads / s.kv_heads);
    double sum = 0;
    for (int j = 0; j <= i; j++) {
        double dot = 0;
        for (int e = 0; e < s.head_dim; e++)
            dot += qkv[(size_t)(start + i) * width + head * s.head_dim + e] *
                   qkv[(size_t)(start + j) * width + kv * s.head_dim + e];
        p[j] = exp(dot / sqrt(s.head_dim));
        sum += p[j];
    }
    for (int j = 0; j <= i; j++)
        p[j] /= sum;
    return log(sum);
}

/* One query row of one head: out and lse, and with dout what it adds to dqkv. */
static void attention_row(const double *qkv, struct attention_shape s, int rows, int head,
                          int start, int i, double *out, double *lse, const double *dout,
                          double *dqkv)
{
    int width = shape_width(s), group = s.heads / s.kv_heads, dim = s.head_dim;
    size_t q = (size_t)(start + i) * width + head * dim;
    size_t at = (size_t)(start + i) * s.heads * dim + head * dim;
    double p[256], dp[256], mean = 0;
    lse[(size_t)head * rows + start + i] = probabilities(qkv, s, head, start, i, p);
    for (int j = 0; j <= i; j++) {
        size_t v = (size_t)(start + j) * width + (s.heads + s.kv_heads + head / group) * dim;
        dp[j] = 0;
        for (int e = 0; e < dim; e++) {
            out[at + e] += p[j] * qkv[v + e];
            dp[j] += dout[at + e] * qkv[v + e];
            dqkv[v + e] += p[j] * dout[at + e];
        }
        mean += p[j] * dp[j];
    }
    for (int j = 0; j <= i; j++) {
        size_t k = (size_t)(start + j) * width + (s.heads + head / group) * dim;
        double ds = p[j] * (dp[j] - mean) / sqrt(dim);
        for (int e = 0; e < dim; e++) {
            dqkv[q + e] += ds * qkv[k + e];
            dqkv[k + e] += ds * qkv[q + e];
        }
    }
}

static void check_attention(struct attention_shape s, int rows, const struct documents *docs)
{
    size_t size = (size_t)rows * shape_width(s), out_size = (size_t)rows * s.heads * s.head_dim;
    size_t lse_size = (size_t)rows * s.heads;
    float *qkv = support_random(size, 1), *dout = support_random(out_size, 1);
    float *out = support_poison(out_size), *lse = support_poison(lse_size);
    float *dqkv = support_poison(size);
    double *wide = widen(qkv, size), *dwide = widen(dout, out_size), *want = zeros(out_size);
    double *want_lse = zeros(lse_size), *dwant = zeros(size);
    for (int d = 0; d < docs->count; d++)
        for (int head = 0; head < s.heads; head++)
            for (int i = 0; i < docs->length[d]; i++)
                attention_row(wide, s, rows, head, docs->start[d], i, want, want_lse, dwide, dwant);
    struct attention_args args = {.qkv = support_matrix(qkv, rows, shape_width(s)),
                                  .out = support_matrix(out, rows, s.heads * s.head_dim),
                                  .dqkv = support_matrix(dqkv, rows, shape_width(s)),
                                  .dout = support_matrix(dout, rows, s.heads * s.head_dim),
                                  .lse = lse,
                                  .shape = s,
                                  .docs = docs};
    ops->attention_forward(device, &args);
    check("attention_forward", out, want, out_size);
    for (size_t i = 0; i < lse_size; i++) /* padding's is not defined */
        lse[i] = want_lse[i] == 0 ? 0 : lse[i];
    check("attention_forward's lse", lse, want_lse, lse_size);
    ops->attention_backward(device, &args);
    check("attention_backward", dqkv, dwant, size);
    void *all[] = {qkv, dout, out, lse, dqkv, wide, dwide, want, want_lse, dwant};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static void test_attention(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct documents docs;
        int32_t start[5], length[5];
        int rows = random_documents(&docs, start, length, support_between(1, 5));
        check_attention(random_shape(), rows, &docs);
    }
}

static void test_swiglu(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int rows = support_between(1, 20), ffn = support_between(1, 90);
        size_t size = (size_t)rows * ffn;
        float *x = support_random(2 * size, 3), *dout = support_random(size, 1);
        float *out = support_poison(size), *dx = support_poison(2 * size);
        double *want = zeros(size), *dwant = zeros(2 * size);
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < ffn; i++) {
                int at = 2 * r * ffn + i;
                double g = (double)x[at], u = (double)x[at + ffn], s = 1 / (1 + exp(-g));
                want[r * ffn + i] = g * s * u;
                dwant[at] = (double)dout[r * ffn + i] * u * (s + g * s * (1 - s));
                dwant[at + ffn] = (double)dout[r * ffn + i] * g * s;
            }
        struct activation_args args = {
            ACTIVATION_SWIGLU, support_matrix(x, rows, 2 * ffn), support_matrix(out, rows, ffn),
            support_matrix(dx, rows, 2 * ffn), support_matrix(dout, rows, ffn)};
        ops->activation_forward(device, &args);
        ops->activation_backward(device, &args);
        check("swiglu_forward", out, want, size);
        check("swiglu_backward", dx, dwant, 2 * size);
        void *all[] = {x, dout, out, dx, want, dwant};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
    }
}

static void test_gelu(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int rows = support_between(1, 20), ffn = support_between(1, 90);
        size_t size = (size_t)rows * ffn;
        float *x = support_random(size, 3), *dout = support_random(size, 1);
        float *out = support_poison(size), *dx = support_poison(size);
        double *want = zeros(size), *dwant = zeros(size);
        x[0] = round % 2 ? 1000 : -1000; /* where the exponential leaves fp32 */
        for (size_t i = 0; i < size; i++) {
            double v = (double)x[i], root = sqrt(2 / M_PI),
                   t = tanh(root * (v + 0.044715 * v * v * v));
            want[i] = v / 2 * (1 + t);
            dwant[i] = (double)dout[i] *
                       ((1 + t) / 2 + v / 2 * (1 - t * t) * root * (1 + 3 * 0.044715 * v * v));
        }
        struct activation_args args = {
            ACTIVATION_GELU, support_matrix(x, rows, ffn), support_matrix(out, rows, ffn),
            support_matrix(dx, rows, ffn), support_matrix(dout, rows, ffn)};
        ops->activation_forward(device, &args);
        ops->activation_backward(device, &args);
        check("gelu_forward", out, want, size);
        check("gelu_backward", dx, dwant, size);
        void *all[] = {x, dout, out, dx, want, dwant};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
    }
}

static void test_bias(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int rows = support_between(1, 40), width = support_between(1, 90);
        size_t size = (size_t)rows * width;
        float *dx = support_random(size, 1), *dbias = support_random((size_t)width, 1);
        double *want = widen(dbias, (size_t)width);
        for (size_t i = 0; i < size; i++)
            want[i % (size_t)width] += (double)dx[i];
        struct bias_args args = {support_matrix(dx, rows, width), support_matrix(dbias, 1, width)};
        ops->bias_backward(device, &args);
        check("bias_backward", dbias, want, (size_t)width);
        void *all[] = {dx, dbias, want};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            free(all[i]);
    }
}

/* Gates so large that the exponential leaves fp32: no NaN, and the limits of silu. */
static void test_swiglu_limits(void **state)
{
    (void)state;
    float x[] = {-1000, -100, -88, 0, 88, 100, 1000, 1, 1, 1, 1, 1, 1, 1}, out[7], dx[14];
    const float want[] = {0, 0, 0, 0, 88, 100, 1000}, ones[] = {1, 1, 1, 1, 1, 1, 1};
    struct activation_args args = {ACTIVATION_SWIGLU, support_matrix(x, 1, 14),
                                   support_matrix(out, 1, 7), support_matrix(dx, 1, 14),
                                   support_matrix(ones, 1, 7)};
    ops->activation_forward(device, &args);
    ops->activation_backward(device, &args);
    for (int i = 0; i < 7; i++) {
        assert_true(fabsf(out[i] - want[i]) < 1e-30f);
        assert_true(fabsf(dx[7 + i] - want[i]) < 1e-30f);
        assert_true(fabsf(dx[i] - (i < 3 ? 0 : i == 3 ? 0.5f : 1)) < 1e-30f);
    }
}

static void check_cross_entropy(int rows, int vocab, double spread, float scale)
{
    size_t size = (size_t)rows * vocab;
    float *logits = support_random(size, spread), *loss = support_poison((size_t)rows);
    int32_t *targets = random_ids(rows, -1, vocab - 1);
    double *want = zeros(size), *want_loss = zeros((size_t)rows);
    for (int r = 0; r < rows; r++) {
        double sum = 0;
        if (targets[r] < 0) {
            logits[(size_t)r * vocab] = NAN; /* must not matter */
            continue;
        }
        for (int i = 0; i < vocab; i++)
            sum += exp((double)logits[(size_t)r * vocab + i]);
        want_loss[r] = log(sum) - (double)logits[(size_t)r * vocab + targets[r]];
        for (int i = 0; i < vocab; i++)
            want[(size_t)r * vocab + i] =
                (double)scale *
                (exp((double)logits[(size_t)r * vocab + i]) / sum - (i == targets[r]));
    }
    ops->cross_entropy(device, &(struct cross_entropy_args){support_matrix(logits, rows, vocab),
                                                            vocab, loss, targets, scale});
    check("cross_entropy's gradient", logits, want, size);
    check("cross_entropy", loss, want_loss, (size_t)rows);
    void *all[] = {logits, loss, targets, want, want_loss};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* Columns behind the classes count for nothing, whatever stands there, and become zero. */
static void test_cross_entropy_beyond(void **state)
{
    (void)state;
    enum { ROWS = 3, CLASSES = 5, COLUMNS = 8 };
    int32_t targets[ROWS] = {4, -1, 0};
    float wide[ROWS * COLUMNS], narrow[ROWS * CLASSES], loss[ROWS], want[ROWS];
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        wide[i] = i % COLUMNS < CLASSES ? (float)(i % 7) - 3 : 1e30f;
        if (i % COLUMNS < CLASSES)
            narrow[i / COLUMNS * CLASSES + i % COLUMNS] = wide[i];
    }
    ops->cross_entropy(device, &(struct cross_entropy_args){support_matrix(wide, ROWS, COLUMNS),
                                                            CLASSES, loss, targets, 0.5f});
    ops->cross_entropy(device, &(struct cross_entropy_args){support_matrix(narrow, ROWS, CLASSES),
                                                            CLASSES, want, targets, 0.5f});
    assert_memory_equal(loss, want, sizeof want);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        assert_true(wide[i] ==
                    (i % COLUMNS < CLASSES ? narrow[i / COLUMNS * CLASSES + i % COLUMNS] : 0));
}

static void test_cross_entropy(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++)
        check_cross_entropy(support_between(1, 30), support_between(2, 200), round % 2 ? 1 : 10,
                            0.125f);
}

static void test_sum_squares(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = (size_t)support_between(1, 3000);
        float *x = support_random(count, 1);
        double sum = 7, want = 7;
        for (size_t i = 0; i < count; i++)
            want += (double)x[i] * (double)x[i];
        ops->sum(device, &(struct sum_args){&sum, support_array(x, count), true});
        /* runs of 512 in fp32, each addition good to 6e-8, in whatever order */
        assert_true(fabs(sum - want) < 512 * 6e-8 * want);
        free(x);
    }
}

/* A diverged model must show it: every operation passes NaN on. */
static void test_nan_is_seen(void **state)
{
    (void)state;
    float x[8] = {1, 2, NAN, 4, 5, 6, 7, 8}, out[8], loss[1];
    int32_t target[] = {1}, start[] = {0}, length[] = {2};
    struct documents docs = {1, start, length, 2};
    struct attention_shape s = {1, 1, 2};
    float qkv[12] = {0, NAN, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, lse[2];
    double sum = 0;
    struct activation_args swiglu = {.in = support_matrix(x, 1, 8),
                                     .out = support_matrix(out, 1, 4)};
    ops->activation_forward(device, &swiglu);
    assert_true(isnan(out[2]));
    ops->sum(device, &(struct sum_args){&sum, support_array(x, 8), true});
    assert_true(isnan(sum));
    struct attention_args attention = {.qkv = support_matrix(qkv, 2, 6),
                                       .out = support_matrix(out, 2, 2),
                                       .lse = lse,
                                       .shape = s,
                                       .docs = &docs};
    ops->attention_forward(device, &attention);
    assert_true(isnan(out[0]));
    ops->cross_entropy(device,
                       &(struct cross_entropy_args){support_matrix(x, 1, 8), 8, loss, target, 1});
    assert_true(isnan(loss[0]));
}

static void test_memory(void **state)
{
    (void)state;
    struct sft_error err = {""};
    assert_null(device->allocate(device, SIZE_MAX - 10, &err));
    assert_contains(err.text, "no memory");
    assert_null(device->allocate(device, (size_t)1 << 60, &err));
    void *memory = device->allocate(device, 1000, &err);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % 256, 0);
    float in[] = {1, 2, 3}, out[3] = {0};
    device->zero(device, memory, 1000);
    device_write_floats(device, support_array(memory, 3), in);
    device_read_floats(device, out, support_array(memory, 3));
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(device->sync(device, &err), 0);
    device->release(device, memory);
}

static int setup(void **state)
{
    (void)state;
    device = device_create_cpu(NULL);
    ops = device == NULL ? NULL : device->ops;
    return device == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    device->destroy(device);
    return 0;
}

/* tests/golden/rope.inc: transformers' own frequencies. */
static const struct {
    int dim;
    double theta;
    struct rope_scaling scaling;
    double frequencies[64];
} rope_golden[] = {
#include "tests/golden/rope.inc"
};

static void test_rope_golden(void **state)
{
    (void)state;
    for (size_t g = 0; g < sizeof rope_golden / sizeof rope_golden[0]; g++) {
        int half = rope_golden[g].dim / 2, changed = 0;
        for (int i = 0; i < half; i++) {
            float plain = (float)pow(rope_golden[g].theta, -2.0 * i / rope_golden[g].dim);
            double ours = rope_frequency(plain, rope_golden[g].scaling);
            assert_true(fabs(ours / rope_golden[g].frequencies[i] - 1) < 2e-6);
            changed += fabs(ours / plain - 1) > 0.01;
        }
        assert_true(changed > 0 && changed < half);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_embed),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_rope_golden),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_swiglu_limits),
        cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_cross_entropy_beyond),
        cmocka_unit_test(test_sum_squares),
        cmocka_unit_test(test_nan_is_seen),
        cmocka_unit_test(test_memory),
    };
    support_seed();
    return cmocka_run_group_tests_name("cpu device", tests, setup, teardown);
}
