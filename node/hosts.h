/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of hosts as Slurm writes them, node[3,5-7]-a,x. Pure. */
#ifndef SFT_NODE_HOSTS_H
#define SFT_NODE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/words.h"

#define HOSTS_MAX 65536 /* names of one list; what is beyond counts as not readable */

/* Add the names of the list to `hosts`, and elements that are none (node[3-], a[1) to `bad`, whole.
 */
void hosts_expand(const char *list, struct words *hosts, struct words *bad);

/* Sort the names, and leave each standing once: Slurm takes a host that is named twice for one. */
void hosts_unique(struct words *hosts);

/* The list as Slurm writes it, node-[0003,0005-0007]; the names as hosts_unique leaves them. What
 * does not fit is left out, and "..." stands there. */
void hosts_write(const struct words *hosts, char *text, size_t size);

/* Is the node's name in the list, letter for letter? */
bool hosts_has(const struct words *hosts, const char *node);

/* May the written name mean the node? Capitals do not matter, nor a domain behind the name. */
bool hosts_mean(const char *written, const char *node);

#endif
