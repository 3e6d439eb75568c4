/* SPDX-License-Identifier: Apache-2.0 */
/* --constraint against a node's features. Pure. */
#ifndef SFT_NODE_FEATURES_H
#define SFT_NODE_FEATURES_H

#include <stdbool.h>

/* Does a node with the features "a,b" meet the constraint: a&b, a|b, [a|b], (a|b)&c, a*2? Counts
 * are Slurm's to keep, and of [a|b] each node has one. One that cannot be read is met by all. */
bool features_meet(const char *constraint, const char *features);

#endif
