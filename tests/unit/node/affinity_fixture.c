/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/affinity_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fixture_run(struct fixture *fixture, const char *line)
{
    char value[16];
    struct fixture_run *run = &fixture->run[fixture->runs++];
    run->tasks = atoi(tree_value(line, "tasks", value, sizeof value));
    run->per = atoi(tree_value(line, "per", value, sizeof value));
    run->per = run->per > 0 ? run->per : 1;
    tree_value(line, "allowed", run->allowed, sizeof run->allowed);
    tree_value(line, "cuda", run->cuda, sizeof run->cuda);
    tree_value(line, "slurm", run->slurm, sizeof run->slurm);
    tree_value(line, "each", run->each, sizeof run->each);
    run->step_gpus = atoi(tree_value(line, "on", value, sizeof value));
    run->rank = atoi(tree_value(line, "rank", value, sizeof value));
    if (value[0] == '\0' && atoi(run->slurm) < run->tasks)
        run->rank = atoi(run->slurm);
    snprintf(run->line, sizeof run->line, "%s", line);
}

/* All of the machine's CPUs, as local_cpulist has it where nothing is known. */
static int fixture_cpus(struct fixture *fixture, const char *text, char *all, size_t size)
{
    const struct affinity_source source = {.synthetic = fixture->cpus, .root = "/nonexistent"};
    struct sft_error err = {""};
    snprintf(fixture->cpus, sizeof fixture->cpus, "%.127s", text);
    struct affinity_machine *machine = affinity_machine_create(&source, &err);
    if (machine == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    hwloc_bitmap_list_snprintf(all, size, hwloc_topology_get_topology_cpuset(machine->topology));
    affinity_machine_destroy(machine);
    return 0;
}

/* Of site, env and fabric lines, fabric's tests make use. */
static int fixture_line(struct fixture *fixture, const char *line)
{
    static const char *const others[] = {"site ", "env ", "fabric "};
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strncmp(line, others[i], strlen(others[i])) == 0)
            return 0;
    if (strncmp(line, "cpus ", 5) == 0)
        return fixture_cpus(fixture, line + 5, fixture->tree.cpus, sizeof fixture->tree.cpus);
    if (strncmp(line, "run ", 4) != 0 || fixture->runs == 8) {
        int made = tree_line(&fixture->tree, line);
        if (made == 0)
            fprintf(stderr, "fixture: '%s'?\n", line);
        return made > 0 ? 0 : -1;
    }
    fixture_run(fixture, line);
    return 0;
}

int fixture_parse(struct fixture *fixture, const char *text)
{
    char line[512];
    *fixture = (struct fixture){.runs = 0};
    if (tree_create(&fixture->tree) < 0)
        return -1;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (fixture_line(fixture, line) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}

int fixture_load(struct fixture *fixture, const char *name)
{
    char text[65536];
    *fixture = (struct fixture){0};
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        return -1;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return fixture_parse(fixture, text);
}

void fixture_remove(struct fixture *fixture)
{
    tree_remove(&fixture->tree);
}

struct affinity_machine *fixture_machine(const struct fixture *fixture, struct sft_error *err)
{
    const struct affinity_source source = {.synthetic = fixture->cpus, .root = fixture->tree.root};
    return affinity_machine_create(&source, err);
}

/* "0/3;-/5" cut into texts. */
static void fixture_each(char *each, struct affinity_told *told, int tasks)
{
    char *rest = each;
    for (int i = 0; i < tasks && rest != NULL; i++) {
        char *word = strsep(&rest, ";"), *cuda = strsep(&word, "/");
        told[i].cuda = strcmp(cuda, "-") != 0 ? cuda : NULL;
        told[i].slurm = word != NULL && strcmp(word, "-") != 0 ? word : NULL;
    }
}

struct affinity_plan *fixture_plan(const struct affinity_machine *machine,
                                   const struct fixture_run *run, struct sft_error *err)
{
    struct affinity_told told[AFFINITY_TASKS] = {{NULL, NULL}};
    struct affinity_gpus gpus;
    char each[sizeof run->each];
    const char *allowed = run->allowed[0] != '\0' ? run->allowed : NULL;
    const char *cuda = run->cuda[0] != '\0' ? run->cuda : NULL,
               *slurm = run->slurm[0] != '\0' ? run->slurm : NULL;
    if (run->per > 1)
        return affinity_gpus_find(machine, cuda, slurm, &gpus, err) < 0
                   ? NULL
                   : affinity_plan_create(machine, &gpus, run->tasks, run->per, allowed, err);
    told[run->rank] = (struct affinity_told){cuda, slurm};
    strcpy(each, run->each);
    if (each[0] != '\0')
        fixture_each(each, told, run->tasks);
    const struct affinity_ask ask = {.tasks = run->tasks,
                                     .rank = run->rank,
                                     .told = told,
                                     .alone = each[0] == '\0',
                                     .step_gpus = run->step_gpus,
                                     .allowed = allowed};
    return affinity_plan_for(machine, &ask, err);
}
