/* SPDX-License-Identifier: Apache-2.0 */
/* One file of tensors, or the shards that an index names. */
#include "job/weights/weights_internal.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file_read.h"

enum { FILES_MOST = 512, INDEX_MOST = 32 << 20 };

#define ONE_FILE "model.safetensors"
#define INDEX "model.safetensors.index.json"
#define ADAPTER_FILE "adapter_model.safetensors"

static int path_put(char path[PATH_MAX], const struct weights *w, const char *name,
                    struct sft_error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", w->place.folder, name) < PATH_MAX)
        return 0;
    return sft_error_set(err, "%.200s...: the folder's name is too long", w->place.folder);
}

static bool has_file(const struct weights *w, const char *name)
{
    char path[PATH_MAX];
    return path_put(path, w, name, NULL) == 0 && access(path, F_OK) == 0;
}

static int file_add(struct weights *w, const char *name, struct sft_error *err)
{
    char path[PATH_MAX];
    if (path_put(path, w, name, err) < 0)
        return -1;
    struct safetensors *file = safetensors_open(path, err);
    if (file == NULL)
        return -1;
    w->files[w->file_count++] = file;
    w->bytes += file->bytes;
    return 0;
}

/* A file's own name; no path leads out of the folder. */
static bool is_shard(const char *name)
{
    static const char end[] = ".safetensors";
    size_t length = strlen(name);
    return length > sizeof end - 1 && length < 200 && strchr(name, '/') == NULL &&
           strcmp(name + length - (sizeof end - 1), end) == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The index's files, each once. */
static int shards_open(struct weights *w, const char **names, size_t count, struct sft_error *err)
{
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        if (w->file_count == FILES_MOST)
            return sft_error_set(err, "%s/" INDEX ": names more than %d files", w->place.folder,
                                 FILES_MOST);
        if (!has_file(w, names[i])) {
            sft_error_set(err, "%s/%s is missing, which the index names", w->place.folder,
                          names[i]);
            return cache_advise(&w->place, err);
        }
        if (file_add(w, names[i], err) < 0)
            return -1;
    }
    return 0;
}

static int map_take(struct weights *w, const json_t *map, struct sft_error *err)
{
    const char *tensor, **names = calloc(json_object_size(map) + 1, sizeof *names);
    json_t *value;
    size_t count = 0;
    if (names == NULL)
        return sft_error_set(err, "no memory for the index's %zu names", json_object_size(map));
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (name == NULL || !is_shard(name)) {
            free(names);
            return sft_error_set(err,
                                 "%s/" INDEX ": tensor %.100s is in no file of this folder that "
                                 "ends with .safetensors",
                                 w->place.folder, tensor);
        }
        names[count++] = name;
    }
    int failed = shards_open(w, names, count, err);
    free(names);
    return failed;
}

static int index_open(struct weights *w, struct sft_error *err)
{
    char path[PATH_MAX];
    size_t size = 0;
    json_error_t why;
    if (path_put(path, w, INDEX, err) < 0)
        return -1;
    char *text = file_read(path, "weights", INDEX_MOST, &size, err);
    if (text == NULL)
        return -1;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    const json_t *map = json_object_get(root, "weight_map");
    free(text);
    int failed = root == NULL ? sft_error_set(err, "%s: is no JSON: %.160s (line %d)", path,
                                              why.text, why.line)
                 : !json_is_object(map) || json_object_size(map) == 0
                     ? sft_error_set(err, "%s: has no weight_map", path)
                     : map_take(w, map, err);
    json_decref(root);
    return failed;
}

static int files_missing(const struct weights *w, struct sft_error *err)
{
    if (has_file(w, "adapter_model.bin"))
        return sft_error_set(err,
                             "%s: has its adapters as pickle alone, which runs what is in it: "
                             "load them in PEFT and save_pretrained() them, which writes "
                             "safetensors",
                             w->place.folder);
    if (has_file(w, "pytorch_model.bin") || has_file(w, "pytorch_model.bin.index.json"))
        return sft_error_set(err,
                             "%s: has its weights as pickle alone, which runs what is in it: load "
                             "it in transformers and save_pretrained() it, which writes "
                             "safetensors",
                             w->place.folder);
    if (weights_are_adapters(w))
        sft_error_set(err, "%s: has no " ADAPTER_FILE, w->place.folder);
    else
        sft_error_set(err, "%s: has neither " ONE_FILE " nor " INDEX, w->place.folder);
    return cache_advise(&w->place, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weights_tensor *)a)->tensor->name,
                  ((const struct weights_tensor *)b)->tensor->name);
}

static int tensors_list(struct weights *w, struct sft_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < w->file_count; i++)
        count += w->files[i]->count;
    w->tensors = calloc(count + 1, sizeof *w->tensors);
    if (w->tensors == NULL)
        return sft_error_set(err, "no memory for a list of %zu tensors", count);
    for (size_t i = 0; i < w->file_count; i++)
        for (size_t t = 0; t < w->files[i]->count; t++)
            w->tensors[w->count++] = (struct weights_tensor){&w->files[i]->tensors[t], w->files[i]};
    qsort(w->tensors, w->count, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < w->count; i++)
        if (by_name(&w->tensors[i - 1], &w->tensors[i]) == 0)
            return sft_error_set(err, "%s: tensor %s stands in %s, too",
                                 w->tensors[i - 1].file->path, w->tensors[i].tensor->name,
                                 w->tensors[i].file->path);
    return 0;
}

/* transformers takes the one file where both are there. */
int weights_open_files(struct weights *w, struct sft_error *err)
{
    int failed;
    w->files = calloc(FILES_MOST, sizeof(struct safetensors *));
    if (w->files == NULL)
        return sft_error_set(err, "no memory for a list of files");
    const char *one = weights_are_adapters(w) ? ADAPTER_FILE : ONE_FILE;
    if (has_file(w, one))
        failed = file_add(w, one, err);
    else if (!weights_are_adapters(w) && has_file(w, INDEX))
        failed = index_open(w, err);
    else
        failed = files_missing(w, err);
    return failed < 0 ? -1 : tensors_list(w, err);
}
