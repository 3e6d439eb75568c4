/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity.h"

#include <string.h>

static const char *print_or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static int print_widest(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

void affinity_print(FILE *file, const struct affinity_plan *plan)
{
    int gpus = 3, cpus = 4, nics = 9;
    if (plan->note[0] != '\0')
        fprintf(file, "%s\n", plan->note);
    for (int i = 0; i < plan->count; i++) {
        gpus = print_widest(gpus, plan->task[i].gpus);
        cpus = print_widest(cpus, plan->task[i].cpus);
        nics = print_widest(nics, plan->task[i].nics);
    }
    fprintf(file, "%4s  %-*s  %-6s  %-*s  %-4s  %-*s  %s\n", "task", gpus, "GPU", "memory", cpus,
            "CPUs", "path", nics, "near NICs", "why");
    for (int i = 0; i < plan->count; i++) {
        const struct affinity_task *task = &plan->task[i];
        fprintf(file, "%4d  %-*s  %-6s  %-*s  %-4s  %-*s  %s\n", i, gpus, print_or_dash(task->gpus),
                print_or_dash(task->numa), cpus, print_or_dash(task->cpus),
                print_or_dash(task->distance), nics, print_or_dash(task->nics), task->reason);
    }
}
