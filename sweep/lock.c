/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: O_NOFOLLOW, gethostname */
#include "sweep/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/text.h"

#define ADVICE "set XDG_STATE_HOME to a folder of your own that you can write to"

static const char *home_of(void)
{
    const char *home = getenv("HOME");
    if (home != NULL && home[0] == '/')
        return home;
    const struct passwd *user = getpwuid(geteuid());
    return user != NULL ? user->pw_dir : "";
}

/* By the XDG base directory specification a path that is not absolute counts as none. */
static int state_folder(char *folder, size_t size, struct sft_error *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    int length = state != NULL && state[0] == '/'
                     ? snprintf(folder, size, "%s/sft-bench", state)
                     : snprintf(folder, size, "%s/.local/state/sft-bench", home_of());
    if (folder[0] != '/')
        return sft_error_set(err, "no home folder for the sweep's lock: " ADVICE);
    return (size_t)length < size
               ? 0
               : sft_error_set(err, "%.60s...: the name is too long: " ADVICE, folder);
}

static int folders_make(char *folder, struct sft_error *err)
{
    for (char *at = folder + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char was = *at;
        *at = '\0';
        bool bad = mkdir(folder, 0700) < 0 && errno != EEXIST && access(folder, X_OK) != 0;
        if (bad)
            sft_error_set(err, "%s: %s: " ADVICE, folder, strerror(errno));
        *at = was;
        if (bad || was == '\0')
            return bad ? -1 : 0;
    }
}

/* The folder itself must be the user's alone: in another's a lock could be planted, or be held for
 * ever. */
static int folder_open(const char *folder, struct sft_error *err)
{
    struct stat there;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sft_error_set(err, "%s: %s: " ADVICE, folder, strerror(errno));
    if (fstat(fd, &there) == 0 && there.st_uid == geteuid() &&
        (there.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return fd;
    close(fd);
    return sft_error_set(err, "%s: not yours, or others may write there: " ADVICE, folder);
}

static int file_open(int folder, const char *path, struct sft_error *err)
{
    struct stat there;
    const char *file = strrchr(path, '/') + 1;
    /* Not O_CLOEXEC: an sbatch that outlives a killed sft-sweep holds it, until the job that it
     * submits can be seen. */
    int fd = openat(folder, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", path, strerror(errno));
    if (fstat(fd, &there) == 0 && S_ISREG(there.st_mode) && there.st_uid == geteuid())
        return fd;
    close(fd);
    return sft_error_set(err, "%s: no file of yours: remove it", path);
}

/* Who has it, as they wrote: PID HOST. */
static int say_holder(int fd, const char *name, const char *path, struct sft_error *err)
{
    char holder[128] = "";
    ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    text_make_plain(holder);
    char *host = strchr(holder, ' ');
    if (host == NULL)
        return sft_error_set(err, "another sft-sweep of the name %s is at work: it holds %s", name,
                             path);
    *host++ = '\0';
    return sft_error_set(err,
                         "another sft-sweep of the name %s is at work: process %s on %s, or an "
                         "sbatch of it, holds %s",
                         name, holder, host, path);
}

/* flock, which what is started inherits; on NFS it is a lock of the server's, between hosts. */
static int file_lock(int fd, const char *name, const char *path, struct sft_error *err)
{
    char host[65] = "?", holder[96];
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? say_holder(fd, name, path, err)
                   : sft_error_set(err, "%s: cannot be locked: %s: " ADVICE, path, strerror(errno));
    gethostname(host, sizeof host - 1);
    int length = snprintf(holder, sizeof holder, "%ld %s\n", (long)getpid(), host);
    /* Only for the message of another: without it that one says less. */
    if (ftruncate(fd, 0) < 0 || pwrite(fd, holder, (size_t)length, 0) < 0)
        return 0;
    return 0;
}

int lock_take(const char *name, struct sft_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX + 128];
    if (state_folder(folder, sizeof folder, err) < 0 || folders_make(folder, err) < 0)
        return -1;
    int at = folder_open(folder, err);
    if (at < 0)
        return -1;
    snprintf(path, sizeof path, "%s/sweep-%s.lock", folder, name);
    int fd = file_open(at, path, err);
    close(at);
    if (fd < 0)
        return -1;
    if (file_lock(fd, name, path, err) == 0)
        return 0; /* held by the open file */
    close(fd);
    return -1;
}
