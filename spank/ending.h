/* SPDX-License-Identifier: Apache-2.0 */
/* srun's own end: status 0 stands for a complete record, and for nothing else. */
#ifndef SFT_SPANK_ENDING_H
#define SFT_SPANK_ENDING_H

#include "spank/slurm_compat.h"

/* In slurm_spank_local_user_init of srun: remember the step. When srun is about to end with status
 * 0, the controller is asked for the step's record; without a complete one the status becomes 1,
 * and one line on stderr says where to look. A run that leaves no record (explain, words as --help)
 * is judged by its job's state. srun's status stays when the controller does not answer, and a line
 * says so. */
void ending_watch(spank_t spank);

#endif
