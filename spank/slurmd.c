/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/slurmd.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spank/leftovers.h"

/* Slurm's own functions, the ones that its PMIx plugin calls for these paths, and the configuration
 * as it was read: the same from 21.08 to 26.05, but that 21.08's first takes no host. Their texts,
 * some bytes once a step, are not given back: the name of Slurm's free() does change. */
typedef char *(*expand_f)(const char *path, const char *node, const char *host);
typedef char *(*tmp_fs_f)(char *node);

static const slurm_conf_t *slurmd_conf(void)
{
    return dlsym(RTLD_DEFAULT, "slurm_conf");
}

static expand_f slurmd_expand(void)
{
    return (expand_f)(uintptr_t)dlsym(RTLD_DEFAULT, "slurm_conf_expand_slurmd_path");
}

static int slurmd_copy(char text[PATH_MAX], const char *path, struct sft_error *err)
{
    if (path == NULL || snprintf(text, PATH_MAX, "%s", path) >= PATH_MAX)
        return sft_error_set(err, "this Slurm does not say where slurmd has its folders");
    return 0;
}

/* In the order of Slurm's PMIx plugin: the step's environment, mpi.conf, TmpFS. */
static int slurmd_tmp(spank_t spank, const slurm_conf_t *conf, char *node,
                      struct slurmd_folders *folders, struct sft_error *err)
{
    folders->tmp_is_users =
        spank_getenv(spank, SLURMD_PMIX_TMPDIR, folders->tmp, PATH_MAX) == ESPANK_SUCCESS;
    const char *file = compat_conf_path(conf);
    if (folders->tmp_is_users || (file != NULL && leftovers_mpi_conf(file, folders->tmp, PATH_MAX)))
        return 0;
    tmp_fs_f tmp_fs = (tmp_fs_f)(uintptr_t)dlsym(RTLD_DEFAULT, "slurm_get_tmp_fs");
    return slurmd_copy(folders->tmp, tmp_fs != NULL ? tmp_fs(node) : NULL, err);
}

int slurmd_folders_find(spank_t spank, struct slurmd_folders *folders, struct sft_error *err)
{
    char node[256];
    const slurm_conf_t *conf = slurmd_conf();
    expand_f expand = slurmd_expand();
    if (compat_node_name(spank, node, sizeof node) < 0)
        return sft_error_set(err, "this Slurm does not say which node this is");
    if (conf == NULL || expand == NULL || conf->slurmd_spooldir == NULL)
        return slurmd_copy(folders->spool, NULL, err);
    if (slurmd_copy(folders->spool, expand(conf->slurmd_spooldir, node, NULL), err) < 0)
        return -1;
    return slurmd_tmp(spank, conf, node, folders, err);
}

void slurmd_log(const char *nodes, char *text, size_t size)
{
    const slurm_conf_t *conf = slurmd_conf();
    expand_f expand = slurmd_expand();
    const char *file = conf != NULL ? conf->slurmd_logfile : NULL;
    if (file != NULL && expand != NULL && strpbrk(nodes, "[,") == NULL)
        file = expand(file, nodes, NULL);
    if (file != NULL)
        snprintf(text, size, "slurmd's log, %s, on %s", file, nodes);
    else
        snprintf(text, size, "what slurmd told the system log on %s", nodes);
}
