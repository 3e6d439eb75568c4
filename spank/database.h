/* SPDX-License-Identifier: Apache-2.0 */
/* A record into slurmdbd, for a job that slurmctld does not change any more. For a program that
 * links libslurm, run by root, SlurmUser or an operator of the accounting. */
#ifndef SFT_SPANK_DATABASE_H
#define SFT_SPANK_DATABASE_H

#include "spank/spool.h"

enum database_result {
    DATABASE_SILENT = -1, /* slurmdbd does not answer, or refuses; err tells */
    DATABASE_STANDS,      /* the record was in it already, in the admin comment at least */
    DATABASE_WRITTEN, /* it has been written now; another step's may have been written over it */
    DATABASE_RUNS,    /* for slurmdbd the job has not ended: slurmctld would overwrite it */
    DATABASE_OTHER,   /* it knows no such job, or only one submitted after the record was written */
};

enum database_result database_put(const struct spooled *spooled, const struct sft_record *record,
                                  struct sft_error *err);

#endif
