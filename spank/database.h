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
    DATABASE_ENDLESS, /* the record was in it already, of a job without an end that nobody runs */
    DATABASE_OTHER,   /* it knows no such job, or only one submitted after the record was written */
};

/* forgotten: slurmctld does not know the job, so that for slurmdbd it may run for ever. */
enum database_result database_put(const struct spooled *spooled, const struct sft_record *record,
                                  bool forgotten, struct sft_error *err);

#endif
