/* SPDX-License-Identifier: Apache-2.0 */
/* The loop over a command line that sft-report and sft-sweep share. */
#ifndef ACCOUNTS_ARGUMENTS_H
#define ACCOUNTS_ARGUMENTS_H

#include <getopt.h>

#include "lib/error.h"

/* Take one option: its `val`, or its letter; the value is in optarg. -1 with a line in err. */
typedef int arguments_set(void *context, int option, struct sft_error *err);

/* Hand every option to `set`; `letters` as getopt_long's, with ':' in front. Afterwards optind is
 * at the first word that is none. Fails on an unknown option, one without its value, and where
 * `set` does. */
int arguments_read(int argc, char **argv, const char *letters, const struct option *options,
                   arguments_set *set, void *context, struct sft_error *err);

#endif
