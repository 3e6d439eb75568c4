/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE */
#include "accounts/folder.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts/load.h"

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strverscmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_json(const FTSENT *entry)
{
    size_t length = entry->fts_namelen;
    return entry->fts_info == FTS_F && length > 5 &&
           strcmp(entry->fts_name + length - 5, ".json") == 0;
}

static int folder_walk(struct rows *rows, const struct filter *filter, const char *path,
                       struct sft_error *err)
{
    char *const paths[] = {(char *)path, NULL};
    size_t files = 0;
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL)
        return sft_error_set(err, "--input %s: %s", path, strerror(errno));
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;)
        if (is_json(entry)) {
            files++;
            rows->broken += load_file(rows, filter, entry->fts_path, NULL) < 0;
        }
    fts_close(tree);
    return files > 0 ? 0 : sft_error_set(err, "--input %s: no file *.json in this folder", path);
}

int folder_load(struct rows *rows, const struct filter *filter, const char *path,
                struct sft_error *err)
{
    struct stat there;
    return stat(path, &there) == 0 && S_ISDIR(there.st_mode) ? folder_walk(rows, filter, path, err)
                                                             : load_file(rows, filter, path, err);
}
