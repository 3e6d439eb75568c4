/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier run of this very step left on the node. Slurm's PMIx plugin makes a socket and
 * two folders that are named by job and step, and does not start a step whose names are taken:
 * after a requeue to a node where slurmstepd was killed, or where two clusters share TmpFS. No
 * Slurm in here. */
#ifndef SFT_SPANK_LEFTOVERS_H
#define SFT_SPANK_LEFTOVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"

struct leftovers {
    const char *spool; /* SlurmdSpoolDir of this node */
    const char *tmp;   /* folder of the step's folder for PMIx's clients */
    bool tmp_is_users; /* the user named it: it is entered with the user's rights */
    const char *proc;  /* where processes are looked for: /proc */
    uid_t uid;         /* the job's */
    gid_t gid;
    uint32_t job_id, step_id;
};

/* Of the three names, the one below `tmp`, which another cluster may have, too. */
void leftovers_client(const struct leftovers *left, char *name, size_t size);

/* Mark that folder as in use for as long as this process lives: a lock, which ends with us however
 * we end. */
void leftovers_hold(const struct leftovers *left);

/* Is it in use by a living step of that number, of another cluster or another slurmd of this
 * machine? `who` gets the process, as text. `folder` is `tmp`, open. */
bool leftovers_lives(const struct leftovers *left, int folder, char *who, size_t size);

/* Rename what stands there to NAME.aside.NUMBERS beside it; nothing is ever removed. Returns how
 * many names were taken, or -1 when one is not to be touched: it belongs to somebody else, is of
 * another kind (a symbolic link), or a step of that number, of another cluster, is alive and has
 * it. */
int leftovers_put_aside(const struct leftovers *left, struct sft_error *err);

/* The folder that mpi.conf, beside slurm.conf, names as PMIxCliTmpDirBase. False: none. */
bool leftovers_mpi_conf(const char *slurm_conf, char *base, size_t size);

#endif
