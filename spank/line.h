/* SPDX-License-Identifier: Apache-2.0 */
/* The options that go in front of the user's own. Pure: no Slurm, no files. */
#ifndef SFT_SPANK_LINE_H
#define SFT_SPANK_LINE_H

#include "lib/plan.h"
#include "spank/cmdline.h"
#include "spank/conf.h"
#include "spank/words.h"

/* For srun, with `step`, the options of a step, too; otherwise only the allocation's shape. An
 * option that the user gave, or another that decides the same, is left to the user. With
 * `bind_none` this Slurm understands --gpu-bind=none. */
void line_options(struct words *line, const struct cmdline *user, const struct sft_plan *plan,
                  const struct sft_cluster *cluster, const struct conf *conf, bool step,
                  bool bind_none);

/* The number of nodes that the user's own options say, 0: none, -1: not a plain number. */
int line_user_nodes(const struct cmdline *user);

#endif
