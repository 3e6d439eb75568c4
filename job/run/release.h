/* SPDX-License-Identifier: Apache-2.0 */
/* Which releases srun's plugin, the nodes' plugins and this program are of: a cluster that is
 * updated node by node has several, and a node may lack the plugin. */
#ifndef SFT_JOB_RUN_RELEASE_H
#define SFT_JOB_RUN_RELEASE_H

#include <stddef.h>

#include "job/control/control.h"

/* srun, node: release of the plugin there, NULL: none has said. own: this program's. first: of the
 * node whose plugin publishes the record. What is wrong in one line, or "". Returns text. */
const char *release_judge(const char *srun, const char *node, const char *own, int first,
                          char *text, size_t size);

/* The same of this process without a node, where it ends before it has met the others. */
const char *release_judge_self(char *text, size_t size);

/* Collective. On rank 0 a line on stderr for each thing that is wrong, with the nodes it is wrong
 * on. hosts: [size] names of CONTROL_HOST bytes on rank 0. */
int release_tell(struct control *control, const char *hosts, struct sft_error *err);

#endif
