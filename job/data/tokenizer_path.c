/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/tokenizer_path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "job/data/data_kind.h"
#include "lib/file_read.h"

static bool is_pieces(const char *path)
{
    size_t size;
    char *head = file_read(path, "tokenizer", DATA_KIND_BYTES, &size, NULL);
    const struct data_kind *kind = head == NULL ? NULL : data_kind_find(head, size);
    free(head);
    return data_kind_reader(kind) == READER_SENTENCEPIECE;
}

static char *folder_file(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

char *tokenizer_path_find(const char *path, struct sft_error *err)
{
    struct stat info;
    char *found = NULL;
    if (stat(path, &info) < 0 || !S_ISDIR(info.st_mode)) {
        found = strdup(path);
        if (found == NULL)
            sft_error_set(err, "no memory for a path");
        return found;
    }
    char *model = folder_file(path, "tokenizer.model"), *json = folder_file(path, "tokenizer.json");
    if (model == NULL || json == NULL) {
        sft_error_set(err, "no memory for a path");
    } else {
        bool has_model = access(model, F_OK) == 0, has_json = access(json, F_OK) == 0;
        if (!has_model && !has_json)
            sft_error_set(err,
                          "%s: no tokenizer: the folder has neither a tokenizer.json nor a "
                          "tokenizer.model",
                          path);
        else
            found = strdup(has_json && !(has_model && is_pieces(model)) ? json : model);
    }
    free(model);
    free(json);
    return found;
}

enum { BESIDE_MOST = 64 << 20 }; /* bytes: some configurations name each added token */

int tokenizer_path_read(const char *path, const char *name, char **text, size_t *size,
                        struct sft_error *err)
{
    char *beside;
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash + 1 - path);
    *text = NULL;
    if (asprintf(&beside, "%.*s%s", length, path, name) < 0)
        return sft_error_set(err, "no memory for a path");
    bool there = access(beside, F_OK) == 0;
    if (there)
        *text = file_read(beside, "tokenizer", BESIDE_MOST, size, err);
    free(beside);
    return there && *text == NULL ? -1 : 0;
}

char *tokenizer_path_template(const char *config, size_t size)
{
    json_t *root = json_loadb(config, size, 0, NULL);
    const json_t *value = json_object_get(root, "chat_template");
    const char *text = json_string_value(value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name != NULL && strcmp(name, "default") == 0)
            text = json_string_value(json_object_get(one, "template"));
    }
    char *copy = text == NULL ? NULL : strdup(text);
    json_decref(root);
    return copy;
}
