/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ceilings.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fields.h"
#include "lib/roofline.h"

#define FIELD(member)                                                                              \
    offsetof(struct sft_ceiling, member), sizeof(((struct sft_ceiling *)NULL)->member)

/* Words between white space, each a number from above 0 to its most; exactly `count` of them. */
static int numbers_read(const char *text, double *value, const double *most, int count,
                        const char *form, struct sft_error *err)
{
    for (int i = 0; i < count; i++) {
        char *end;
        text += strspn(text, " \t");
        value[i] = strtod(text, &end);
        bool number = end != text && strchr(".0123456789", text[0]) != NULL && text[1] != 'x' &&
                      text[1] != 'X' && (*end == '\0' || isspace((unsigned char)*end));
        if (!number || !isfinite(value[i]) || value[i] <= 0 || value[i] > most[i])
            return sft_error_set(err, "'%.60s' is not of the form %s, numbers above 0", text, form);
        text = end;
    }
    text += strspn(text, " \t");
    return *text == '\0' ? 0 : sft_error_set(err, "'%.60s' is more than %s", text, form);
}

static int whole(double value, const char *what, struct sft_error *err)
{
    return value == floor(value) ? 0 : sft_error_set(err, "%g %s: no whole number", value, what);
}

static int attention_add(void *object, const char *value, struct sft_error *err)
{
    static const double most[] = {1 << 24, 1e6, 1e6};
    struct sft_ceiling *c = object;
    double number[3];
    int at = 0;
    if (numbers_read(value, number, most, 3, "LENGTH FORWARD BACKWARD", err) < 0 ||
        whole(number[0], "tokens", err) < 0)
        return -1;
    while (c->lengths[at] != 0)
        at++;
    if (at > 0 && number[0] <= c->lengths[at - 1])
        return sft_error_set(err,
                             "%.0f tokens stand behind %d: write the lengths in ascending "
                             "order, each once",
                             number[0], c->lengths[at - 1]);
    if (at == SFT_CEILING_LENGTHS - 1)
        return sft_error_set(err, "more than %d lengths", SFT_CEILING_LENGTHS - 1);
    c->lengths[at] = (int)number[0];
    c->forward[at] = number[1];
    c->backward[at] = number[2];
    return 0;
}

static int busbw_add(void *object, const char *value, struct sft_error *err)
{
    static const double most[] = {16384, 1e15, 1e6};
    struct sft_ceiling *c = object;
    double number[3];
    if (numbers_read(value, number, most, 3, "NODES BYTES GB/S", err) < 0 ||
        whole(number[0], "nodes", err) < 0 || whole(number[1], "bytes", err) < 0)
        return -1;
    struct sft_busbw next = {(int)number[0], number[1], number[2]};
    const struct sft_busbw *last = c->busbws > 0 ? &c->busbw[c->busbws - 1] : NULL;
    if (last != NULL &&
        (next.nodes < last->nodes || (next.nodes == last->nodes && next.bytes <= last->bytes)))
        return sft_error_set(err,
                             "%d nodes, %.0f bytes stand behind %d nodes, %.0f bytes: write "
                             "them in ascending order, each once",
                             next.nodes, next.bytes, last->nodes, last->bytes);
    if (c->busbws == SFT_CEILING_BUSBW)
        return sft_error_set(err, "more than %d sizes", SFT_CEILING_BUSBW);
    c->busbw[c->busbws++] = next;
    return 0;
}

static const struct sft_field keys[] = {
    {"device", SFT_FIELD_TEXT, FIELD(device), .argument = "NAME"},
    {"matmul_tflops", SFT_FIELD_REAL, FIELD(matmul_tflops), 1e-9, 1e6, .argument = "RATE"},
    {"fp8_tflops", SFT_FIELD_REAL, FIELD(fp8_tflops), 1e-9, 1e6, .argument = "RATE"},
    {"memory_gbs", SFT_FIELD_REAL, FIELD(memory_gbs), 1e-9, 1e6, .argument = "RATE"},
    {"launch_us", SFT_FIELD_REAL, FIELD(launch_us), 1e-9, 1e6, .argument = "RATE"},
    {"peak_tflops", SFT_FIELD_REAL, FIELD(peak_tflops), 1e-9, 1e6, .argument = "RATE"},
    {"memory_gib", SFT_FIELD_REAL, FIELD(memory_gib), 1e-3, 1e5, .argument = "GIB"},
    {"attention", SFT_FIELD_LIST, 0, 0, .check = attention_add},
    {"busbw", SFT_FIELD_LIST, 0, 0, .check = busbw_add},
    {.name = NULL},
};

static int key_refuse(const struct sft_field *key, enum sft_fault fault, const char *value,
                      struct sft_error *err)
{
    switch (fault) {
    case SFT_FAULT_NONE:
        return 0;
    case SFT_FAULT_EMPTY:
        return sft_error_set(err, "%s: the value is missing", key->name);
    case SFT_FAULT_NUMBER:
        return sft_error_set(err, "%s: '%.60s' is no number", key->name, value);
    case SFT_FAULT_RANGE:
        return sft_error_set(err, "%s: %.60s is out of range, %g to %g", key->name, value, key->min,
                             key->max);
    case SFT_FAULT_LONG:
        return sft_error_set(err, "%s: longer than %zu bytes", key->name, key->size - 1);
    case SFT_FAULT_CHECK:
        return sft_error_prefix(err, "%s", key->name);
    default:
        return sft_error_set(err, "%s: a control character", key->name);
    }
}

/* A rate that the hardware cannot have was not measured on it. */
static int rate_check(double rate, double sheet, const char *what, struct sft_error *err)
{
    if (rate <= 0 || sheet <= 0 || rate <= sheet)
        return 0;
    return sft_error_set(err, "%s %g is above the data sheet's %g", what, rate, sheet);
}

static int rates_check(const struct sft_ceiling *c, struct sft_error *err)
{
    const struct sft_roofline *sheet = sft_roofline_find(c->device);
    double peak = sft_roofline_peak(c->device, 0, false);
    if (sheet != NULL &&
        (rate_check(c->peak_tflops, peak, "peak_tflops", err) < 0 ||
         rate_check(c->memory_gbs, sheet->memory_gbs, "memory_gbs", err) < 0 ||
         rate_check(c->fp8_tflops, sft_roofline_peak(c->device, 0, true), "fp8_tflops", err) < 0))
        return -1;
    peak = c->peak_tflops > 0 ? c->peak_tflops : peak;
    for (int i = 0; c->lengths[i] != 0; i++)
        if (rate_check(c->forward[i], peak, "attention, forward", err) < 0 ||
            rate_check(c->backward[i], peak, "attention, backward", err) < 0)
            return -1;
    return rate_check(c->matmul_tflops, peak, "matmul_tflops", err);
}

/* The device whose lines end here. */
static int device_end(const struct sft_ceiling *c, struct sft_error *err)
{
    static const char *const needed[] = {"matmul_tflops", "memory_gbs", "launch_us"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!sft_field_said(sft_field_find(keys, needed[i]), c))
            return sft_error_set(err, "%s has no %s", c->device, needed[i]);
    if (c->lengths[0] == 0)
        return sft_error_set(err, "%s has no attention", c->device);
    if (rates_check(c, err) < 0)
        return sft_error_prefix(err, "%s", c->device);
    return 0;
}

static int device_begin(struct sft_ceilings *ceilings, const char *name, struct sft_error *err)
{
    for (int i = 0; i < ceilings->count; i++)
        if (strcmp(ceilings->device[i].device, name) == 0)
            return sft_error_set(err, "device %.60s stands twice", name);
    if (ceilings->count == SFT_CEILINGS_MAX)
        return sft_error_set(err, "more than %d devices", SFT_CEILINGS_MAX);
    struct sft_ceiling *c = &ceilings->device[ceilings->count++];
    memset(c, 0, sizeof *c);
    sft_fields_clear(keys, c);
    return 0;
}

/* The key and the value of one line, ends cut. */
static int pair_take(struct sft_ceilings *ceilings, const char *key, const char *value,
                     struct sft_error *err)
{
    char known[256];
    const struct sft_field *field = sft_field_find(keys, key);
    if (field == NULL)
        return sft_error_set(err, "unknown key '%.60s'; known are %s", key,
                             sft_field_names(keys, known, sizeof known));
    if (field == keys && device_begin(ceilings, value, err) < 0)
        return -1;
    if (ceilings->count == 0)
        return sft_error_set(err, "%s stands before the first device", field->name);
    struct sft_ceiling *c = &ceilings->device[ceilings->count - 1];
    if (field->type != SFT_FIELD_LIST && sft_field_said(field, c))
        return sft_error_set(err, "%s stands twice for %s", field->name, c->device);
    return key_refuse(field, sft_field_read(field, c, value, err), value, err);
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

static int line_take(struct sft_ceilings *ceilings, char *line, int number, int begun[],
                     struct sft_error *err)
{
    int had = ceilings->count;
    line[strcspn(line, "#")] = '\0';
    char *key = trim(line), *equals = strchr(key, '=');
    if (*key == '\0')
        return 0;
    if (equals == NULL)
        return sft_error_set(err, "'%.60s' is not of the form key = value", key);
    *equals = '\0';
    if (pair_take(ceilings, trim(key), trim(equals + 1), err) < 0)
        return -1;
    if (ceilings->count > had)
        begun[had] = number;
    return 0;
}

int sft_ceilings_parse(struct sft_ceilings *ceilings, const char *text, size_t length,
                       const char *name, struct sft_error *err)
{
    char line[512];
    int begun[SFT_CEILINGS_MAX]; /* line of each device */
    const char *end = text + length;
    ceilings->count = 0;
    for (int number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop != NULL ? stop : end) - text);
        if (size >= sizeof line || memchr(text, '\0', size) != NULL)
            return sft_error_set(err, "%s:%d: the line is longer than %zu bytes, or holds a NUL",
                                 name, number, sizeof line - 1);
        memcpy(line, text, size);
        line[size] = '\0';
        if (line_take(ceilings, line, number, begun, err) < 0)
            return sft_error_prefix(err, "%s:%d", name, number);
        text += size + 1;
    }
    for (int i = 0; i < ceilings->count; i++)
        if (device_end(&ceilings->device[i], err) < 0)
            return sft_error_prefix(err, "%s:%d", name, begun[i]);
    if (ceilings->count == 0)
        return sft_error_set(err, "%s:1: no device", name);
    return 0;
}
