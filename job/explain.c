/* SPDX-License-Identifier: Apache-2.0 */
#include "job/explain.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whole lines only: a variable that does not fit is left out. */
static void variables_read(char *text, size_t size)
{
    char *found[256];
    size_t count = 0, used = 0;
    for (char **v = environ; *v != NULL && count < sizeof found / sizeof found[0]; v++)
        if (strncmp(*v, "NCCL_", 5) == 0)
            found[count++] = *v;
    qsort(found, count, sizeof found[0], by_text);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (used + strlen(found[i]) + 2 <= size)
            used += (size_t)sprintf(text + used, "%s\n", found[i]);
}

static void cpus_read(char *text, size_t size)
{
    static const char word[] = "Cpus_allowed_list:\t";
    char line[4096];
    FILE *file = fopen("/proc/self/status", "re");
    text[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, sizeof word - 1) == 0)
            snprintf(text, size, "%.*s", (int)strcspn(line + sizeof word - 1, "\n"),
                     line + sizeof word - 1);
    if (file != NULL)
        fclose(file);
}

void explain_self(struct explain_task *task, const struct bootstrap *bootstrap)
{
    const char *place = getenv("SFT_BENCH_PLACE");
    memset(task, 0, sizeof *task);
    snprintf(task->host, sizeof task->host, "%s", bootstrap->host);
    snprintf(task->place, sizeof task->place, "%s", place != NULL ? place : "");
    task->rank = bootstrap->rank;
    cpus_read(task->has, sizeof task->has);
    variables_read(task->variables, sizeof task->variables);
    network_self(task->network);
}

void explain_field(const char *place, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    while (*place != '\0') {
        bool last = strncmp(place, "why=", 4) == 0;
        size_t end = last ? strlen(place) : strcspn(place, " ");
        if (strncmp(place, key, length) == 0 && place[length] == '=') {
            snprintf(value, size, "%.*s", (int)(end - length - 1), place + length + 1);
            return;
        }
        place += end + (place[end] == ' ');
    }
}

static void task_print(FILE *out, const struct explain_task *t)
{
    char gpu[64], cpus[256], numa[64], nics[256], distance[16], why[512];
    explain_field(t->place, "gpu", gpu, sizeof gpu);
    explain_field(t->place, "cpus", cpus, sizeof cpus);
    explain_field(t->place, "numa", numa, sizeof numa);
    explain_field(t->place, "nics", nics, sizeof nics);
    explain_field(t->place, "distance", distance, sizeof distance);
    explain_field(t->place, "why", why, sizeof why);
    fprintf(out, "%5d  %-14s  %-24s  %-6s  %s%s%s%s\n", t->rank, gpu[0] != '\0' ? gpu : "-",
            cpus[0] != '\0' ? cpus : "not bound", numa[0] != '\0' ? numa : "-",
            nics[0] != '\0' ? nics : "-", distance[0] != '\0' ? " (" : "", distance,
            distance[0] != '\0' ? ")" : "");
    fprintf(out, "       %s\n", why[0] != '\0' ? why : "no word of the plugin: was it srun --sft-bench?");
}

/* Hosts in the order of their first ranks. */
static bool host_is_new(const struct explain_task *tasks, int task)
{
    for (int i = 0; i < task; i++)
        if (strcmp(tasks[i].host, tasks[task].host) == 0)
            return false;
    return true;
}

static int task_warn(FILE *out, const struct explain_task *t)
{
    char cpus[256];
    int warnings = 0;
    explain_field(t->place, "cpus", cpus, sizeof cpus);
    if (cpus[0] != '\0' && strcmp(cpus, t->has) != 0)
        warnings += fprintf(out, "warning: rank %d on %s has CPUs %s, not %s: something bound it after the "
                                 "plugin\n",
                            t->rank, t->host, t->has, cpus) > 0;
    return warnings + network_check(out, t->rank, t->host, t->network, t->variables);
}

static int warnings_print(FILE *out, const struct explain_task *tasks, int count)
{
    int warnings = 0;
    for (int i = 0; i < count; i++)
        if (host_is_new(tasks, i))
            warnings += network_warn(out, tasks[i].host, tasks[i].network);
    for (int i = 0; i < count; i++) {
        warnings += task_warn(out, &tasks[i]);
        if (i > 0 && host_is_new(tasks, i))
            warnings += network_compare(out, tasks[i].host, tasks[i].network, tasks[0].host, tasks[0].network);
        if (strcmp(tasks[i].variables, tasks[0].variables) != 0)
            warnings += fprintf(out, "warning: rank %d on %s has other NCCL_ variables than rank 0 on %s\n",
                                tasks[i].rank, tasks[i].host, tasks[0].host) > 0;
    }
    return warnings;
}

/* Without the plugin there are only the variables that the task has. */
static void host_print_network(FILE *out, const struct explain_task *t)
{
    if (t->network[0] != '\0')
        network_print(out, t->network);
    else
        fprintf(out, " NCCL's variables:%s\n%s", t->variables[0] != '\0' ? "" : " none", t->variables);
}

void explain_print(FILE *out, const struct explain_task *tasks, int count)
{
    for (int first = 0; first < count; first++) {
        if (!host_is_new(tasks, first))
            continue;
        fprintf(out, "node %s\n rank  GPU             cores                     memory  nearest NICs\n",
                tasks[first].host);
        for (int i = first; i < count; i++)
            if (strcmp(tasks[i].host, tasks[first].host) == 0)
                task_print(out, &tasks[i]);
        host_print_network(out, &tasks[first]);
    }
    if (warnings_print(out, tasks, count) == 0)
        fprintf(out, "no warnings\n");
    fflush(out);
}

static json_t *task_json(const struct explain_task *t)
{
    static const char *const keys[] = { "gpu", "cpus", "numa", "nics", "distance", "why" };
    json_t *object = json_pack("{s:i, s:s, s:s}", "rank", t->rank, "host", t->host, "has", t->has);
    json_t *variables = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char value[512];
        explain_field(t->place, keys[i], value, sizeof value);
        json_object_set_new(object, keys[i], json_string(value));
    }
    for (const char *line = t->variables; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char name[128];
        size_t equals = strcspn(line, "="), end = strcspn(line, "\n");
        snprintf(name, sizeof name, "%.*s", (int)equals, line);
        if (equals < end)
            json_object_set_new(variables, name, json_stringn(line + equals + 1, end - equals - 1));
    }
    json_object_set_new(object, "variables", variables);
    json_object_set_new(object, "network", network_json(t->network));
    return object;
}

int explain_print_json(FILE *out, const struct explain_task *tasks, int count, struct sft_error *err)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, task_json(&tasks[i]));
    json_t *root = json_pack("{s:o}", "tasks", list);
    int failed = root == NULL || json_dumpf(root, out, JSON_INDENT(1)) < 0 || fputc('\n', out) == EOF;
    json_decref(root);
    fflush(out);
    return failed ? sft_error_set(err, "the JSON cannot be written") : 0;
}

int explain_run(struct bootstrap *bootstrap, bool json, struct sft_error *err)
{
    struct explain_task mine;
    struct explain_task *all = calloc((size_t)bootstrap->size, sizeof *all);
    if (all == NULL)
        return sft_error_set(err, "no memory for what %d tasks say", bootstrap->size);
    explain_self(&mine, bootstrap);
    int result = bootstrap_exchange(bootstrap, &mine, sizeof mine, all, err);
    if (result == 0 && bootstrap->rank == 0 && json)
        result = explain_print_json(stdout, all, bootstrap->size, err);
    else if (result == 0 && bootstrap->rank == 0)
        explain_print(stdout, all, bootstrap->size);
    free(all);
    return result;
}
