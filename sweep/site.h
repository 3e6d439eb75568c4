/* SPDX-License-Identifier: Apache-2.0 */
/* The site's configuration as the plugin gets it: the arguments in plugstack.conf say which file.
 */
#ifndef SWEEP_SITE_H
#define SWEEP_SITE_H

#include <stdbool.h>

#include "spank/conf.h"
#include "lib/words.h"

/* A key's value in the text of `scontrol show config`; "" where it has none: missing, "(null)" or
 * too long. */
void site_value(const char *text, const char *key, char *value, size_t size);

/* The arguments of sft_bench.so in a plugstack.conf and what that includes, read as Slurm does; the
 * first line with the plugin counts. False where there is none, or no such file. */
bool site_arguments(const char *path, struct words *arguments);

/* conf_load with those arguments. Slurm is asked ($SFT_SCONTROL) where plugstack.conf is; where it
 * cannot tell, or the plugin is not there, the default place counts. A configuration that the
 * plugin would refuse is refused here. */
int site_load(struct conf *conf, struct sft_error *err);

#endif
