/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fabric_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/sysfs.h"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void file_read(struct fabric_files *files, int index, const char *root)
{
    size_t length;
    if (files->file[index].path[0] != '\0')
        files->file[index].text = sysfs_text(&length, "%s%s", root, files->file[index].path);
}

void fabric_files_read(struct fabric_files *files, const char *root, const char *home,
                       const char *named)
{
    memset(files, 0, sizeof *files);
    if (is_given(named))
        snprintf(files->file[0].path, sizeof files->file[0].path, "%s", named);
    else if (is_given(home))
        snprintf(files->file[0].path, sizeof files->file[0].path, "%.1000s/.nccl.conf", home);
    strcpy(files->file[1].path, "/etc/nccl.conf");
    for (int i = 0; i < FABRIC_FILES; i++)
        file_read(files, i, root != NULL ? root : "");
}

void fabric_files_clear(struct fabric_files *files)
{
    for (int i = 0; i < FABRIC_FILES; i++) {
        free(files->file[i].text);
        files->file[i].text = NULL;
    }
}

/* As NCCL reads a line: the name begins it and ends at the first `=`; no space is taken away; the
 * first line wins. */
static bool file_has(const char *text, const char *name, char value[FABRIC_FILES_VALUE])
{
    size_t length = strlen(name);
    while (*text != '\0') {
        size_t end = strcspn(text, "\n");
        if (end > length && strncmp(text, name, length) == 0 && text[length] == '=') {
            snprintf(value, FABRIC_FILES_VALUE, "%.*s", (int)(end - length - 1), text + length + 1);
            return true;
        }
        text += end + (text[end] == '\n');
    }
    return false;
}

const char *fabric_files_get(struct fabric_files *files, const char *name, const char **path)
{
    for (int i = 0; i < FABRIC_FILES; i++)
        if (files->file[i].text != NULL && file_has(files->file[i].text, name, files->value)) {
            *path = files->file[i].path;
            return files->value;
        }
    return NULL;
}
