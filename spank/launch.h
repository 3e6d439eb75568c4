/* SPDX-License-Identifier: Apache-2.0 */
/* The submitting side: from the option to the whole command line, and one re-exec. */
#ifndef SFT_SPANK_LAUNCH_H
#define SFT_SPANK_LAUNCH_H

#include <stdbool.h>

/* In slurm_spank_init of srun (`step` true), sbatch and salloc. If the option is among the words,
 * plan, check, and start the same program again with the whole line: then this does not return.
 * Bad input ends the process with one line on stderr and status 1. Otherwise it returns. */
void launch_init(bool step, int ac, char **av);

/* In the option's callback: getopt met the option that launch_init did not see, because it stands
 * behind an option of a plugin that was loaded after us. By now Slurm's table knows them all. */
void launch_late(bool step, int ac, char **av);

#endif
