/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of nodes' names, each once (struct words), and Slurm's word on which nodes there are. */
#ifndef SWEEP_NAMES_H
#define SWEEP_NAMES_H

#include "lib/error.h"
#include "lib/words.h"

void names_add(struct words *names, const char *name);
/* Names with commas, spaces or ends of lines between; what no node can be called is left out. */
void names_split(struct words *names, const char *list);
/* With commas between, for free(); NULL: none in it, or no memory. */
char *names_join(const struct words *names);

/* From `sinfo -N -h -o "%N|%T"`: nodes that can run jobs, and those that are down, drained or do
 * not answer. */
void names_read(struct words *there, struct words *away, const char *text);

/* Ask sinfo ($SFT_SINFO) for a partition's, in place of what the lists hold. */
int names_ask(struct words *there, struct words *away, const char *partition,
              struct sft_error *err);

#endif
