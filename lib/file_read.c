/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *file_what(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return NULL;
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFLNK:
        return "a link";
    default:
        return "a device";
    }
}

/* A name is looked at before it is opened, and what was opened once more: it may have been changed
 * meanwhile. */
static int refuse(const char *path, const char *what, mode_t mode, struct sft_error *err)
{
    const char *found = file_what(mode);
    if (found == NULL)
        return 0;
    if (S_ISDIR(mode))
        return sft_error_set(err, "%s: is a folder and no file: %s= must name a file in it", path,
                             what);
    return sft_error_set(
        err,
        "%s: is %s and no file: each rank must read it, so save it to a file first and "
        "name that with %s=",
        path, found, what);
}

static int file_open(const char *path, const char *what, struct stat *info, struct sft_error *err)
{
    if (strcmp(path, "-") == 0)
        return sft_error_set(
            err,
            "%s=-: standard input is no file: each rank must read it, so save it to a file "
            "first and name that",
            what);
    if (stat(path, info) < 0)
        return sft_error_set(err, "%s: cannot read the %s: %s", path, what, strerror(errno));
    if (refuse(path, what, info->st_mode, err) < 0)
        return -1;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0 || fstat(file, info) < 0)
        sft_error_set(err, "%s: cannot read the %s: %s", path, what, strerror(errno));
    else if (refuse(path, what, info->st_mode, err) == 0)
        return file;
    if (file >= 0)
        close(file);
    return -1;
}

static int bytes_read(int file, char *text, size_t most, size_t *size)
{
    for (*size = 0; *size < most;) {
        ssize_t got = read(file, text + *size, most - *size);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        *size += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

char *file_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    return strndup(path + begin, end - begin);
}

char *file_read(const char *path, const char *what, size_t most, size_t *size,
                struct sft_error *err)
{
    struct stat info;
    int file = file_open(path, what, &info, err);
    if (file < 0)
        return NULL;
    most = (size_t)info.st_size < most ? (size_t)info.st_size : most;
    char *text = malloc(most + 1);
    if (text == NULL) {
        sft_error_set(err, "%s: no memory for its %zu bytes", path, most);
    } else if (bytes_read(file, text, most, size) < 0) {
        sft_error_set(err, "%s: cannot read the %s: %s", path, what, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[*size] = '\0';
    }
    close(file);
    return text;
}
