/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_files.h"

#include "lib/file_read.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 100000 };

void data_files_clear(struct data_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    free(files->name);
    memset(files, 0, sizeof *files);
}

/* Takes the path, which may be NULL: no memory. */
static int path_add(struct data_files *files, char *path, struct sft_error *err)
{
    char **paths = path == NULL || files->count == FILES_MOST
                       ? NULL
                       : realloc(files->paths, (files->count + 1) * sizeof *paths);
    if (paths == NULL) {
        free(path);
        return sft_error_set(err, "data=: no memory for so many files");
    }
    files->paths = paths;
    files->paths[files->count++] = path;
    return 0;
}

static bool ends(const char *name, const char *with)
{
    size_t length = strlen(name), end = strlen(with);
    return length > end && strcmp(name + length - end, with) == 0;
}

static int records_only(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           (ends(entry->d_name, ".json") || ends(entry->d_name, ".jsonl") ||
            ends(entry->d_name, ".ndjson"));
}

static int parquet_only(const struct dirent *entry)
{
    return ends(entry->d_name, ".parquet");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int folder_is_empty(const char *folder, struct sft_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, parquet_only, NULL);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    if (count > 0)
        return sft_error_set(err,
                             "%s: the folder has Parquet files and no JSON: write each as JSON "
                             "lines: pandas.read_parquet(FILE).to_json(NEW, orient='records', "
                             "lines=True)",
                             folder);
    return sft_error_set(err, "%s: the folder has no file of records (.json, .jsonl)", folder);
}

static int folder_add(struct data_files *files, const char *folder, struct sft_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, records_only, by_bytes), failed = 0;
    for (int i = 0; i < count; i++) {
        char *path;
        if (!failed)
            failed = path_add(
                files, asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0 ? NULL : path, err);
        free(entries[i]);
    }
    free(entries);
    return count <= 0 ? folder_is_empty(folder, err) : failed;
}

static int one_add(struct data_files *files, const char *path, struct sft_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return folder_add(files, path, err);
    return path_add(files, strdup(path), err);
}

/* "a.json+b.json", "a.json+4 more" */
static char *name_make(const char *first, const char *second, size_t count)
{
    char *one = file_name(first), *other = second == NULL ? NULL : file_name(second), *name = NULL;
    if (count <= 1 || one == NULL)
        return one;
    if ((count == 2 ? asprintf(&name, "%s+%s", one, other == NULL ? "" : other)
                    : asprintf(&name, "%s+%zu more", one, count - 1)) < 0)
        name = NULL;
    free(one);
    free(other);
    return name;
}

int data_files_find(struct data_files *files, const char *data, struct sft_error *err)
{
    char *copy = strdup(data), *rest = copy, *part;
    const char *first = NULL, *second = NULL;
    size_t count = 0;
    int failed = copy == NULL ? sft_error_set(err, "no memory for a path") : 0;
    bool whole = access(data, F_OK) == 0 || strchr(data, '+') == NULL;
    memset(files, 0, sizeof *files);
    while (!failed && (part = whole ? rest : strsep(&rest, "+")) != NULL) {
        if (part[0] == '\0')
            failed = sft_error_set(err, "data=%s: a file's name is missing beside a +", data);
        else
            failed = one_add(files, part, err);
        first = first == NULL ? part : first;
        second = second == NULL && part != first ? part : second;
        count++;
        if (whole)
            break;
    }
    if (!failed && (files->name = name_make(first, second, count)) == NULL)
        failed = sft_error_set(err, "no memory for a path");
    free(copy);
    if (failed)
        data_files_clear(files);
    return failed;
}
