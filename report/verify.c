/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strptime, timegm, strverscmp */
#include "report/verify.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "accounts/text.h"
#include "lib/file_read.h"
#include "lib/stats.h"
#include "report/lang.h"

static const char *const kinds[VERIFY_KINDS] = {
    [VERIFY_GOOD] = N_("good"),
    [VERIFY_WARNING] = N_("warning"),
    [VERIFY_UNKNOWN] = N_("could not tell"),
    [VERIFY_BAD] = N_("bad"),
};

const char *verify_kind_text(enum verify_kind kind)
{
    return kinds[kind];
}

static const struct {
    const char *name, *title;
} titles[] = {
    {"gemm", N_("GEMMs")},
    {"memory", N_("Memory copy")},
    {"launch", N_("Launch time")},
    {"h2d", N_("Host to device")},
    {"d2h", N_("Device to host")},
    {"h2d-all", N_("Host to device, all at once")},
    {"d2h-all", N_("Device to host, all at once")},
    {"nvlink", N_("NVLink")},
    {"node", N_("All-reduce in the node")},
    {"pair", N_("Pairs of nodes")},
};

const char *verify_check_title(const struct verify_check *check)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (strcmp(check->name, titles[i].name) == 0)
            return titles[i].title;
    return check->title[0] != '\0' ? check->title : check->name;
}

/* What nobody knows is nothing to rely on. */
static enum verify_kind kind_of(const char *text)
{
    for (int kind = 0; kind < VERIFY_KINDS; kind++)
        if (strcmp(text, kinds[kind]) == 0)
            return (enum verify_kind)kind;
    return VERIFY_UNKNOWN;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double real_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void read_checks(struct verify_run *run, const json_t *list)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (text_of(one, "name")[0] == '\0' || run->checks == VERIFY_CHECKS)
            continue;
        run->check[run->checks++] =
            (struct verify_check){text_of(one, "name"), text_of(one, "title"), text_of(one, "unit"),
                                  json_is_true(json_object_get(one, "less_is_better"))};
    }
}

static int read_nodes(struct verify_run *run, const json_t *list, struct sft_error *err)
{
    size_t i;
    const json_t *one;
    run->node = calloc(json_array_size(list) + 1, sizeof *run->node);
    if (run->node == NULL)
        return sft_error_set(err, "no memory for %zu nodes", json_array_size(list));
    json_array_foreach(list, i, one)
    {
        struct verify_node *node = &run->node[run->nodes];
        const json_t *checks = json_object_get(one, "checks");
        *node = (struct verify_node){text_of(one, "host"),
                                     kind_of(text_of(one, "verdict")),
                                     real_of(one, "ratio"),
                                     text_of(one, "finding"),
                                     text_of(one, "cause"),
                                     text_of(one, "evidence"),
                                     text_of(one, "command"),
                                     text_of(one, "drain"),
                                     {0}};
        for (size_t k = 0; k < run->checks; k++)
            node->value[k] = real_of(json_object_get(checks, run->check[k].name), "worst");
        run->kind = node->kind > run->kind ? node->kind : run->kind;
        run->nodes += node->host[0] != '\0';
    }
    return 0;
}

static long long time_of(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end != NULL && *end == '\0' ? (long long)timegm(&tm) : 0;
}

static void run_clear(struct verify_run *run)
{
    free(run->node);
    json_decref(run->root);
}

static int run_read(struct verify_run *run, const char *path, struct sft_error *err)
{
    json_error_t why;
    size_t size;
    *run = (struct verify_run){.root = NULL};
    char *text = file_read(path, "--verify", VERIFY_BYTES, &size, err);
    if (text == NULL)
        return -1;
    run->root = json_loadb(text, size, 0, &why);
    free(text);
    if (run->root == NULL) {
        text_make_plain(why.text);
        return sft_error_set(err, "%s: line %d: %s", path, why.line, why.text);
    }
    run->time = time_of(text_of(run->root, "time"));
    run->step = text_of(run->root, "step");
    run->version = text_of(run->root, "version");
    run->request = text_of(run->root, "request");
    read_checks(run, json_object_get(run->root, "checks"));
    if (read_nodes(run, json_object_get(run->root, "nodes"), err) < 0)
        return -1;
    if (json_integer_value(json_object_get(run->root, "form")) < 1 || run->time == 0 ||
        run->nodes == 0)
        return sft_error_set(err, "%s: is no verify.json: it has no form, time or nodes", path);
    return 0;
}

static int file_add(struct verifies *verifies, const char *path, struct sft_error *err)
{
    if (verifies->count == verifies->room) {
        size_t room = verifies->room > 0 ? 2 * verifies->room : 16;
        struct verify_run *grown = realloc(verifies->run, room * sizeof *grown);
        if (grown == NULL)
            return sft_error_set(err, "no memory for runs of verify");
        verifies->run = grown;
        verifies->room = room;
    }
    struct verify_run run;
    if (run_read(&run, path, err) < 0) {
        run_clear(&run);
        return -1;
    }
    verifies->run[verifies->count++] = run;
    return 0;
}

static int is_run(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strncmp(entry->d_name, "verify", 6) == 0 &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

static int folder_add(struct verifies *verifies, const char *folder, struct sft_error *err)
{
    struct dirent **entry;
    int count = scandir(folder, &entry, is_run, versionsort), first = 0;
    if (count < 0)
        return sft_error_set(err, "--verify %s: %s", folder, strerror(errno));
    if (count > VERIFY_FILES)
        first = count - VERIFY_FILES;
    verifies->left_out += (size_t)first;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (i >= first)
            verifies->broken +=
                snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name) >= PATH_MAX ||
                file_add(verifies, path, NULL) < 0;
        free(entry[i]);
    }
    free(entry);
    return count > 0
               ? 0
               : sft_error_set(err, "--verify %s: no file verify*.json in this folder", folder);
}

static int by_time(const void *a, const void *b)
{
    const struct verify_run *one = a, *other = b;
    return (one->time > other->time) - (one->time < other->time);
}

int verifies_load(struct verifies *verifies, const char *path, struct sft_error *err)
{
    struct stat there;
    bool folder = stat(path, &there) == 0 && S_ISDIR(there.st_mode);
    int rc = folder ? folder_add(verifies, path, err) : file_add(verifies, path, err);
    if (verifies->count > 0)
        qsort(verifies->run, verifies->count, sizeof *verifies->run, by_time);
    return rc;
}

void verifies_clear(struct verifies *verifies)
{
    for (size_t i = 0; i < verifies->count; i++)
        run_clear(&verifies->run[i]);
    free(verifies->run);
    *verifies = (struct verifies){0};
}

const struct verify_run *verifies_last(const struct verifies *verifies)
{
    return verifies->count == 0 ? NULL : &verifies->run[verifies->count - 1];
}

const struct verify_node *verify_find(const struct verify_run *run, const char *host)
{
    for (size_t i = 0; i < run->nodes; i++)
        if (strcmp(run->node[i].host, host) == 0)
            return &run->node[i];
    return NULL;
}

int verify_check_find(const struct verify_run *run, const char *name)
{
    for (size_t i = 0; i < run->checks; i++)
        if (strcmp(run->check[i].name, name) == 0)
            return (int)i;
    return -1;
}

double verify_others(const struct verify_run *run, size_t node, size_t check)
{
    double *values = calloc(run->nodes, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; i < run->nodes && values != NULL; i++)
        if (i != node && isfinite(run->node[i].value[check]))
            values[count++] = run->node[i].value[check];
    double median = sft_stats_median(values, count);
    free(values);
    return median;
}

double verify_ratio(const struct verify_run *run, size_t node, size_t check)
{
    double own = run->node[node].value[check], others = verify_others(run, node, check);
    if (!(own > 0) || !(others > 0))
        return NAN;
    return run->check[check].less ? others / own : own / others;
}
