/* SPDX-License-Identifier: Apache-2.0 */
/* Who used a node's CPUs. */
#include "job/verify/facts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "node/sysfs.h"

enum { STAT_FIELDS = 8, IDLE = 3, IOWAIT = 4 };

/* "cpu  user nice system idle iowait irq softirq steal": steal is other machines'. */
static void read_stat(struct cpu_mark *mark, const char *root)
{
    char line[256];
    double ticks = (double)sysconf(_SC_CLK_TCK);
    mark->all = mark->busy = NAN;
    if (sysfs_line(line, sizeof line, "%s/proc/stat", root) <= 0 || strncmp(line, "cpu ", 4) != 0)
        return;
    char *at = line + 4;
    mark->all = mark->busy = 0;
    for (int i = 0; i < STAT_FIELDS; i++) {
        double seconds = strtod(at, &at) / ticks;
        mark->all += seconds;
        mark->busy += i == IDLE || i == IOWAIT ? 0 : seconds;
    }
}

/* The value behind a key at the beginning of a line; NAN: none. */
static double text_value(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, key, length) == 0 && at[length] == ' ')
            return strtod(at + length, NULL);
    }
    return NAN;
}

/* "0::/system.slice/slurmstepd.scope/job_17/step_0/user/task_0": up to the job's folder. Without
 * one the cgroup holds others' work, too, and nothing is known of the own. */
static void read_group(struct cpu_mark *mark, const char *root)
{
    char line[1024];
    mark->own = mark->periods = mark->throttled = NAN;
    if (sysfs_line(line, sizeof line, "%s/proc/self/cgroup", root) <= 0 ||
        strncmp(line, "0::", 3) != 0)
        return;
    char *job = strstr(line, "/job_");
    size_t length;
    if (job == NULL)
        return;
    job[1 + strcspn(job + 1, "/")] = '\0';
    char *text = sysfs_text(&length, "%s/sys/fs/cgroup%s/cpu.stat", root, line + 3);
    if (text == NULL)
        return;
    mark->own = text_value(text, "usage_usec") * 1e-6;
    mark->periods = text_value(text, "nr_periods");
    mark->throttled = text_value(text, "nr_throttled");
    free(text);
}

void cpu_mark_take(struct cpu_mark *mark, const char *root)
{
    char line[256];
    if (root == NULL)
        root = "";
    read_stat(mark, root);
    read_group(mark, root);
    mark->now = sft_clock_now();
    mark->pressure = NAN;
    const char *total = NULL;
    if (sysfs_line(line, sizeof line, "%s/proc/pressure/cpu", root) > 0)
        total = strstr(line, "total=");
    if (total != NULL)
        mark->pressure = strtod(total + strlen("total="), NULL) * 1e-6;
}

void node_facts_cpu(struct node_facts *facts, const struct cpu_mark *begin,
                    const struct cpu_mark *end)
{
    double all = end->all - begin->all, periods = end->periods - begin->periods;
    double others = end->busy - begin->busy - (end->own - begin->own);
    double time = end->now - begin->now;
    facts->foreign = all > 0 ? fmax(0, others / all) : NAN;
    if (isnan(others))
        facts->foreign = NAN; /* fmax takes the number */
    facts->throttled = periods > 0 ? (end->throttled - begin->throttled) / periods : 0;
    if (isnan(periods))
        facts->throttled = NAN;
    facts->pressure = time > 0 ? (end->pressure - begin->pressure) / time : NAN;
}
