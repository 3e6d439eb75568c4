/* SPDX-License-Identifier: Apache-2.0 */
/* Who am I among whom: rank, size and place, from PMIx or alone. */
#ifndef SFT_JOB_CONTROL_BOOTSTRAP_H
#define SFT_JOB_CONTROL_BOOTSTRAP_H

#include <stddef.h>

#include "lib/error.h"

struct bootstrap {
    const char *name; /* "pmix" or "single" */
    int rank, size;
    int local_rank, local_size; /* among the ranks of this node */
    char host[256];             /* Slurm's name of the node, else the host's */
    char version[64];           /* of the PMIx library, "" for single */
    char job[256];              /* the server's name of the whole job, "" for single */
    int exchanges;              /* so far, for their keys */
};

/* PMIx when a server started us (its environment is there), else alone. A PMIx server that does
 * not answer is an error, and so are several tasks of srun without PMIx: never a silent single run.
 */
int bootstrap_start(struct bootstrap *bootstrap, struct sft_error *err);
void bootstrap_stop(struct bootstrap *bootstrap);

/* This process's rank as PMIx's or Slurm's environment tells it, before anything was started; 0
 * where nothing does. */
int bootstrap_rank_told(void);

/* Collective: `bytes` of every rank, in the order of ranks, into all[size * bytes] on all of them.
 * For few and small things before any communicator stands: the server keeps them until the job
 * ends. */
int bootstrap_exchange(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                       struct sft_error *err);

/* From now on the process ends with that status after so many seconds, whatever hangs: a pipe that
 * nobody reads, a file server, the PMIx server. */
void bootstrap_abort_within(int status, unsigned int seconds);
/* End the whole step with that exit status: the launcher kills the other ranks. From any thread. */
void bootstrap_abort(struct bootstrap *bootstrap, int status) __attribute__((noreturn));

/* The two ways; for bootstrap_start alone. */
int bootstrap_start_single(struct bootstrap *bootstrap, struct sft_error *err);
int bootstrap_start_pmix(struct bootstrap *bootstrap, struct sft_error *err);
int bootstrap_exchange_pmix(struct bootstrap *bootstrap, const void *mine, size_t bytes, void *all,
                            struct sft_error *err);
void bootstrap_stop_pmix(void);
void bootstrap_abort_pmix(int status);

#endif
