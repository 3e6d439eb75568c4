/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's file: only one that nobody else may write is read. */
#ifndef SFT_SPANK_CONF_FILE_H
#define SFT_SPANK_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "lib/error.h"

#define CONF_FILE_MAX (256 * 1024) /* a longer file is refused */

/* Beside root and whoever runs this, the user who may own the file and its folder: SlurmUser. */
void conf_file_trust(uid_t owner);

/* All of the file's text, which the caller frees. NULL with *missing when there is none and none
 * has to be; NULL with an error otherwise: also when others than its owner may write the file or
 * its folder, or the owner is neither root nor who runs this nor conf_file_trust's. Links are
 * followed; what they lead to is judged. */
char *conf_file_read(const char *path, bool must_exist, size_t *length, bool *missing,
                     struct sft_error *err);

#endif
