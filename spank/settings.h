/* SPDX-License-Identifier: Apache-2.0 */
/* What this process's libslurm has of slurm.conf. In slurmstepd it is what slurmd runs with. */
#ifndef SFT_SPANK_SETTINGS_H
#define SFT_SPANK_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds; Slurm's defaults where the configuration is not known. */
int settings_unkillable(void);      /* UnkillableStepTimeout */
int settings_message_timeout(void); /* MessageTimeout */

/* ClusterName, "" when not known. */
const char *settings_cluster(void);

/* Does the accounting keep a job's comment (AccountingStoreFlags=job_comment)? */
bool settings_job_comment(void);

/* Name of this node, as slurm.conf has it. */
const char *settings_node(void);

/* Folder of this node's records that are not in the accounting yet. Returns 0, -1 when it is too
 * long. */
int settings_spool(char *path, size_t size);

#endif
