/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's side of the spool: what stands in no accounting for certain is written down on the
 * node, and sft-bench-deliver, a program of its own that can talk with slurmdbd, sees to the rest.
 */
#ifndef SFT_SPANK_DELIVER_H
#define SFT_SPANK_DELIVER_H

#include <stddef.h>

#include "spank/spool.h"

#ifndef SFT_SBINDIR
#define SFT_SBINDIR "/usr/sbin"
#endif
#define DELIVER_PROGRAM SFT_SBINDIR "/sft-bench-deliver"

/* Write the record down, with cluster and time; path (NULL: not wanted) gets the file's name.
 * Nothing is written where nobody would ever take it away: without the program. */
int deliver_spool(struct spooled *spooled, char *path, size_t size, struct sft_error *err);

/* Become the program, if there is anything to deliver from this node; else return. `taken`: the
 * file whose record slurmctld has taken just now, NULL: none. */
void deliver_rest(const char *taken);

#endif
