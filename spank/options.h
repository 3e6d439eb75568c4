/* SPDX-License-Identifier: Apache-2.0 */
/* The option of srun, sbatch and salloc: its text, and the table of all their options. */
#ifndef SFT_SPANK_OPTIONS_H
#define SFT_SPANK_OPTIONS_H

#include "spank/cmdline.h"
#include "spank/slurm_compat.h"

/* Register --sft-bench; `callback` sees its value, locally and remotely. */
int options_register(spank_t spank, spank_opt_cb_f callback);

/* Does this step carry the option? Not in init and post_opt: Slurm does not say there. */
bool options_given(spank_t spank);
/* Its value, the last one's if it stands twice; NULL when it is not there. Until Slurm is asked
 * again. */
const char *options_value(spank_t spank);

/* Does the step leave a record? Not with explain, nor with words for sft-bench-job that only ask it
 * something. */
bool options_records(spank_t spank, const char *request);

/* Take away what sbatch or salloc left of the option in the environment, so that an ordinary srun
 * in their jobs stays ordinary. */
void options_forget(void);

/* cmdline_scan with the table of the program that we are in. */
int options_scan(struct cmdline *cmdline, struct sft_error *err);

/* Does the program's own table hold the option? */
bool options_known(const char *name);

#endif
