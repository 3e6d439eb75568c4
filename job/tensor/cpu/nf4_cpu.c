/* SPDX-License-Identifier: Apache-2.0 */
/* NF4 of the CPU device: to it, its double quantization, and back to fp32 and to FP8; and FP8 back.
 */
#include "job/tensor/cpu/cpu_internal.h"

#include "job/tensor/fp8_scale.h"
#include "job/tensor/nf4.h"

/* Of the sum: ops.h. */
enum { CHUNK = 65536, LANES_OF_CHUNK = 256 };

void cpu_quantize_nf4(struct device *d, const struct quantize_nf4_args *a)
{
    const float *x = a->x.data;
    uint8_t *bytes = a->to.data;
    size_t count = tensor_count(a->x);
    (void)d;
    for (size_t first = 0; first < count; first += NF4_BLOCK) {
        size_t here = count - first < NF4_BLOCK ? count - first : NF4_BLOCK;
        float scaled[NF4_BLOCK], absmax = 0, inverse;
        struct tensor block = tensor_of(FORMAT_FP32, 1, (int)here, (void *)(uintptr_t)(x + first));
        block.amax = &absmax;
        cpu_raise(block);
        inverse = nf4_inverse(absmax);
        for (size_t i = 0; i < here; i++)
            scaled[i] = x[first + i] * inverse;
        format_encode(FORMAT_NF4, bytes + first / 2, scaled, here);
        a->to.scale[first / NF4_BLOCK] = absmax;
    }
}

static double chunk_sum(const float *x, size_t count)
{
    double lane[LANES_OF_CHUNK] = {0};
    for (size_t i = 0; i < count; i++)
        lane[i % LANES_OF_CHUNK] += (double)x[i];
    for (int half = LANES_OF_CHUNK / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static float mean_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t first = 0; first < count; first += CHUNK)
        sum += chunk_sum(x + first, count - first < CHUNK ? count - first : CHUNK);
    return (float)(sum / (double)count);
}

static void map_fill(float *map)
{
    for (int i = 0; i < NF4_SCALES; i++)
        map[i] = nf4_map(i);
}

void cpu_double_quantize(struct device *d, const struct double_quantize_args *a)
{
    size_t blocks = nf4_blocks(tensor_count(a->to));
    float map[NF4_SCALES], mean = mean_of(a->absmax, blocks);
    (void)d;
    map_fill(map);
    *a->to.scale_mean = mean;
    for (size_t first = 0; first < blocks; first += NF4_SCALES) {
        size_t here = blocks - first < NF4_SCALES ? blocks - first : NF4_SCALES;
        float rest[NF4_SCALES], absmax = 0;
        struct tensor group = tensor_of(FORMAT_FP32, 1, (int)here, rest);
        for (size_t i = 0; i < here; i++)
            rest[i] = a->absmax[first + i] - mean;
        group.amax = &absmax;
        cpu_raise(group);
        for (size_t i = 0; i < here; i++)
            a->to.scale_codes[first + i] = nf4_scale_code(map, rest[i], absmax);
        a->to.scale[first / NF4_SCALES] = absmax;
    }
}

/* What `t` means, in fp32. */
static void widen(float *to, const struct tensor *t)
{
    float map[NF4_SCALES];
    size_t count = tensor_count(*t);
    format_decode(t->format, to, t->data, count);
    for (size_t i = 0; i < count && t->format != FORMAT_NF4; i++)
        to[i] *= *t->scale;
    map_fill(map);
    for (size_t i = 0; i < count && t->format == FORMAT_NF4; i++) {
        size_t block = i / NF4_BLOCK;
        float absmax = t->scale_codes == NULL
                           ? t->scale[block]
                           : nf4_times_plus(map[t->scale_codes[block]],
                                            t->scale[block / NF4_SCALES], *t->scale_mean);
        to[i] *= absmax;
    }
}

static void to_fp8(const struct tensor *to, const float *x, bool transposed)
{
    bool by_row = to->scaling == SCALING_ROW;
    uint8_t *bytes = transposed ? to->transposed : to->data;
    const float *scales = transposed && by_row ? to->scale_transposed : to->scale;
    for (size_t i = 0; i < tensor_count(*to) && bytes != NULL; i++) {
        size_t row = i / (size_t)to->columns, column = i % (size_t)to->columns;
        size_t line = transposed ? column : row;
        float value = x[i] * fp8_factor(scales[by_row ? line : 0]);
        format_encode(to->format, bytes + (transposed ? column * (size_t)to->rows + row : i),
                      &value, 1);
    }
}

void cpu_dequantize(struct device *d, const struct dequantize_args *a)
{
    float *wide = a->to.data;
    if (tensor_is_fp8(a->to))
        wide = cpu_scratch(d, tensor_count(a->from));
    if (wide == NULL)
        return;
    widen(wide, &a->from);
    if (!tensor_is_fp8(a->to))
        return;
    to_fp8(&a->to, wide, false);
    to_fp8(&a->to, wide, true);
}
