/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uid_t trusted; /* root, until another is named */

void conf_file_trust(uid_t owner)
{
    trusted = owner;
}

/* Who may write here may say what every run does. */
static int file_judge(const struct stat *is, const char *path, const char *what,
                      struct sft_error *err)
{
    unsigned mode = (unsigned)is->st_mode & 07777;
    bool sticky = S_ISDIR(is->st_mode) && (mode & S_ISVTX) != 0;
    if ((mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky)
        return sft_error_set(
            err,
            "configuration %s: mode %04o: %s can be written by others than its owner: "
            "chmod go-w",
            path, mode, what);
    if (is->st_uid != 0 && is->st_uid != getuid() && is->st_uid != trusted)
        return sft_error_set(
            err,
            "configuration %s: mode %04o, owner %u: %s must be root's or SlurmUser's: chown it",
            path, mode, (unsigned)is->st_uid, what);
    return 0;
}

/* The folder that the opened file really stands in. */
static int file_judge_folder(int fd, struct sft_error *err)
{
    char link[64], path[PATH_MAX];
    struct stat is;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/')
        return 0;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
    if (stat(path, &is) < 0)
        return 0; /* gone, or not for us to see: then the file's own mode has to do */
    return file_judge(&is, path, "the file's folder", err);
}

static int file_check(int fd, const char *path, struct sft_error *err)
{
    struct stat is;
    if (fstat(fd, &is) < 0)
        return sft_error_set(err, "configuration %s: %s", path, strerror(errno));
    if (!S_ISREG(is.st_mode))
        return sft_error_set(err, "configuration %s: no regular file", path);
    return file_judge(&is, path, "the file", err) < 0 ? -1 : file_judge_folder(fd, err);
}

static char *file_slurp(int fd, const char *path, size_t *length, struct sft_error *err)
{
    char *text = malloc((size_t)CONF_FILE_MAX + 1);
    *length = 0;
    while (text != NULL && *length <= (size_t)CONF_FILE_MAX) {
        ssize_t got = read(fd, text + *length, CONF_FILE_MAX + 1 - *length);
        if (got == 0)
            return text;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            sft_error_set(err, "%s: %s", path, strerror(errno));
            free(text);
            return NULL;
        }
        *length += (size_t)got;
    }
    free(text);
    sft_error_set(err, "%s: longer than %d bytes", path, CONF_FILE_MAX);
    return NULL;
}

char *conf_file_read(const char *path, bool must_exist, size_t *length, bool *missing,
                     struct sft_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *missing = fd < 0 && errno == ENOENT && !must_exist;
    if (*missing)
        return NULL;
    if (fd < 0) {
        sft_error_set(err, "configuration %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = file_check(fd, path, err) == 0 ? file_slurp(fd, path, length, err) : NULL;
    close(fd);
    return text;
}
