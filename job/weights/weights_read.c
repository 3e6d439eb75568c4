/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as the model here has them, out of the tensors that they stand in. */
#include "job/weights/weights_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/checksum.h"

enum { SAMPLE = 1024 }; /* elements */

/* Elements of a turned matrix's rows, out of the columns that they are in the file: a strip of
 * columns is read, and laid across. `from` counts in the matrix as the model has it. */
static int read_turned(const struct weights_tensor *source, size_t columns, size_t from,
                       size_t count, enum format format, char *to, struct sft_error *err)
{
    const struct safetensors_tensor *t = source->tensor;
    size_t first = from / columns, width = (from + count - 1) / columns - first + 1;
    size_t rows = (size_t)t->shape[1], size = format_bytes(format, 1);
    char *strip = malloc(format_bytes(format, width * columns));
    int failed = 0;
    if (strip == NULL)
        return sft_error_set(err, "no memory to turn tensor %s", t->name);
    if (width == rows)
        failed = safetensors_read(source->file, t, 0, width * columns, format, strip, err);
    for (size_t c = 0; c < columns && width < rows && failed == 0; c++)
        failed = safetensors_read(source->file, t, c * rows + first, width, format,
                                  strip + c * width * size, err);
    for (size_t i = 0; i < count && failed == 0; i++) {
        size_t row = (from + i) / columns - first, column = (from + i) % columns;
        memcpy(to + i * size, strip + (column * width + row) * size, size);
    }
    free(strip);
    return failed;
}

int weights_read(const struct weights *w, const struct sft_param *param, size_t from, size_t count,
                 enum format format, void *to, struct sft_error *err)
{
    size_t columns = (size_t)param->columns, end = from + count;
    char *at = to;
    for (int i = 0; i < SFT_PARAM_SOURCES && param->source[i].name != NULL; i++) {
        const struct sft_source *s = &param->source[i];
        size_t begins = (size_t)s->row * columns, ends = begins + (size_t)s->rows * columns;
        size_t low = from > begins ? from : begins, high = end < ends ? end : ends;
        if (low >= high)
            continue;
        const struct weights_tensor *source = weights_source(w, param, s);
        if (source == NULL)
            return sft_error_set(err, "%s: has no tensor for %s", w->place.folder, param->name);
        int failed = s->transposed
                         ? read_turned(source, columns, low - begins, high - low, format, at, err)
                         : safetensors_read(source->file, source->tensor, low - begins, high - low,
                                            format, at, err);
        if (failed)
            return -1;
        at += format_bytes(format, high - low);
    }
    return 0;
}

/* fp32 is wide enough to tell all types' numbers apart. */
int weights_sum(const struct weights *w, uint64_t *sum, struct sft_error *err)
{
    static float sample[SAMPLE];
    *sum = w->config_sum;
    for (size_t i = 0; i < w->file_count; i++)
        *sum = sft_checksum(*sum, &w->files[i]->sum, sizeof w->files[i]->sum);
    for (size_t i = 0; i < w->count; i++) {
        const struct safetensors_tensor *t = w->tensors[i].tensor;
        size_t count = t->elements < SAMPLE ? t->elements : SAMPLE;
        if (t->type == SAFETENSORS_OTHER)
            continue;
        if (safetensors_read(w->tensors[i].file, t, 0, count, FORMAT_FP32, sample, err) < 0)
            return -1;
        *sum = sft_checksum(*sum, sample, count * sizeof *sample);
    }
    return 0;
}
