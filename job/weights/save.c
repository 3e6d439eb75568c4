/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensor stands where. */
#include "job/weights/save.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/weights/save_internal.h"

static void tensor_add(struct save *save, const struct sft_param *param, int number, int source)
{
    const struct sft_source *s = &param->source[source];
    struct save_tensor *t = &save->tensors[save->count++];
    sft_param_name(param, s->name, t->name);
    t->unit = param->unit;
    t->param = number;
    t->source = source;
    t->dims = param->rows == 1 ? 1 : 2;
    t->shape[0] = param->rows == 1 ? param->columns : s->transposed ? param->columns : s->rows;
    t->shape[1] = s->transposed ? s->rows : param->columns;
    t->bytes = format_bytes(save->format, (size_t)s->rows * (size_t)param->columns);
}

static bool is_saved(const struct save *save, const struct sft_param *param)
{
    return save->shape.adapters.rank == 0 || param->adapter != SFT_ADAPTER_NONE;
}

static void unit_add(struct save *save, int unit)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(&save->shape, unit, params);
    for (int i = 0; i < count; i++)
        for (int s = 0; is_saved(save, &params[i]) && s < SFT_PARAM_SOURCES; s++)
            if (params[i].source[s].name != NULL)
                tensor_add(save, &params[i], i, s);
}

/* In order, a new file where the last one would grow too large. */
static void tensors_place(struct save *save, uint64_t shard)
{
    uint64_t at = 0;
    bool cut = save->shape.adapters.rank == 0;
    save->file_count = 1;
    for (size_t i = 0; i < save->count; i++) {
        struct save_tensor *t = &save->tensors[i];
        if (cut && at > 0 && at + t->bytes > shard) {
            save->file_count++;
            at = 0;
        }
        t->file = save->file_count - 1;
        t->begin = at;
        at += t->bytes;
    }
}

static void tensor_describe(const struct save *save, const struct save_tensor *t, FILE *out)
{
    fprintf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%d", t->name,
            save->format == FORMAT_BF16 ? "BF16" : "F32", t->shape[0]);
    if (t->dims == 2)
        fprintf(out, ",%d", t->shape[1]);
    fprintf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)t->begin,
            (unsigned long long)(t->begin + t->bytes));
}

/* Length, JSON, and spaces up to a multiple of 8, as the format's library has it. */
static int header_make(struct save *save, int number, struct sft_error *err)
{
    struct save_file *f = &save->files[number];
    FILE *out = open_memstream(&f->header, &f->header_size);
    uint64_t length = 0;
    if (out == NULL)
        return sft_error_set(err, "no memory for a header");
    fwrite(&length, sizeof length, 1, out);
    fprintf(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < save->count; i++)
        if (save->tensors[i].file == number) {
            tensor_describe(save, &save->tensors[i], out);
            f->data += save->tensors[i].bytes;
        }
    fputc('}', out);
    for (long at = ftell(out); at % 8 != 0; at++)
        fputc(' ', out);
    if (fclose(out) != 0)
        return sft_error_set(err, "no memory for a header");
    length = htole64((uint64_t)f->header_size - sizeof length);
    memcpy(f->header, &length, sizeof length);
    return 0;
}

static int files_make(struct save *save, struct sft_error *err)
{
    save->files = calloc((size_t)save->file_count, sizeof *save->files);
    if (save->files == NULL)
        return sft_error_set(err, "no memory for a list of %d files", save->file_count);
    for (int i = 0; i < save->file_count; i++) {
        struct save_file *f = &save->files[i];
        f->file = -1;
        if (save->shape.adapters.rank > 0)
            snprintf(f->name, sizeof f->name, "adapter_model.safetensors");
        else if (save->file_count == 1)
            snprintf(f->name, sizeof f->name, "model.safetensors");
        else
            snprintf(f->name, sizeof f->name, "model-%05d-of-%05d.safetensors", i + 1,
                     save->file_count);
        if (header_make(save, i, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < save->count; i++)
        save->tensors[i].begin += save->files[save->tensors[i].file].header_size;
    return 0;
}

struct save *save_create(const struct sft_preset *shape, enum format format, uint64_t shard,
                         struct sft_error *err)
{
    struct save *save = calloc(1, sizeof *save);
    size_t most = (size_t)sft_params_units(shape) * SFT_UNIT_PARAMS * SFT_PARAM_SOURCES;
    if (save != NULL)
        save->tensors = calloc(most, sizeof *save->tensors);
    if (save == NULL || save->tensors == NULL) {
        sft_error_set(err, "no memory for a list of tensors");
        free(save);
        return NULL;
    }
    save->shape = *shape;
    save->format = format;
    for (int unit = 0; unit < sft_params_units(shape); unit++)
        unit_add(save, unit);
    tensors_place(save, shard);
    if (files_make(save, err) == 0)
        return save;
    save_destroy(save);
    return NULL;
}

void save_destroy(struct save *save)
{
    if (save == NULL)
        return;
    for (int i = 0; i < save->file_count && save->files != NULL; i++) {
        free(save->files[i].header);
        if (save->files[i].file >= 0)
            close(save->files[i].file);
    }
    free(save->files);
    free(save->tensors);
    free(save);
}

uint64_t save_bytes(const struct save *save)
{
    uint64_t sum = 0;
    for (int i = 0; i < save->file_count; i++)
        sum += save->files[i].header_size + save->files[i].data;
    return sum;
}
