/* SPDX-License-Identifier: Apache-2.0 */
/* Which releases srun's plugin, the nodes' plugins and this program are of: a cluster that is
 * updated node by node has several, and a node may lack the plugin. */
#ifndef SFT_JOB_RUN_RELEASE_H
#define SFT_JOB_RUN_RELEASE_H

#include <stdbool.h>
#include <stddef.h>

enum { RELEASE_TEXT = 32, RELEASE_FORM = 200 };

/* What the plugin has said to a task. */
struct release {
    char srun[RELEASE_TEXT], node[RELEASE_TEXT]; /* of the plugin there; "": none has spoken */
    char form[RELEASE_FORM]; /* why this program does not understand it; "": it does */
};

void release_read(struct release *release);

/* What is wrong with a node in one line, or "". own: this program's release. first: the node whose
 * plugin publishes the record. True: the run must not begin, as the line says it would be lost. */
bool release_judge(const struct release *release, const char *own, bool first, char *text,
                   size_t size);

/* The same of this process without a node, where it ends before it has met the others. */
const char *release_judge_self(char *text, size_t size);

#endif
