/* SPDX-License-Identifier: Apache-2.0 */
/* The header: JSON to tensors, each held against what the file can have. */
#include "job/weights/safetensors_internal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checksum.h"

/* The format's types, all that the library of its authors writes in whole bytes. */
static const struct {
    const char *name;
    enum safetensors_type type;
    int bytes;
} types[] = {
    {"F32", SAFETENSORS_F32, 4},       {"BF16", SAFETENSORS_BF16, 2},
    {"F16", SAFETENSORS_F16, 2},       {"F64", SAFETENSORS_OTHER, 8},
    {"I64", SAFETENSORS_OTHER, 8},     {"U64", SAFETENSORS_OTHER, 8},
    {"I32", SAFETENSORS_OTHER, 4},     {"U32", SAFETENSORS_OTHER, 4},
    {"I16", SAFETENSORS_OTHER, 2},     {"U16", SAFETENSORS_OTHER, 2},
    {"I8", SAFETENSORS_OTHER, 1},      {"U8", SAFETENSORS_OTHER, 1},
    {"BOOL", SAFETENSORS_OTHER, 1},    {"F8_E4M3", SAFETENSORS_OTHER, 1},
    {"F8_E5M2", SAFETENSORS_OTHER, 1}, {"F8_E8M0", SAFETENSORS_OTHER, 1},
    {"C64", SAFETENSORS_OTHER, 8},
};

enum { TYPES = sizeof types / sizeof types[0] };

/* Names come out of the file; what is printed of them is printable. */
static int name_take(struct safetensors_tensor *t, const char *name, struct sft_error *err)
{
    if (name[0] == '\0' || strlen(name) >= sizeof t->name)
        return sft_error_set(err, "a tensor's name has %zu bytes; from 1 to %zu are known",
                             strlen(name), sizeof t->name - 1);
    strcpy(t->name, name);
    return 0;
}

static int type_take(struct safetensors_tensor *t, const json_t *dtype, int *bytes,
                     struct sft_error *err)
{
    const char *name = json_string_value(dtype);
    for (int i = 0; name != NULL && i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0) {
            t->type = types[i].type;
            strcpy(t->dtype, name);
            *bytes = types[i].bytes;
            return 0;
        }
    return sft_error_set(err, "tensor %s: its dtype %.32s is not known", t->name,
                         name == NULL ? "is no text, and so" : name);
}

/* Whole, and not below zero. */
static int number_take(const json_t *value, uint64_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    *number = (uint64_t)json_integer_value(value);
    return 0;
}

static int shape_take(struct safetensors_tensor *t, const json_t *shape, struct sft_error *err)
{
    size_t dims = json_array_size(shape);
    if (!json_is_array(shape) || dims > SAFETENSORS_DIMS)
        return sft_error_set(err, "tensor %s: its shape is no list of up to %d numbers", t->name,
                             SAFETENSORS_DIMS);
    t->dims = (int)dims;
    t->elements = 1;
    for (size_t i = 0; i < dims; i++) {
        if (number_take(json_array_get(shape, i), &t->shape[i]) < 0)
            return sft_error_set(err, "tensor %s: number %zu of its shape is no size", t->name, i);
        if (__builtin_mul_overflow(t->elements, t->shape[i], &t->elements))
            return sft_error_set(err, "tensor %s: its shape has more elements than can be counted",
                                 t->name);
    }
    return 0;
}

static int place_take(struct safetensors_tensor *t, const json_t *offsets, int bytes, uint64_t data,
                      struct sft_error *err)
{
    uint64_t begin, end, needed;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        number_take(json_array_get(offsets, 0), &begin) < 0 ||
        number_take(json_array_get(offsets, 1), &end) < 0 || begin > end)
        return sft_error_set(err, "tensor %s: its data_offsets are no begin and end", t->name);
    if (end > data)
        return sft_error_set(err,
                             "tensor %s ends at byte %llu of the data, and the file has %llu: it "
                             "is cut short; load it again",
                             t->name, (unsigned long long)end, (unsigned long long)data);
    if (__builtin_mul_overflow(t->elements, (uint64_t)bytes, &needed) || needed != end - begin)
        return sft_error_set(err, "tensor %s: %llu elements of %s do not take %llu bytes", t->name,
                             (unsigned long long)t->elements, t->dtype,
                             (unsigned long long)(end - begin));
    t->begin = begin;
    t->bytes = end - begin;
    return 0;
}

static int tensor_take(struct safetensors_tensor *t, const char *name, const json_t *value,
                       uint64_t data, struct sft_error *err)
{
    int bytes = 0;
    if (name_take(t, name, err) < 0)
        return -1;
    if (!json_is_object(value))
        return sft_error_set(err, "tensor %s: is no object of dtype, shape and data_offsets",
                             t->name);
    if (type_take(t, json_object_get(value, "dtype"), &bytes, err) < 0 ||
        shape_take(t, json_object_get(value, "shape"), err) < 0)
        return -1;
    return place_take(t, json_object_get(value, "data_offsets"), bytes, data, err);
}

static int by_place(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct safetensors_tensor *)a)->name,
                  ((const struct safetensors_tensor *)b)->name);
}

/* One behind the other, from the first byte to the last: a byte has one meaning. */
static int places_check(struct safetensors *st, uint64_t data, struct sft_error *err)
{
    uint64_t at = 0;
    qsort(st->tensors, st->count, sizeof *st->tensors, by_place);
    for (size_t i = 0; i < st->count; i++) {
        const struct safetensors_tensor *t = &st->tensors[i];
        if (t->begin != at)
            return sft_error_set(err, "tensor %s begins at byte %llu of the data: %s before it",
                                 t->name, (unsigned long long)t->begin,
                                 t->begin < at ? "it overlaps the one" : "a hole is");
        at += t->bytes;
    }
    if (at != data)
        return sft_error_set(err, "%llu bytes are behind the last tensor: it is no file of tensors",
                             (unsigned long long)(data - at));
    return 0;
}

static int tensors_take(struct safetensors *st, json_t *root, uint64_t data, struct sft_error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return sft_error_set(err, "the header is no JSON object: it is no file of safetensors");
    st->tensors = calloc(json_object_size(root) + 1, sizeof *st->tensors);
    if (st->tensors == NULL)
        return sft_error_set(err, "no memory for a list of %zu tensors", json_object_size(root));
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (tensor_take(&st->tensors[st->count], name, value, data, err) < 0)
            return -1;
        st->count++;
    }
    return 0;
}

int safetensors_parse(struct safetensors *st, const char *header, size_t size, uint64_t data,
                      struct sft_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(header, size, JSON_REJECT_DUPLICATES, &why);
    int failed;
    if (root == NULL)
        failed =
            sft_error_set(err, "the header is no JSON: %.160s (byte %d)", why.text, why.position);
    else
        failed = tensors_take(st, root, data, err);
    json_decref(root);
    if (failed == 0)
        failed = places_check(st, data, err);
    if (failed < 0)
        return -1;
    for (size_t i = 0; i < st->count; i++)
        st->tensors[i].begin += sizeof(uint64_t) + size;
    qsort(st->tensors, st->count, sizeof *st->tensors, by_name);
    st->bytes = data;
    st->sum = sft_checksum(SFT_CHECKSUM_BEGIN, header, size);
    return 0;
}
