/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of nodes' names, each once (struct words), and Slurm's word on which nodes there are. */
#ifndef SWEEP_HOSTS_H
#define SWEEP_HOSTS_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/words.h"

bool hosts_have(const struct words *hosts, const char *name);
void hosts_add(struct words *hosts, const char *name);
/* Names with commas, spaces or ends of lines between; what no node can be called is left out. */
void hosts_add_all(struct words *hosts, const char *names);
/* With commas between, for free(); NULL: none in it, or no memory. */
char *hosts_join(const struct words *hosts);

/* From `sinfo -N -h -o "%N|%T"`: nodes that can run jobs, and those that are down, drained or do
 * not answer. */
void hosts_read(struct words *there, struct words *away, const char *text);

/* Ask sinfo ($SFT_SINFO) for a partition's. */
int hosts_ask(struct words *there, struct words *away, const char *partition,
              struct sft_error *err);

/* Slurm's list ("n[1-3,7]") as names, by scontrol ($SFT_SCONTROL) where it has brackets. */
int hosts_expand(struct words *hosts, const char *list, struct sft_error *err);

#endif
