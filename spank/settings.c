/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spank/spool.h"
#include "spank/slurm_compat.h"

int settings_unkillable(void)
{
    return COMPAT_CONF_KNOWN ? slurm_conf.unkillable_timeout : 60;
}

int settings_message_timeout(void)
{
    return COMPAT_CONF_KNOWN ? slurm_conf.msg_timeout : 10;
}

const char *settings_cluster(void)
{
    return COMPAT_CONF_KNOWN ? slurm_conf.cluster_name : "";
}

bool settings_job_comment(void)
{
    return COMPAT_CONF_KNOWN && (slurm_conf.conf_flags & COMPAT_JOB_COMMENT) != 0;
}

bool settings_has_mpi(const char *type, const char **folders)
{
    char path[4096];
    const char *at = COMPAT_CONF_KNOWN ? slurm_conf.plugindir : NULL;
    *folders = at;
    if (at == NULL || strncmp(type, "pmix", 4) != 0)
        return true;
    while (*at != '\0') {
        size_t length = strcspn(at, ":");
        int needs = snprintf(path, sizeof path, "%.*s/mpi_%s.so", (int)length, at, type);
        if (needs < (int)sizeof path && access(path, R_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

bool settings_task_prolog(void)
{
    return COMPAT_CONF_KNOWN && slurm_conf.task_prolog != NULL;
}

static char settings_learned[256];

void settings_node_learn(const char *name)
{
    snprintf(settings_learned, sizeof settings_learned, "%s", name);
}

const char *settings_node(void)
{
    static char host[256];
    if (settings_learned[0] != '\0')
        return settings_learned;
    const char *name = getenv("SLURMD_NODENAME");
    if (name != NULL && name[0] != '\0')
        return name;
    if (host[0] == '\0' && gethostname(host, sizeof host - 1) == 0)
        host[strcspn(host, ".")] = '\0';
    return host;
}

int settings_spool(char *path, size_t size)
{
    char host[256] = "";
    const char *folder = COMPAT_CONF_KNOWN && slurm_conf.slurmd_spooldir != NULL
                             ? slurm_conf.slurmd_spooldir
                             : "/var/spool/slurmd";
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    return spool_place(folder, settings_node(), host, path, size);
}
