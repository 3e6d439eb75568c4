/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/cache.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file_read.h"
#include "lib/preset.h"

enum { REVISION = 128 };

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The path, or -1 where it does not fit. */
static int path_put(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? 0 : -1;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* As huggingface_hub's constants.py has it. */
static int hub_find(char hub[PATH_MAX], struct sft_error *err)
{
    static const struct {
        const char *variable, *below;
    } ways[] = {{"HF_HUB_CACHE", "."},
                {"HUGGINGFACE_HUB_CACHE", "."},
                {"HF_HOME", "hub"},
                {"XDG_CACHE_HOME", "huggingface/hub"},
                {"HOME", ".cache/huggingface/hub"}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *value = variable(ways[i].variable);
        if (value == NULL)
            continue;
        if (strcmp(ways[i].below, ".") == 0 ? snprintf(hub, PATH_MAX, "%s", value) >= PATH_MAX
                                            : path_put(hub, value, ways[i].below) < 0)
            return sft_error_set(err, "%s is too long", ways[i].variable);
        return 0;
    }
    return sft_error_set(err, "neither HF_HOME nor HOME is set: name the folder");
}

/* What Hugging Face's names are made of; a slash once where `slash`. */
static bool is_name(const char *text, bool slash)
{
    int slashes = 0;
    if (!isalnum((unsigned char)text[0]))
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        slashes += *at == '/';
        if (!isalnum((unsigned char)*at) && strchr("._-/", *at) == NULL)
            return false;
    }
    return slashes <= (slash ? 1 : 0) && strstr(text, "..") == NULL;
}

/* "NAME@REVISION" taken apart; ours becomes Hugging Face's. */
static int repo_take(struct cache_place *place, char revision[REVISION], const char *where,
                     struct sft_error *err)
{
    const char *at = strchr(where, '@');
    size_t length = at != NULL ? (size_t)(at - where) : strlen(where);
    const char *said = at != NULL ? at + 1 : "main";
    if (length >= sizeof place->repo || strlen(said) >= REVISION)
        return sft_error_set(err, "is neither a folder nor a model's name");
    snprintf(place->repo, sizeof place->repo, "%.*s", (int)length, where);
    snprintf(revision, REVISION, "%s", said);
    const struct sft_preset *preset = sft_preset_find(place->repo);
    if (preset != NULL && strcmp(preset->name, place->repo) == 0)
        snprintf(place->repo, sizeof place->repo, "%s", sft_preset_published(preset));
    if (!is_name(place->repo, true) || !is_name(revision, false))
        return sft_error_set(err, "is neither a folder that is there nor a model's name");
    return 0;
}

int cache_advise(const struct cache_place *place, struct sft_error *err)
{
    if (place->repo[0] == '\0')
        return -1;
    if (strncmp(place->repo, "meta-llama/", 11) == 0)
        return sft_error_suffix(err,
                                "; load it with `hf download %s`: it is gated, so ask for access "
                                "on its page and give your token to `hf auth login` first",
                                place->repo);
    return sft_error_suffix(err,
                            "; load it with `hf download %s` (a gated model wants access asked for "
                            "on its page, and `hf auth login`, first)",
                            place->repo);
}

/* refs/REVISION holds the name of a folder below snapshots/; a commit is that name itself. */
static int snapshot_find(struct cache_place *place, const char *repo_folder, const char *revision)
{
    char below[REVISION + 16], path[PATH_MAX];
    size_t size;
    snprintf(below, sizeof below, "refs/%s", revision);
    char *text = path_put(path, repo_folder, below) < 0
                     ? NULL
                     : file_read(path, "weights", REVISION - 1, &size, NULL);
    if (text != NULL)
        text[strcspn(text, " \r\n")] = '\0';
    snprintf(below, sizeof below, "snapshots/%s", text != NULL ? text : revision);
    bool named = text == NULL || is_name(text, false);
    free(text);
    return named && path_put(place->folder, repo_folder, below) == 0 && is_folder(place->folder)
               ? 0
               : -1;
}

static int repo_find(struct cache_place *place, const char *where, struct sft_error *err)
{
    char hub[PATH_MAX], repo_folder[PATH_MAX], name[3 * CACHE_NAME], revision[REVISION];
    if (repo_take(place, revision, where, err) < 0 || hub_find(hub, err) < 0)
        return -1;
    const char *slash = strchr(place->repo, '/');
    int owner = slash == NULL ? 0 : (int)(slash - place->repo);
    const char *own = slash == NULL ? place->repo : slash + 1;
    snprintf(name, sizeof name, "models--%.*s%s%s", owner, place->repo, slash == NULL ? "" : "--",
             own);
    snprintf(place->name, sizeof place->name, "%.*s", CACHE_NAME - 1, own);
    if (path_put(repo_folder, hub, name) == 0 && snapshot_find(place, repo_folder, revision) == 0)
        return 0;
    sft_error_set(err, "is no folder, and no model of that name%s%s is in %.300s",
                  strcmp(revision, "main") == 0 ? "" : " in revision ",
                  strcmp(revision, "main") == 0 ? "" : revision, hub);
    return cache_advise(place, err);
}

static void folder_name(struct cache_place *place)
{
    char real[PATH_MAX];
    const char *path = realpath(place->folder, real) != NULL ? real : place->folder;
    const char *slash = strrchr(path, '/');
    snprintf(place->name, sizeof place->name, "%.*s", CACHE_NAME - 1,
             slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

int cache_find(struct cache_place *place, const char *key, const char *where, struct sft_error *err)
{
    struct stat info;
    int failed = 0;
    memset(place, 0, sizeof *place);
    if (stat(where, &info) == 0 && S_ISDIR(info.st_mode) && strlen(where) < PATH_MAX) {
        strcpy(place->folder, where);
        folder_name(place);
    } else if (stat(where, &info) < 0 && errno == EACCES) {
        failed = sft_error_set(err, "cannot be read: %s", strerror(errno));
    } else if (stat(where, &info) == 0) {
        failed = sft_error_set(err, "is no folder: name the one that has config.json and the "
                                    "tensors' files");
    } else if (strchr("/.~", where[0]) != NULL) {
        failed = sft_error_set(err, "there is no such folder");
    } else {
        failed = repo_find(place, where, err);
    }
    return failed < 0 ? sft_error_prefix(err, "%s=%.200s", key, where) : 0;
}
