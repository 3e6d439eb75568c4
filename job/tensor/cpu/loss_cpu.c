/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy of the CPU device. */
#include "job/tensor/cpu/cpu_internal.h"

/* By hand, because not every compiler makes vectors of a maximum whose NaNs count. */
float cpu_highest(const float *x, int count)
{
    enum { LANES = 8 };
    float lanes[LANES], highest = x[0];
    int i = 0;
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = x[0];
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    for (; i < count; i++)
        highest = x[i] > highest ? x[i] : highest;
    for (int lane = 0; lane < LANES; lane++)
        highest = lanes[lane] > highest ? lanes[lane] : highest;
    return highest;
}

static float cross_entropy_row(float *logits, int target, int vocab, float scale)
{
    float highest = cpu_highest(logits, vocab), sum = 0, wanted = logits[target];
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < vocab; i++) {
        logits[i] = cpu_exp(logits[i] - highest);
        sum += logits[i];
    }
    float factor = scale / sum;
#pragma omp simd
    for (int i = 0; i < vocab; i++)
        logits[i] *= factor;
    logits[target] -= scale;
    return (float)(log(sum) + highest - wanted);
}

void cpu_cross_entropy(struct device *d, const struct cross_entropy_args *a)
{
    int columns = a->logits.columns, vocab = a->classes;
    (void)d;
    for (int row = 0; row < a->logits.rows; row++) {
        float *line = (float *)a->logits.data + (size_t)row * columns;
        a->loss[row] = 0;
        memset(line + vocab, 0, (size_t)(columns - vocab) * sizeof *line);
        if (a->targets[row] < 0)
            memset(line, 0, (size_t)vocab * sizeof *line);
        else
            a->loss[row] = cross_entropy_row(line, a->targets[row], vocab, a->scale);
    }
}
