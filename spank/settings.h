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

/* Has this host Slurm's plugin for --mpi=TYPE? True, too, where that cannot be said: of types other
 * than pmix and pmix_v*, some of which are no files. folders: where it was looked for. */
bool settings_has_mpi(const char *type, const char **folders);

/* Does a script of the site's run between the hooks of a task and its program (TaskProlog)? */
bool settings_task_prolog(void);

/* Name of this node, as slurm.conf has it: what was learned, else what slurmd tells in the
 * environment, else the host's. */
const char *settings_node(void);

/* In a step daemon, once: compat_node_name's name. */
void settings_node_learn(const char *name);

/* Folder of this node's records that are not in the accounting yet. Returns 0, -1 when it is too
 * long. */
int settings_spool(char *path, size_t size);

#endif
