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

/* slurmd tells slurmstepd its name in the environment; elsewhere it is the host's. */
const char *settings_node(void)
{
    static char host[256];
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
