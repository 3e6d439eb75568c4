/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of an LSTM against torch.nn.LSTM's numbers, and documents packed into one sequence against
 * each by itself. */
#include "tests/unit/model/model_support.h"

#include <math.h>
#include <string.h>

#include "job/model/lstm_layer.h"
#include "tests/golden/lstm.inc"

static struct device *device;

/* A layer with arrays of its own, NaN where nothing may be read. */
struct scene {
    struct lstm_layer layer;
    int32_t positions[256];
    float *array[16];
    int arrays;
};

static struct tensor tensor_new(struct scene *s, int rows, int columns)
{
    float *data = s->array[s->arrays++] = support_poison((size_t)rows * columns);
    return tensor_of(FORMAT_FP32, rows, columns, data);
}

static struct tensor tensor_const(const float *data, int rows, int columns)
{
    return tensor_of(FORMAT_FP32, rows, columns, (void *)(uintptr_t)data);
}

static void scene_open(struct scene *s, int sequences, int steps, int input, int hidden)
{
    int n = sequences * steps;
    struct lstm_layer *l = &s->layer;
    *s = (struct scene){.arrays = 0};
    for (int row = 0; row < n; row++)
        s->positions[row] = row / sequences;
    l->sequences = sequences;
    l->positions = s->positions;
    l->dweight_in = tensor_new(s, 4 * hidden, input);
    l->dweight_state = tensor_new(s, 4 * hidden, hidden);
    l->dbias_in = tensor_new(s, 1, 4 * hidden);
    memset(l->dbias_in.data, 0, 4 * (size_t)hidden * sizeof(float));
    l->out = tensor_new(s, n, hidden);
    l->gates = tensor_new(s, n, 4 * hidden);
    l->carried = tensor_new(s, n, hidden);
    l->cell = tensor_new(s, n, hidden).data;
    l->dgates = l->gates; /* in place */
    l->dcarried = tensor_new(s, sequences, hidden);
    l->dcell = tensor_new(s, sequences, hidden).data;
}

static void scene_close(struct scene *s)
{
    for (int i = 0; i < s->arrays; i++)
        free(s->array[i]);
}

static void close_to(const char *what, const float *is, const float *want, size_t count,
                     double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)is[i] - (double)want[i]) <= tolerance * (1 + fabs((double)want[i]))))
            fail_msg("%s[%zu]: %.9g, not %.9g", what, i, (double)is[i], (double)want[i]);
}

static void golden_layer(struct scene *s, int number)
{
    enum { H = GOLDEN_HIDDEN };
    int input = number == 0 ? GOLDEN_INPUT : H;
    scene_open(s, GOLDEN_SEQUENCES, GOLDEN_STEPS, input, H);
    s->layer.weight_in = tensor_const(number == 0 ? golden_in0 : golden_in1, 4 * H, input);
    s->layer.weight_state = tensor_const(number == 0 ? golden_state0 : golden_state1, 4 * H, H);
    s->layer.bias_in = tensor_const(number == 0 ? golden_bias0 : golden_bias1, 1, 4 * H);
}

static void test_two_layers_are_torchs(void **state)
{
    enum { H = GOLDEN_HIDDEN, N = GOLDEN_SEQUENCES * GOLDEN_STEPS };
    const double tolerance = 2e-6;
    (void)state;
    struct scene low, high;
    golden_layer(&low, 0);
    golden_layer(&high, 1);
    low.layer.in = tensor_const(golden_in, N, GOLDEN_INPUT);
    high.layer.in = low.layer.out;
    lstm_layer_forward(device, &low.layer);
    lstm_layer_forward(device, &high.layer);
    close_to("out", high.layer.out.data, golden_out, N * H, tolerance);
    struct tensor between = tensor_new(&high, N, H), din = tensor_new(&low, N, GOLDEN_INPUT);
    lstm_layer_backward(device, &high.layer, between, tensor_const(golden_towards, N, H), true);
    lstm_layer_backward(device, &low.layer, din, between, true);
    close_to("din", din.data, golden_din, N * GOLDEN_INPUT, tolerance);
    close_to("din0", low.layer.dweight_in.data, golden_din0, 4 * H * GOLDEN_INPUT, tolerance);
    close_to("dstate0", low.layer.dweight_state.data, golden_dstate0, 4 * H * H, tolerance);
    close_to("dbias0", low.layer.dbias_in.data, golden_dbias0, 4 * H, tolerance);
    close_to("din1", high.layer.dweight_in.data, golden_din1, 4 * H * H, tolerance);
    close_to("dstate1", high.layer.dweight_state.data, golden_dstate1, 4 * H * H, tolerance);
    close_to("dbias1", high.layer.dbias_in.data, golden_dbias1, 4 * H, tolerance);
    scene_close(&low);
    scene_close(&high);
}

/* Forward and backward of one layer; gradients of weights are added to. */
static void run(struct scene *s, struct tensor din, struct tensor dout)
{
    lstm_layer_forward(device, &s->layer);
    lstm_layer_backward(device, &s->layer, din, dout, true);
}

/* Two sequences of 3 and 5 steps packed into one of 8 rows, beside each by itself: what is before a
 * document changes nothing in it, forward and backward. */
static void test_documents_do_not_see_each_other(void **state)
{
    enum { FIRST = 3, SECOND = 5, N = FIRST + SECOND, IN = 4, H = 6 };
    (void)state;
    float *x = support_random(N * IN, 1), *dout = support_random(N * H, 1);
    float *in = support_random(4 * H * IN, 0.5), *w = support_random(4 * H * H, 0.5);
    float *bias = support_random(4 * H, 0.5), sum_in[4 * H * IN] = {0}, sum_w[4 * H * H] = {0};
    struct scene packed, alone;
    scene_open(&packed, 1, N, IN, H);
    for (int row = FIRST; row < N; row++)
        packed.positions[row] -= FIRST;
    struct tensor weights[] = {tensor_const(in, 4 * H, IN), tensor_const(w, 4 * H, H),
                               tensor_const(bias, 1, 4 * H)};
    packed.layer.weight_in = weights[0];
    packed.layer.weight_state = weights[1];
    packed.layer.bias_in = weights[2];
    packed.layer.in = tensor_const(x, N, IN);
    struct tensor din = tensor_new(&packed, N, IN);
    run(&packed, din, tensor_const(dout, N, H));
    for (int first = 0; first < N; first += FIRST) {
        int rows = first == 0 ? FIRST : SECOND;
        if (first > FIRST)
            break;
        scene_open(&alone, 1, rows, IN, H);
        alone.layer.weight_in = weights[0];
        alone.layer.weight_state = weights[1];
        alone.layer.bias_in = weights[2];
        alone.layer.in = tensor_const(x + first * IN, rows, IN);
        struct tensor its = tensor_new(&alone, rows, IN);
        run(&alone, its, tensor_const(dout + first * H, rows, H));
        close_to("out", (const float *)packed.layer.out.data + first * H, alone.layer.out.data,
                 (size_t)rows * H, 1e-6);
        close_to("din", (const float *)din.data + first * IN, its.data, (size_t)rows * IN, 1e-6);
        for (int i = 0; i < 4 * H * IN; i++)
            sum_in[i] += ((float *)alone.layer.dweight_in.data)[i];
        for (int i = 0; i < 4 * H * H; i++)
            sum_w[i] += ((float *)alone.layer.dweight_state.data)[i];
        scene_close(&alone);
    }
    close_to("dweight_in", packed.layer.dweight_in.data, sum_in, 4 * H * IN, 1e-5);
    close_to("dweight_state", packed.layer.dweight_state.data, sum_w, 4 * H * H, 1e-5);
    scene_close(&packed);
    free(x), free(dout), free(in), free(w), free(bias);
}

/* A second micro-batch adds its gradients; one step alone has no gradient of the state's weights.
 */
static void test_gradients_are_added_to(void **state)
{
    enum { H = GOLDEN_HIDDEN, N = GOLDEN_SEQUENCES * GOLDEN_STEPS };
    (void)state;
    struct scene s;
    float twice[4 * H * H];
    golden_layer(&s, 0);
    s.layer.in = tensor_const(golden_in, N, GOLDEN_INPUT);
    struct tensor none = {.data = NULL}, dout = tensor_const(golden_towards, N, H);
    run(&s, none, dout);
    for (int i = 0; i < 4 * H * H; i++)
        twice[i] = 2 * ((float *)s.layer.dweight_state.data)[i];
    lstm_layer_forward(device, &s.layer);
    lstm_layer_backward(device, &s.layer, none, dout, false);
    close_to("twice", s.layer.dweight_state.data, twice, 4 * H * H, 1e-6);
    scene_close(&s);
    scene_open(&s, N, 1, GOLDEN_INPUT, H);
    s.layer.weight_in = tensor_const(golden_in0, 4 * H, GOLDEN_INPUT);
    s.layer.weight_state = tensor_const(golden_state0, 4 * H, H);
    s.layer.bias_in = tensor_const(golden_bias0, 1, 4 * H);
    s.layer.in = tensor_const(golden_in, N, GOLDEN_INPUT);
    run(&s, none, dout);
    memset(twice, 0, sizeof twice);
    close_to("none", s.layer.dweight_state.data, twice, 4 * H * H, 0);
    scene_close(&s);
}

int main(void)
{
    device = device_create_cpu(NULL);
    if (device == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_layers_are_torchs),
        cmocka_unit_test(test_documents_do_not_see_each_other),
        cmocka_unit_test(test_gradients_are_added_to),
    };
    int failed = cmocka_run_group_tests_name("lstm", tests, NULL, NULL);
    device->destroy(device);
    return failed;
}
