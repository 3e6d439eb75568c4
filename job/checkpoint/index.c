/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a checkpoint, as anybody may have written it: each number is looked at before
 * anything is made of it. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "job/checkpoint/checkpoint.h"
#include "lib/file_read.h"
#include "lib/file_write.h"

#define FORMAT_NAME "sft-checkpoint"

static const char *const kind_names[CHECKPOINT_KINDS] = {"value", "m", "v", "best"};

/* A whole number from 0 to `most`; -1: it is none. */
static long long whole(const json_t *value, long long most)
{
    if (!json_is_integer(value))
        return -1;
    json_int_t n = json_integer_value(value);
    return n < 0 || n > most ? -1 : (long long)n;
}

static int refuse(const char *name, const char *what, struct sft_error *err)
{
    return sft_error_set(err, "%.300s: %s: it is no index of a checkpoint, or damaged", name, what);
}

static int text_take(const json_t *value, char *to, size_t size)
{
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) >= size)
        return -1;
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return -1;
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

static int recipe_take(struct checkpoint_recipe *recipe, json_t *object)
{
    const char *key;
    json_t *value;
    char text[CHECKPOINT_TEXT];
    if (!json_is_object(object) || json_object_size(object) > CHECKPOINT_RECIPE)
        return -1;
    json_object_foreach(object, key, value)
    {
        if (strlen(key) >= CHECKPOINT_KEY || text_take(value, text, sizeof text) < 0)
            return -1;
        recipe_add(recipe, key, "%s", text);
    }
    return 0;
}

static int formats_take(struct checkpoint *c, const json_t *object, int kinds)
{
    c->formats[CHECKPOINT_BEST] = (enum format)CHECKPOINT_NONE;
    for (int kind = 0; kind < kinds; kind++) {
        const char *name = json_string_value(json_object_get(object, kind_names[kind]));
        if (name != NULL && strcmp(name, format_traits[FORMAT_FP32].name) == 0)
            c->formats[kind] = FORMAT_FP32;
        else if (name != NULL && strcmp(name, format_traits[FORMAT_BF16].name) == 0)
            c->formats[kind] = FORMAT_BF16;
        else
            return -1;
    }
    return 0;
}

static int kinds_of(const struct checkpoint *c)
{
    return (int)c->formats[CHECKPOINT_BEST] == CHECKPOINT_NONE ? CHECKPOINT_BEST : CHECKPOINT_KINDS;
}

/* A finite number; NAN: it is none. */
static double real(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Where nothing was evaluated there is no such object. */
static int eval_take(struct checkpoint *c, const json_t *object)
{
    struct checkpoint_eval *e = &c->eval;
    const char *sum = json_string_value(json_object_get(object, "sum"));
    if (object == NULL)
        return kinds_of(c) == CHECKPOINT_KINDS ? -1 : 0;
    e->first = real(json_object_get(object, "first"));
    e->last = real(json_object_get(object, "last"));
    e->best = real(json_object_get(object, "best"));
    e->last_step = whole(json_object_get(object, "last_step"), c->step);
    e->best_step = whole(json_object_get(object, "best_step"), c->step);
    if (sum == NULL || strlen(sum) != 16 || strspn(sum, "0123456789abcdef") != 16 ||
        !isfinite(e->first) || !isfinite(e->last) || !isfinite(e->best) || e->last_step < 0 ||
        e->best_step < 0 || e->best_step > e->last_step)
        return -1;
    e->sum = strtoull(sum, NULL, 16);
    e->any = true;
    return 0;
}

static int files_take(struct checkpoint *c, const json_t *array)
{
    size_t count = json_array_size(array);
    if (count < 1 || count > CHECKPOINT_FILES_MOST)
        return -1;
    c->files = calloc(count, sizeof *c->files);
    if (c->files == NULL)
        return -1;
    for (; c->file_count < count; c->file_count++) {
        long long bytes = whole(json_array_get(array, c->file_count), INT64_MAX / 2);
        if (bytes < 0)
            return -1;
        c->files[c->file_count] = (uint64_t)bytes;
    }
    return 0;
}

static int sums_take(const json_t *value, size_t kinds, uint32_t sum[CHECKPOINT_KINDS])
{
    const char *text = json_string_value(value);
    if (text == NULL || strspn(text, "0123456789abcdef") != 8 * kinds || text[8 * kinds] != '\0')
        return -1;
    for (size_t kind = 0; kind < kinds; kind++) {
        char one[9] = "";
        memcpy(one, text + 8 * kind, 8);
        sum[kind] = (uint32_t)strtoul(one, NULL, 16);
    }
    return 0;
}

/* [count, file, at, sums] */
static int piece_take(struct checkpoint *c, const json_t *array, struct checkpoint_piece *piece)
{
    long long count = whole(json_array_get(array, 0), CHECKPOINT_PIECE),
              file = whole(json_array_get(array, 1), (long long)c->file_count - 1),
              at = whole(json_array_get(array, 2), INT64_MAX / 2);
    if (count < 1 || file < 0 || at < 0 ||
        sums_take(json_array_get(array, 3), (size_t)kinds_of(c), piece->sum) < 0)
        return -1;
    piece->count = (uint64_t)count;
    piece->file = (uint32_t)file;
    piece->at = (uint64_t)at;
    uint64_t size = c->files[file], bytes = checkpoint_bytes(c->formats, piece->count);
    return bytes > size || piece->at > size - bytes ? -1 : 0;
}

static int pieces_take(struct checkpoint *c, struct checkpoint_tensor *tensor, const json_t *array)
{
    uint64_t elements = (uint64_t)tensor->rows * (uint64_t)tensor->columns, from = 0;
    tensor->first = c->piece_count;
    tensor->pieces = json_array_size(array);
    for (size_t i = 0; i < tensor->pieces; i++) {
        struct checkpoint_piece *piece = &c->pieces[c->piece_count++];
        if (piece_take(c, json_array_get(array, i), piece) < 0 || piece->count > elements - from)
            return -1;
        piece->tensor = (uint32_t)(tensor - c->tensors);
        piece->from = from;
        from += piece->count;
    }
    return from == elements ? 0 : -1;
}

static int tensor_take(struct checkpoint *c, const json_t *object)
{
    struct checkpoint_tensor *t = &c->tensors[c->tensor_count++];
    long long rows = whole(json_object_get(object, "rows"), INT_MAX),
              columns = whole(json_object_get(object, "columns"), INT_MAX);
    if (rows < 1 || columns < 1 ||
        text_take(json_object_get(object, "name"), t->name, sizeof t->name) < 0)
        return -1;
    t->rows = (int)rows;
    t->columns = (int)columns;
    return pieces_take(c, t, json_object_get(object, "pieces"));
}

/* As many pieces as stand there are made room for: no number says how many. */
static int tensors_take(struct checkpoint *c, const json_t *array)
{
    size_t count = json_array_size(array), pieces = 0;
    for (size_t i = 0; i < count; i++)
        pieces += json_array_size(json_object_get(json_array_get(array, i), "pieces"));
    if (count < 1)
        return -1;
    c->tensors = calloc(count, sizeof *c->tensors);
    c->pieces = calloc(pieces + 1, sizeof *c->pieces);
    if (c->tensors == NULL || c->pieces == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (tensor_take(c, json_array_get(array, i)) < 0)
            return -1;
    return 0;
}

static int head_take(struct checkpoint *c, const json_t *root)
{
    c->step = whole(json_object_get(root, "step"), INT_MAX);
    c->batch = whole(json_object_get(root, "global_batch"), INT_MAX);
    c->measured_steps = whole(json_object_get(root, "measured_steps"), INT_MAX);
    c->measured_s = json_number_value(json_object_get(root, "measured_s"));
    c->ended = json_is_true(json_object_get(root, "ended"));
    if (c->step < 1 || c->batch < 1 || c->measured_steps < 0 || !(c->measured_s >= 0) ||
        c->measured_s > 1e12)
        return -1;
    return text_take(json_object_get(root, "job"), c->job, sizeof c->job);
}

static int root_take(struct checkpoint *c, json_t *root, const char *name, struct sft_error *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, FORMAT_NAME) != 0)
        return refuse(name, "\"format\" is not \"" FORMAT_NAME "\"", err);
    long long version = whole(json_object_get(root, "version"), INT_MAX);
    if (version != CHECKPOINT_VERSION && version != CHECKPOINT_VERSION_BEST)
        return sft_error_set(err, "%.300s: is of another version than %d and %d: another release's",
                             name, CHECKPOINT_VERSION, CHECKPOINT_VERSION_BEST);
    if (head_take(c, root) < 0)
        return refuse(name, "step, global_batch, measured steps or job", err);
    if (recipe_take(&c->recipe, json_object_get(root, "recipe")) < 0)
        return refuse(name, "recipe", err);
    if (formats_take(c, json_object_get(root, "formats"),
                     version == CHECKPOINT_VERSION ? CHECKPOINT_BEST : CHECKPOINT_KINDS) < 0)
        return refuse(name, "formats", err);
    if (eval_take(c, json_object_get(root, "eval")) < 0)
        return refuse(name, "eval", err);
    if (files_take(c, json_object_get(root, "files")) < 0)
        return refuse(name, "files", err);
    if (tensors_take(c, json_object_get(root, "tensors")) < 0)
        return refuse(name, "tensors and their pieces", err);
    return 0;
}

int checkpoint_parse(struct checkpoint *c, const char *text, size_t size, const char *name,
                     struct sft_error *err)
{
    json_error_t why;
    memset(c, 0, sizeof *c);
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(root)) {
        json_decref(root);
        return sft_error_set(err, "%.300s: is no JSON object: %.160s", name, why.text);
    }
    int failed = root_take(c, root, name, err);
    json_decref(root);
    return failed;
}

static int files_check(const struct checkpoint *c, struct sft_error *err)
{
    for (size_t i = 0; i < c->file_count; i++) {
        char name[32], path[PATH_MAX + 40];
        struct stat info;
        checkpoint_file_name(i, name);
        snprintf(path, sizeof path, "%s/%s", c->folder, name);
        if (lstat(path, &info) < 0)
            return sft_error_set(err, "%.300s: %s: %s", c->folder, name, strerror(errno));
        if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != c->files[i])
            return sft_error_set(err, "%.300s: %s has %lld bytes of the index's %llu", c->folder,
                                 name, (long long)info.st_size, (unsigned long long)c->files[i]);
    }
    return 0;
}

int checkpoint_open(struct checkpoint *c, const char *folder, struct sft_error *err)
{
    char path[PATH_MAX + 16];
    size_t size = 0;
    memset(c, 0, sizeof *c);
    snprintf(path, sizeof path, "%s/" CHECKPOINT_INDEX, folder);
    char *text = file_read(path, "checkpoint", CHECKPOINT_INDEX_MOST, &size, err);
    if (text == NULL)
        return -1;
    int failed = checkpoint_parse(c, text, size, path, err);
    free(text);
    if (failed < 0)
        return -1;
    snprintf(c->folder, sizeof c->folder, "%s", folder);
    return files_check(c, err);
}

/* A string as JSON has it; what we write has no control characters. */
static void text_print(struct file_write *file, const char *before, const char *text)
{
    json_t *string = json_string_nocheck(text);
    char *dumped = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    file_write_print(file, "%s%s", before, dumped != NULL ? dumped : "\"\"");
    free(dumped);
    json_decref(string);
}

static void eval_print(const struct checkpoint_eval *e, struct file_write *file)
{
    if (!e->any)
        return;
    file_write_print(file,
                     " \"eval\": {\"sum\": \"%016llx\", \"first\": %.17g, \"last\": %.17g, "
                     "\"last_step\": %lld, \"best\": %.17g, \"best_step\": %lld},\n",
                     (unsigned long long)e->sum, e->first, e->last, e->last_step, e->best,
                     e->best_step);
}

static void head_print(const struct checkpoint *c, struct file_write *file)
{
    file_write_print(file,
                     "{\"format\": \"" FORMAT_NAME "\", \"version\": %d,\n \"step\": %lld, "
                     "\"global_batch\": %lld, \"ended\": %s, \"measured_steps\": %lld, "
                     "\"measured_s\": %.17g,\n",
                     kinds_of(c) == CHECKPOINT_KINDS ? CHECKPOINT_VERSION_BEST : CHECKPOINT_VERSION,
                     c->step, c->batch, c->ended ? "true" : "false", c->measured_steps,
                     c->measured_s);
    text_print(file, " \"job\": ", c->job);
    file_write_print(file, ",\n \"recipe\": {");
    for (size_t i = 0; i < c->recipe.count; i++) {
        text_print(file, i > 0 ? ",\n  " : "\n  ", c->recipe.row[i].key);
        text_print(file, ": ", c->recipe.row[i].text);
    }
    file_write_print(file, "},\n");
    eval_print(&c->eval, file);
    file_write_print(file, " \"formats\": {");
    for (int kind = 0; kind < kinds_of(c); kind++)
        file_write_print(file, "%s\"%s\": \"%s\"", kind > 0 ? ", " : "", kind_names[kind],
                         format_traits[c->formats[kind]].name);
    file_write_print(file, "},\n \"files\": [");
    for (size_t i = 0; i < c->file_count; i++)
        file_write_print(file, "%s%llu", i > 0 ? ", " : "", (unsigned long long)c->files[i]);
}

static void tensor_print(const struct checkpoint *c, const struct checkpoint_tensor *t,
                         struct file_write *file)
{
    text_print(file, "{\"name\": ", t->name);
    file_write_print(file, ", \"rows\": %d, \"columns\": %d, \"pieces\": [", t->rows, t->columns);
    for (size_t i = 0; i < t->pieces; i++) {
        const struct checkpoint_piece *p = &c->pieces[t->first + i];
        file_write_print(file, "%s[%llu, %u, %llu, \"", i > 0 ? ",\n   " : "\n   ",
                         (unsigned long long)p->count, p->file, (unsigned long long)p->at);
        for (int kind = 0; kind < kinds_of(c); kind++)
            file_write_print(file, "%08x", p->sum[kind]);
        file_write_print(file, "\"]");
    }
    file_write_print(file, "]}");
}

int checkpoint_write_index(const struct checkpoint *c, const char *path, struct sft_error *err)
{
    struct file_write file;
    if (file_write_open(&file, path, err) < 0)
        return -1;
    head_print(c, &file);
    file_write_print(&file, "],\n \"tensors\": [");
    for (size_t i = 0; i < c->tensor_count; i++) {
        file_write_print(&file, i > 0 ? ",\n  " : "\n  ");
        tensor_print(c, &c->tensors[i], &file);
    }
    file_write_print(&file, "]}\n");
    return file_write_close(&file, true, err);
}
