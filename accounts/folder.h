/* SPDX-License-Identifier: Apache-2.0 */
/* Saved records: a file, standard input, or a folder with the files of many runs. */
#ifndef ACCOUNTS_FOLDER_H
#define ACCOUNTS_FOLDER_H

#include "lib/error.h"
#include "accounts/filter.h"
#include "accounts/rows.h"

/* Read a file as load_file does, or of a folder and those in it each file whose name ends in
 * `.json`, by name; links are not followed. What holds no records there is counted in rows->broken;
 * a folder with no such file is an error. */
int folder_load(struct rows *rows, const struct filter *filter, const char *path,
                struct sft_error *err);

#endif
