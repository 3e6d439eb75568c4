/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/software.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"
#include "node/hosts.h"

/* What a difference means. */
enum rule {
    RULE_SAME,   /* refused */
    RULE_SERIES, /* refused between 2.20 and 2.21, a warning between 2.21.1 and 2.21.5 */
    RULE_WARN,
    RULE_QUIET, /* in the record */
};

static const struct part {
    const char *title;
    enum rule rule;
    const char *advice; /* behind a line that refuses */
} parts[SOFTWARE_PARTS] = {
    [SOFTWARE_JOB] = {"sft-bench-job", RULE_SAME, "install one build of it on all nodes"},
    [SOFTWARE_NCCL] = {"NCCL", RULE_SERIES, "install one of them on all nodes"},
    [SOFTWARE_MPI] = {"the MPI library", RULE_SERIES, "install one of them on all nodes"},
    [SOFTWARE_PMIX] = {"the PMIx library", RULE_WARN, ""},
    [SOFTWARE_CUDA] = {"the CUDA runtime", RULE_WARN, ""},
    [SOFTWARE_CUDNN] = {"cuDNN", RULE_WARN, ""},
    [SOFTWARE_BLAS] = {"cuBLASLt", RULE_WARN, ""},
    [SOFTWARE_DRIVER] = {"the NVIDIA driver", RULE_WARN, ""},
    [SOFTWARE_GPUS] = {"the number and kind of GPUs", RULE_WARN, ""},
    [SOFTWARE_CPU] = {"the CPU", RULE_WARN, ""},
    [SOFTWARE_KERNEL] = {"the kernel", RULE_QUIET, ""},
};

enum { GROUPS = 8 }; /* different versions of a thing that are told apart; more are counted */

struct group {
    const char *value;
    struct words hosts;
};

struct groups {
    struct group group[GROUPS];
    int count;
    struct words all, other; /* nodes; those of what had no room */
};

static void groups_add(struct groups *groups, const char *value, const char *host)
{
    int at = 0;
    while (at < groups->count && strcmp(groups->group[at].value, value) != 0)
        at++;
    words_add(&groups->all, "%s", host);
    if (at == GROUPS) {
        words_add(&groups->other, "%s", host);
        return;
    }
    groups->count += at == groups->count;
    groups->group[at].value = value;
    words_add(&groups->group[at].hosts, "%s", host);
}

/* Most nodes first; of as many, the one that stands first by rank. */
static void groups_sort(struct groups *groups)
{
    for (int i = 1; i < groups->count; i++)
        for (int k = i; k > 0 && groups->group[k].hosts.count > groups->group[k - 1].hosts.count;
             k--) {
            struct group swap = groups->group[k];
            groups->group[k] = groups->group[k - 1];
            groups->group[k - 1] = swap;
        }
}

static void groups_make(struct groups *groups, const struct software *all,
                        char (*hosts)[CONTROL_HOST], int size, enum software_part part)
{
    memset(groups, 0, sizeof *groups);
    for (int rank = 0; rank < size; rank++)
        if (all[rank].text[part][0] != '\0')
            groups_add(groups, all[rank].text[part], hosts[rank]);
    hosts_unique(&groups->all);
    hosts_unique(&groups->other);
    for (int i = 0; i < groups->count; i++)
        hosts_unique(&groups->group[i].hosts);
    groups_sort(groups);
}

static void groups_clear(struct groups *groups)
{
    for (int i = 0; i < groups->count; i++)
        words_clear(&groups->group[i].hosts);
    words_clear(&groups->all);
    words_clear(&groups->other);
}

/* "2.21.5 on 7 nodes, 2.20.5 on node-[3,9]": a number where it is more than half of them. */
static void groups_write(const struct groups *groups, char *text, size_t size)
{
    size_t used = 0;
    char names[256];
    for (int i = 0; i < groups->count && used < size; i++) {
        const struct words *hosts = &groups->group[i].hosts;
        if (hosts->count > 1 && 2 * hosts->count > groups->all.count)
            snprintf(names, sizeof names, "%d nodes", hosts->count);
        else
            hosts_write(hosts, names, sizeof names);
        used += (size_t)snprintf(text + used, size - used, "%s%s on %s", i > 0 ? ", " : "",
                                 groups->group[i].value, names);
    }
    hosts_write(&groups->other, names, sizeof names);
    if (groups->other.count > 0 && used < size)
        snprintf(text + used, size - used, ", others on %s", names);
}

/* The first two numbers of a version, from its first digit on. */
static bool same_series(const char *a, const char *b)
{
    a += strcspn(a, "0123456789");
    b += strcspn(b, "0123456789");
    for (int dots = 0; *a == *b && *a != '\0'; a++, b++)
        if (!isdigit((unsigned char)*a) && ++dots == 2)
            return true;
    return !isdigit((unsigned char)*a) && !isdigit((unsigned char)*b);
}

static bool groups_refuse(const struct groups *groups, enum rule rule)
{
    bool refused = rule == RULE_SAME;
    for (int i = 1; i < groups->count && rule == RULE_SERIES; i++)
        refused = refused || !same_series(groups->group[0].value, groups->group[i].value);
    return refused;
}

static void found_add(struct software_found *found, const struct part *part,
                      const struct groups *groups)
{
    char text[SOFTWARE_LINE - 160];
    size_t used = strlen(found->brief);
    bool refused = groups_refuse(groups, part->rule);
    groups_write(groups, text, sizeof text);
    found->line[found->lines].refused = refused;
    found->line[found->lines].quiet = part->rule == RULE_QUIET;
    snprintf(found->line[found->lines++].text, SOFTWARE_LINE, "%s differs: %s%s%s%s", part->title,
             text, refused ? ": " : "", refused ? part->advice : "",
             refused ? ", or leave nodes out with --exclude" : "");
    snprintf(found->brief + used, sizeof found->brief - used, "%s%s: %s", used > 0 ? "; " : "",
             part->title, text);
}

void software_judge(const struct software *all, char (*hosts)[CONTROL_HOST], int size,
                    struct software_found *found)
{
    struct groups groups;
    memset(found, 0, sizeof *found);
    for (int part = 0; part < SOFTWARE_PARTS; part++) {
        groups_make(&groups, all, hosts, size, (enum software_part)part);
        if (groups.count > 1)
            found_add(found, &parts[part], &groups);
        groups_clear(&groups);
    }
}
