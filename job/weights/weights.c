/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/weights.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/weights/adapter_config.h"
#include "job/weights/config.h"
#include "job/weights/weights_internal.h"
#include "lib/checksum.h"
#include "lib/file_read.h"

static int name_compare(const void *name, const void *tensor)
{
    return strcmp(name, ((const struct weights_tensor *)tensor)->tensor->name);
}

static const struct weights_tensor *find(const struct weights *w, const char *name)
{
    return bsearch(name, w->tensors, w->count, sizeof *w->tensors, name_compare);
}

const struct weights_tensor *weights_source(const struct weights *w, const struct sft_param *param,
                                            const struct sft_source *source)
{
    char name[SFT_PARAM_NAME];
    const struct weights_tensor *found = find(w, sft_param_name(param, source->name, name));
    const char *dot = strchr(name, '.');
    return found == NULL && dot != NULL ? find(w, dot + 1) : found;
}

static bool has_shape(const struct safetensors_tensor *t, const struct sft_param *param,
                      const struct sft_source *source)
{
    uint64_t rows = (uint64_t)source->rows, columns = (uint64_t)param->columns;
    if (param->rows == 1)
        return t->dims == 1 && t->shape[0] == columns;
    return t->dims == 2 && t->shape[0] == (source->transposed ? columns : rows) &&
           t->shape[1] == (source->transposed ? rows : columns);
}

static void shape_write(const struct safetensors_tensor *t, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < t->dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%llu", i == 0 ? "" : ",",
                                 (unsigned long long)t->shape[i]);
}

static const char *config_name(const struct weights *w)
{
    return weights_are_adapters(w) ? "adapter_config.json" : "config.json";
}

static int source_check(const struct weights *w, const struct sft_param *param,
                        const struct sft_source *source, struct sft_error *err)
{
    char name[SFT_PARAM_NAME], shape[128];
    const struct weights_tensor *found = weights_source(w, param, source);
    if (found == NULL) {
        sft_error_set(err, "%s: tensor %s is missing", w->place.folder,
                      sft_param_name(param, source->name, name));
        return cache_advise(&w->place, err);
    }
    const struct safetensors_tensor *t = found->tensor;
    if (t->type == SAFETENSORS_OTHER)
        return sft_error_set(err, "%s: tensor %s is in %s: weights are read in F32, BF16 and F16",
                             found->file->path, t->name, t->dtype);
    if (has_shape(t, param, source))
        return 0;
    shape_write(t, shape, sizeof shape);
    int rows = source->transposed ? param->columns : source->rows,
        columns = source->transposed ? source->rows : param->columns;
    if (param->rows == 1)
        return sft_error_set(err, "%s: tensor %s is [%s]; by %s it is [%d]", found->file->path,
                             t->name, shape, config_name(w), columns);
    return sft_error_set(err, "%s: tensor %s is [%s]; by %s it is [%d,%d]", found->file->path,
                         t->name, shape, config_name(w), rows, columns);
}

/* What transformers once saved beside the parameters, and a tied head, which is the table again. */
static bool is_buffer(const struct weights *w, const char *name)
{
    static const char *const ends[] = {".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0)
            return true;
    return w->shape.tied_head && strcmp(name, "lm_head.weight") == 0;
}

/* A tensor that is no parameter's belongs to another model than config.json tells of. */
static int others_check(const struct weights *w, const bool *used, struct sft_error *err)
{
    for (size_t i = 0; i < w->count; i++)
        if (!used[i] && !is_buffer(w, w->tensors[i].tensor->name))
            return sft_error_set(err, "%s: tensor %s is no parameter of the model that %s tells of",
                                 w->tensors[i].file->path, w->tensors[i].tensor->name,
                                 config_name(w));
    return 0;
}

static bool is_expected(const struct weights *w, const struct sft_param *param)
{
    return !weights_are_adapters(w) || param->adapter != SFT_ADAPTER_NONE;
}

static int unit_check(const struct weights *w, int unit, bool *used, struct sft_error *err)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(&w->shape, unit, params);
    for (int i = 0; i < count; i++)
        for (int s = 0; is_expected(w, &params[i]) && s < SFT_PARAM_SOURCES; s++) {
            if (params[i].source[s].name == NULL)
                break;
            if (source_check(w, &params[i], &params[i].source[s], err) < 0)
                return -1;
            used[weights_source(w, &params[i], &params[i].source[s]) - w->tensors] = true;
        }
    return 0;
}

static int tensors_check(const struct weights *w, struct sft_error *err)
{
    bool *used = calloc(w->count + 1, sizeof *used);
    int failed = 0;
    if (used == NULL)
        return sft_error_set(err, "no memory to look at %zu tensors", w->count);
    for (int unit = 0; unit < sft_params_units(&w->shape) && failed == 0; unit++)
        failed = unit_check(w, unit, used, err);
    if (failed == 0)
        failed = others_check(w, used, err);
    free(used);
    return failed;
}

static void shape_name(struct weights *w)
{
    struct sft_preset *shape = &w->shape;
    shape->name = shape->title = w->place.name;
    shape->source = w->place.folder;
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++)
        if (sft_preset_alike(p, shape)) {
            shape->name = p->name;
            shape->title = p->title;
        }
}

/* Its path, and its bytes into the sum. */
static int config_find(struct weights *w, char path[PATH_MAX], struct sft_error *err)
{
    size_t size = 0;
    if (snprintf(path, PATH_MAX, "%s/%s", w->place.folder, config_name(w)) >= PATH_MAX)
        return sft_error_set(err, "%.200s...: the folder's name is too long", w->place.folder);
    char *text = file_read(path, "weights", 1 << 20, &size, err);
    if (text == NULL)
        return -1;
    w->config_sum = sft_checksum(SFT_CHECKSUM_BEGIN, text, size);
    free(text);
    return 0;
}

static int config_open(struct weights *w, struct sft_error *err)
{
    char path[PATH_MAX];
    if (config_find(w, path, err) < 0 || config_read(&w->shape, path, err) < 0)
        return -1;
    shape_name(w);
    return 0;
}

static int adapters_open(struct weights *w, const struct sft_preset *shape, struct sft_error *err)
{
    char path[PATH_MAX];
    w->shape = *shape;
    w->shape.adapters.rank = 1; /* until the file says it */
    if (config_find(w, path, err) < 0)
        return -1;
    return adapter_config_read(&w->shape.adapters, shape, path, err);
}

/* `beside` NULL: no adapters. */
static struct weights *folder_open(const char *where, const struct sft_preset *beside,
                                   struct sft_error *err)
{
    struct weights *w = calloc(1, sizeof *w);
    if (w == NULL) {
        sft_error_set(err, "no memory to open weights");
        return NULL;
    }
    if (cache_find(&w->place, beside == NULL ? "weights" : "adapter", where, err) == 0 &&
        (beside == NULL ? config_open(w, err) : adapters_open(w, beside, err)) == 0 &&
        weights_open_files(w, err) == 0 && tensors_check(w, err) == 0)
        return w;
    weights_close(w);
    return NULL;
}

struct weights *weights_open(const char *where, struct sft_error *err)
{
    return folder_open(where, NULL, err);
}

struct weights *weights_open_adapters(const char *where, const struct sft_preset *shape,
                                      struct sft_error *err)
{
    return folder_open(where, shape, err);
}

void weights_close(struct weights *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->file_count; i++)
        safetensors_close(w->files[i]);
    free(w->files);
    free(w->tensors);
    free(w);
}

const struct sft_preset *weights_shape(const struct weights *w)
{
    return &w->shape;
}

const char *weights_folder(const struct weights *w)
{
    return w->place.folder;
}

const char *weights_name(const struct weights *w)
{
    return w->place.repo[0] != '\0' ? w->place.repo : w->place.name;
}

uint64_t weights_bytes(const struct weights *w)
{
    return w->bytes;
}

/* What is named as a preset's has the preset's vocabulary, or the tokenizer's. */
int weights_check(const struct weights *w, const struct sft_preset *preset, struct sft_error *err)
{
    struct sft_preset shape = *preset;
    char one[SFT_PRESET_SHAPE], other[SFT_PRESET_SHAPE];
    if (preset->vocab_grows)
        shape.vocab = w->shape.vocab;
    if (sft_preset_alike(&shape, &w->shape))
        return 0;
    return sft_error_set(err,
                         "weights=%s: are of another shape than %s: %s; not %s. Say auto in the "
                         "model's place to take theirs",
                         weights_name(w), preset->name, sft_preset_shape(&w->shape, one),
                         sft_preset_shape(&shape, other));
}
