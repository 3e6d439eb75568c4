/* SPDX-License-Identifier: Apache-2.0 */
/* What Slurm would make of a command line, by its own --test-only. */
#ifndef SFT_SPANK_PROBE_H
#define SFT_SPANK_PROBE_H

#include <stdbool.h>

#include "lib/words.h"

struct probe {
    char partition[64];
    char nodes[1024]; /* as Slurm writes them; cut if there are very many */
};

/* Run this program with the line, which has --test-only in it, with the guard variable set for the
 * child, and read where the job would run. True when Slurm said so. Nothing is printed. */
bool probe_run(struct probe *probe, const struct words *line, const char *guard);

/* "... on nodes LIST in partition NAME" somewhere in the text. */
bool probe_read(struct probe *probe, const char *text);

#endif
