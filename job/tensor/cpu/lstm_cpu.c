/* SPDX-License-Identifier: Apache-2.0 */
/* One step of an LSTM's recurrence on the CPU device, row by row. */
#include "job/tensor/cpu/cpu_internal.h"

static float sigmoid(float x)
{
    return 1 / (1 + cpu_exp(-x));
}

/* Where a document begins nothing of the step before is known. */
static bool begins(const int32_t *positions, int row)
{
    return positions != NULL && positions[row] == 0;
}

static void add_bias(float *gates, struct tensor bias)
{
    const float *b = bias.data;
    for (int k = 0; b != NULL && k < bias.columns; k++)
        gates[k] += b[k];
}

static void row_forward(const struct lstm_args *a, int row)
{
    int h = a->out.columns;
    float *gates = (float *)a->gates.data + 4 * (size_t)row * h;
    add_bias(gates, a->bias_in);
    add_bias(gates, a->bias_state);
    const float *before = a->cell_before == NULL || begins(a->positions, row)
                              ? NULL
                              : a->cell_before + (size_t)row * h;
    float *cell = a->cell + (size_t)row * h, *out = (float *)a->out.data + (size_t)row * h;
    for (int k = 0; k < h; k++) {
        float i = sigmoid(gates[k]), f = sigmoid(gates[h + k]);
        float g = tanhf(gates[2 * h + k]), o = sigmoid(gates[3 * h + k]);
        cell[k] = (before == NULL ? 0 : f * before[k]) + i * g;
        out[k] = o * tanhf(cell[k]);
        gates[k] = i;
        gates[h + k] = f;
        gates[2 * h + k] = g;
        gates[3 * h + k] = o;
    }
}

/* The state that the next step's product reads. */
static void row_carry(const struct lstm_args *a, int row)
{
    size_t h = (size_t)a->out.columns;
    const float *out = (const float *)a->out.data + (size_t)row * h;
    float *carried = (float *)a->carried.data + (size_t)row * h;
    for (size_t k = 0; k < h; k++)
        carried[k] = begins(a->positions_after, row) ? 0 : out[k];
}

void cpu_lstm_forward(struct device *d, const struct lstm_args *a)
{
    (void)d;
    for (int row = 0; row < a->out.rows; row++) {
        row_forward(a, row);
        if (a->carried.data != NULL)
            row_carry(a, row);
    }
}

/* With t = tanh(c): do = dh t, dc += dh o (1 - t^2); di = dc g, df = dc c', dg = dc i, dc' = dc f;
 * then through the gates' own functions. */
static void row_backward(const struct lstm_args *a, int row)
{
    int h = a->dout.columns;
    const float *gates = (const float *)a->gates.data + 4 * (size_t)row * h;
    float *dgates = (float *)a->dgates.data + 4 * (size_t)row * h;
    const float *dout = (const float *)a->dout.data + (size_t)row * h;
    const float *later = a->dcarried.data == NULL || begins(a->positions_after, row)
                             ? NULL
                             : (const float *)a->dcarried.data + (size_t)row * h;
    bool first = a->cell_before == NULL || begins(a->positions, row);
    const float *cell = a->cell + (size_t)row * h;
    float *dcell = a->dcell + (size_t)row * h;
    for (int k = 0; k < h; k++) {
        float i = gates[k], f = gates[h + k], g = gates[2 * h + k], o = gates[3 * h + k];
        float t = tanhf(cell[k]), dh = dout[k] + (later == NULL ? 0 : later[k]);
        float dc = (later == NULL ? 0 : dcell[k]) + dh * o * (1 - t * t);
        float before = first ? 0 : a->cell_before[(size_t)row * h + k];
        dgates[k] = dc * g * i * (1 - i);
        dgates[h + k] = dc * before * f * (1 - f);
        dgates[2 * h + k] = dc * i * (1 - g * g);
        dgates[3 * h + k] = dh * t * o * (1 - o);
        dcell[k] = dc * f;
    }
}

void cpu_lstm_backward(struct device *d, const struct lstm_args *a)
{
    (void)d;
    for (int row = 0; row < a->gates.rows; row++)
        row_backward(a, row);
}
