/* SPDX-License-Identifier: Apache-2.0 */
/* Out of the step's control groups, which Slurm removes at the step's end: a process in one of them
 * would keep it. */
#ifndef SFT_SPANK_LEAVE_H
#define SFT_SPANK_LEAVE_H

#include <stddef.h>

/* Of one line of /proc/PID/cgroup, the file below `mount` that a process is written into to leave a
 * group of Slurm's for the root of its hierarchy. Returns 0, or -1 when the group is not Slurm's.
 */
int leave_file(const char *line, const char *mount, char *path, size_t size);

/* Leave all of Slurm's groups. What cannot be left is not: nothing depends on it. */
void leave_groups(void);

#endif
