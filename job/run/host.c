/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/host.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The text behind "key : " when the line has that key. */
static void line_take(const char *line, const char *key, char *text, size_t size)
{
    size_t length = strlen(key);
    const char *colon = strchr(line, ':');
    if (text[0] != '\0' || strncmp(line, key, length) != 0 || colon == NULL ||
        strspn(line + length, " \t") != (size_t)(colon - line) - length)
        return;
    snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
    text[strcspn(text, "\n")] = '\0';
}

static void cpuinfo_read(struct host *host)
{
    char *line = NULL;
    size_t size = 0;
    FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
    while (cpuinfo != NULL && getline(&line, &size, cpuinfo) > 0) {
        line_take(line, "model name", host->model, sizeof host->model);
        line_take(line, "flags", host->flags, sizeof host->flags);
        if (line[0] == '\n')
            break; /* the other CPUs are the same */
    }
    if (cpuinfo != NULL)
        fclose(cpuinfo);
    free(line);
    if (host->model[0] == '\0')
        strcpy(host->model, "unknown CPU");
}

void host_read(struct host *host, int local_size)
{
    cpu_set_t mask;
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    memset(host, 0, sizeof *host);
    host->cores = (int)all;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0)
        host->cores = CPU_COUNT(&mask);
    if (host->cores == all && local_size > 1)
        host->cores /= local_size;
    /* Slurm may count CPUs that there are not, and several of its nodes may share a machine. */
    const char *said = getenv("SLURM_CPUS_PER_TASK");
    if (said != NULL && atoi(said) > 0 && atoi(said) < host->cores)
        host->cores = atoi(said);
    if (host->cores < 1)
        host->cores = 1;
    cpuinfo_read(host);
}

void host_tell_cpu(FILE *out)
{
    bool driver = access("/proc/driver/nvidia/gpus", F_OK) == 0;
    fprintf(out, "sft-bench-job: %s: training on the CPU\n",
            driver ? "none of this node's GPUs is this job's, or this build has no CUDA"
                   : "no GPU here");
}
