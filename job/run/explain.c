/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/explain.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/notes.h"
#include "job/run/task.h"

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

void explain_self(struct explain_task *task, const struct bootstrap *bootstrap)
{
    const char *place = getenv(PLACE_ENV);
    memset(task, 0, sizeof *task);
    snprintf(task->host, sizeof task->host, "%s", bootstrap->host);
    snprintf(task->place, sizeof task->place, "%s", place != NULL ? place : "");
    task->rank = bootstrap->rank;
    task->local_rank = bootstrap->local_rank;
    place_cpus(task->has, sizeof task->has);
    place_cuda(task->cuda);
    variables_read(task->variables, sizeof task->variables);
    network_self(task->network);
}

static void task_judge(const struct explain_task *t, struct place_now *now)
{
    place_judge(now, t->place, t->local_rank, t->cuda, t->has);
}

/* The CPUs that the task has, where it was told any. */
static void task_print(FILE *out, const struct explain_task *t)
{
    struct place_now now;
    char told[256], numa[64], nics[256], distance[16];
    task_judge(t, &now);
    place_field(t->place, "cpus", told, sizeof told);
    place_field(t->place, "numa", numa, sizeof numa);
    place_field(t->place, "nics", nics, sizeof nics);
    place_field(t->place, "distance", distance, sizeof distance);
    fprintf(out, "%5d  %-14s  %-24s  %-6s  %s%s%s%s\n", t->rank, now.gpu[0] != '\0' ? now.gpu : "-",
            told[0] != '\0' ? t->has : "not bound", numa[0] != '\0' ? numa : "-",
            nics[0] != '\0' ? nics : "-", distance[0] != '\0' ? " (" : "", distance,
            distance[0] != '\0' ? ")" : "");
    fprintf(out, "       %s\n",
            now.why[0] != '\0' ? now.why : "no word of the plugin: was it srun --sft-bench?");
}

/* Hosts in the order of their first ranks. */
static bool host_is_new(const struct explain_task *tasks, int task)
{
    for (int i = 0; i < task; i++)
        if (strcmp(tasks[i].host, tasks[task].host) == 0)
            return false;
    return true;
}

static void task_warn(struct notes *notes, const struct explain_task *t)
{
    struct place_now now;
    char cpus[256];
    task_judge(t, &now);
    place_field(t->place, "cpus", cpus, sizeof cpus);
    if (now.moved)
        notes_add(notes, 0, "",
                  "rank %d on %s has CPUs %.100s, not %.100s: something bound it after the plugin",
                  t->rank, t->host, t->has, cpus);
    if (now.cuda_warning[0] != '\0')
        notes_add(notes, 0, "", "rank %d on %s: %.300s", t->rank, t->host, now.cuda_warning);
}

static int warnings_print(FILE *out, const struct explain_task *tasks, int count)
{
    struct notes *notes = notes_create();
    for (int i = 0; i < count; i++) {
        network_notes(notes, tasks[i].host, tasks[i].network);
        task_warn(notes, &tasks[i]);
        if (i > 0 && host_is_new(tasks, i))
            network_compare(notes, tasks[i].host, tasks[i].network, tasks[0].host,
                            tasks[0].network);
        if (strcmp(tasks[i].variables, tasks[0].variables) != 0)
            notes_add(notes, 1, "", "rank %d on %s has other NCCL_ variables than rank 0 on %s",
                      tasks[i].rank, tasks[i].host, tasks[0].host);
    }
    int warnings = notes_print(notes, out, "", 0);
    notes_destroy(notes);
    return warnings;
}

/* Without the plugin there are only the variables that the task has. */
static void host_print_network(FILE *out, const struct explain_task *t)
{
    if (t->network[0] != '\0')
        network_print(out, t->network);
    else
        fprintf(out, " NCCL's variables:%s\n%s", t->variables[0] != '\0' ? "" : " none",
                t->variables);
}

void explain_print(FILE *out, const struct explain_task *tasks, int count)
{
    for (int first = 0; first < count; first++) {
        if (!host_is_new(tasks, first))
            continue;
        fprintf(out,
                "node %s\n rank  GPU             cores                     memory  nearest NICs\n",
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
    static const char *const keys[] = {"cpus", "numa", "nics", "distance"};
    struct place_now now;
    task_judge(t, &now);
    json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b}", "rank", t->rank, "host", t->host,
                               "has", t->has, "gpu", now.gpu, "why", now.why, "pinned", now.pinned);
    json_t *variables = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char value[512];
        place_field(t->place, keys[i], value, sizeof value);
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

int explain_print_json(FILE *out, const struct explain_task *tasks, int count,
                       struct sft_error *err)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, task_json(&tasks[i]));
    json_t *root = json_pack("{s:o}", "tasks", list);
    int failed =
        root == NULL || json_dumpf(root, out, JSON_INDENT(1)) < 0 || fputc('\n', out) == EOF;
    json_decref(root);
    fflush(out);
    return failed ? sft_error_set(err, "the JSON cannot be written") : 0;
}

/* Collective over the bootstrap; rank 0 prints to stdout. */
static int explain_exchange(struct bootstrap *bootstrap, bool json, struct sft_error *err)
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

/* Nothing is read and nothing trained: nothing to check, and nothing to print of a plan. */
static int explain_check(const struct options *options)
{
    (void)options;
    return SFT_EXIT_DONE;
}

static int explain_run(const struct options *options)
{
    struct bootstrap bootstrap;
    struct sft_error err = {""};
    int status = SFT_EXIT_DONE;
    if (bootstrap_start(&bootstrap, &err) < 0 ||
        explain_exchange(&bootstrap, options->json, &err) < 0)
        status = task_complain(&err);
    bootstrap_stop(&bootstrap);
    return status;
}

const struct task task_explain = {explain_check, explain_run};
