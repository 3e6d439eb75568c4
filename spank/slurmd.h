/* SPDX-License-Identifier: Apache-2.0 */
/* Where a node's slurmd has its folders and its log, by the configuration of the srun or slurmstepd
 * that we are in. */
#ifndef SFT_SPANK_SLURMD_H
#define SFT_SPANK_SLURMD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "spank/slurm_compat.h"

/* In a step's environment the user's word to Slurm's PMIx plugin: where its folders go. */
#define SLURMD_PMIX_TMPDIR "SLURM_PMIX_TMPDIR"

struct slurmd_folders {
    char spool[PATH_MAX]; /* SlurmdSpoolDir */
    char tmp[PATH_MAX];   /* where Slurm's PMIx plugin makes the clients' folders */
    bool tmp_is_users;    /* the user named it, with SLURMD_PMIX_TMPDIR */
};

/* In slurmstepd, of the step's own node. */
int slurmd_folders_find(spank_t spank, struct slurmd_folders *folders, struct sft_error *err);

/* "slurmd's log, FILE, on NODES"; of several nodes FILE may hold %n. */
void slurmd_log(const char *nodes, char *text, size_t size);

#endif
