/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/affinity_fixture.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The value of key= in the line, or "". */
static const char *fixture_value(const char *line, const char *key, char *value, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, " %s=", key);
    const char *at = strstr(line, pattern);
    snprintf(value, size, "%.*s", at != NULL ? (int)strcspn(at + strlen(pattern), " \n") : 0,
             at != NULL ? at + strlen(pattern) : "");
    return value;
}

static void make_folders(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(path, 0755);
        *at = '/';
    }
}

static void __attribute__((format(printf, 2, 3)))
fixture_write(const char *text, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    make_folders(path);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

/* "0000:15/15:01.0/18:00.0" becomes "pci0000:15/0000:15:01.0/0000:18:00.0". */
static void fixture_path(const char *text, char *path, size_t size)
{
    char domain[16] = "";
    path[0] = '\0';
    snprintf(domain, sizeof domain, "%.*s", (int)strcspn(text, ":"), text);
    for (bool first = true; *text != '\0' && *text != ' '; first = false) {
        int length = (int)strcspn(text, "/ ");
        bool whole =
            first || memchr(strchr(text, ':') + 1, ':', strcspn(strchr(text, ':') + 1, "/ "));
        affinity_append(path, size, "%s%s%s%.*s", first ? "pci" : "/", whole ? "" : domain,
                        whole ? "" : ":", length, text);
        text += length + (text[length] == '/');
    }
}

/* The device's folder and its link; its address points into the path. */
static const char *fixture_device(const struct fixture *fixture, const char *line, char *path,
                                  size_t size)
{
    char link[PATH_MAX], target[PATH_MAX], value[128];
    fixture_path(line + 4, path, size);
    const char *pci = strrchr(path, '/') + 1;
    fixture_write("", "%s/sys/bus/pci/devices/.made", fixture->root);
    snprintf(link, sizeof link, "%s/sys/bus/pci/devices/%s", fixture->root, pci);
    snprintf(target, sizeof target, "../../../devices/%s", path);
    const char *numa = fixture_value(line, "numa", value, sizeof value);
    fixture_write(numa[0] != '\0' ? numa : "-1\n", "%s/sys/devices/%s/numa_node", fixture->root,
                  path);
    if (symlink(target, link) < 0)
        perror(link);
    return pci;
}

static void fixture_gpu(const struct fixture *fixture, const char *line, const char *all)
{
    char path[512], value[128], text[512];
    const char *pci = fixture_device(fixture, line, path, sizeof path);
    fixture_write("0x030200\n", "%s/sys/devices/%s/class", fixture->root, path);
    fixture_write("0x10de\n", "%s/sys/devices/%s/vendor", fixture->root, path);
    fixture_value(line, "local", value, sizeof value);
    fixture_write(value[0] != '\0' ? value : all, "%s/sys/devices/%s/local_cpulist", fixture->root,
                  path);
    if (fixture_value(line, "minor", value, sizeof value)[0] == '\0')
        return;
    snprintf(text, sizeof text,
             "Model: \t\t NVIDIA H200\nBus Location: \t %s\nDevice Minor: \t %s\n", pci, value);
    if (fixture_value(line, "uuid", value, sizeof value)[0] != '\0')
        affinity_append(text, sizeof text, "GPU UUID: \t %s\n", value);
    fixture_write(text, "%s/proc/driver/nvidia/gpus/%s/information", fixture->root, pci);
}

static void fixture_nic(const struct fixture *fixture, const char *line, const char *all)
{
    char path[512], value[128], class[32], *state;
    fixture_device(fixture, line, path, sizeof path);
    fixture_value(line, "class", value, sizeof value);
    snprintf(class, sizeof class, "0x%.8s00\n", value[0] != '\0' ? value : "0200");
    fixture_write(class, "%s/sys/devices/%s/class", fixture->root, path);
    fixture_write("0x15b3\n", "%s/sys/devices/%s/vendor", fixture->root, path);
    fixture_write(all, "%s/sys/devices/%s/local_cpulist", fixture->root, path);
    if (fixture_value(line, "rdma", value, sizeof value)[0] != '\0') {
        int port = 0;
        strtok(value, ":,");
        while ((state = strtok(NULL, ":,")) != NULL)
            fixture_write(strcmp(state, "up") == 0 ? "4: ACTIVE\n" : "1: DOWN\n",
                          "%s/sys/devices/%s/infiniband/%s/ports/%d/state", fixture->root, path,
                          value, ++port);
    }
    if (fixture_value(line, "net", value, sizeof value)[0] != '\0') {
        strtok(value, ":");
        state = strtok(NULL, ":");
        fixture_write(state, "%s/sys/devices/%s/net/%s/operstate", fixture->root, path, value);
    }
}

static void fixture_run(struct fixture *fixture, const char *line)
{
    char value[16];
    struct fixture_run *run = &fixture->run[fixture->runs++];
    run->tasks = atoi(fixture_value(line, "tasks", value, sizeof value));
    run->per = atoi(fixture_value(line, "per", value, sizeof value));
    run->per = run->per > 0 ? run->per : 1;
    fixture_value(line, "allowed", run->allowed, sizeof run->allowed);
    fixture_value(line, "cuda", run->cuda, sizeof run->cuda);
    fixture_value(line, "slurm", run->slurm, sizeof run->slurm);
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

static int fixture_line(struct fixture *fixture, const char *line, char *all, size_t size)
{
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    if (strncmp(line, "cpus ", 5) == 0)
        return fixture_cpus(fixture, line + 5, all, size);
    if (strncmp(line, "gpu ", 4) == 0)
        fixture_gpu(fixture, line, all);
    else if (strncmp(line, "nic ", 4) == 0)
        fixture_nic(fixture, line, all);
    else if (strncmp(line, "run ", 4) == 0 && fixture->runs < 8)
        fixture_run(fixture, line);
    else {
        fprintf(stderr, "fixture: '%s'?\n", line);
        return -1;
    }
    return 0;
}

int fixture_parse(struct fixture *fixture, const char *text)
{
    char line[512], all[1024] = "";
    *fixture = (struct fixture){.root = "/tmp/affinity.XXXXXX"};
    if (mkdtemp(fixture->root) == NULL)
        return -1;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (fixture_line(fixture, line, all, sizeof all) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}

int fixture_load(struct fixture *fixture, const char *name)
{
    char text[16384];
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

static int fixture_unlink(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_remove(struct fixture *fixture)
{
    if (fixture->root[0] != '\0')
        nftw(fixture->root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
    fixture->root[0] = '\0';
}

struct affinity_machine *fixture_machine(const struct fixture *fixture, struct sft_error *err)
{
    const struct affinity_source source = {.synthetic = fixture->cpus, .root = fixture->root};
    return affinity_machine_create(&source, err);
}

struct affinity_plan *fixture_plan(const struct affinity_machine *machine,
                                   const struct fixture_run *run, struct sft_error *err)
{
    struct affinity_gpus gpus;
    if (affinity_gpus_find(machine, run->cuda[0] != '\0' ? run->cuda : NULL,
                           run->slurm[0] != '\0' ? run->slurm : NULL, &gpus, err) < 0)
        return NULL;
    return affinity_plan_create(machine, &gpus, run->tasks, run->per,
                                run->allowed[0] != '\0' ? run->allowed : NULL, err);
}
