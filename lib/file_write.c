/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/file_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/file_read.h"

enum { TRIES = 16, OLD_SECONDS = 600 /* no write takes so long: its writer is gone */ };

#define BESIDE_END ".new"

int file_write_cannot(const char *path, int number, struct sft_error *err)
{
    const char *advice = "name another place";
    if (number == ENOSPC || number == EDQUOT)
        advice = "free some, or name another place";
    else if (number == EFBIG)
        advice = "raise the limit (ulimit -f)";
    return sft_error_set(err, "cannot write %s: %s: %s", path, strerror(number), advice);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* The kernel's own rule (fs.protected_symlinks), which not every machine has on: in a folder that
 * all may write to, as /tmp, only the links of the user and of the folder's owner are followed. */
static bool link_is_planted(const char *folder, const struct stat *link)
{
    char parent[PATH_MAX];
    struct stat info;
    snprintf(parent, sizeof parent, "%s", folder);
    for (size_t length = strlen(parent); length > 1 && parent[length - 1] == '/';)
        parent[--length] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        strcpy(parent, ".");
    else
        slash[slash == parent] = '\0';
    return stat(parent, &info) == 0 && (info.st_mode & S_ISVTX) && (info.st_mode & S_IWOTH) &&
           link->st_uid != geteuid() && link->st_uid != info.st_uid;
}

static int folder_refuse(const char *path, const char *folder, uid_t owner, struct sft_error *err)
{
    return sft_error_set(
        err,
        "cannot write %s: %s is a link that another user (uid %u) has put there: name another "
        "place",
        path, folder, (unsigned)owner);
}

/* The folder that the path's last part stands in, opened. */
static int folder_open(const char *path, struct sft_error *err)
{
    char folder[PATH_MAX];
    struct stat info;
    size_t length = (size_t)(name_of(path) - path);
    if (length >= sizeof folder)
        return file_write_cannot(path, ENAMETOOLONG, err);
    memcpy(folder, path, length);
    folder[length] = '\0';
    if (length == 0)
        strcpy(folder, ".");
    while (length > 1 && folder[length - 1] == '/') /* or the link would be followed */
        folder[--length] = '\0';
    int looked = open(folder, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (looked < 0 || fstat(looked, &info) < 0) {
        file_write_cannot(path, errno, err);
    } else if (S_ISLNK(info.st_mode) && link_is_planted(folder, &info)) {
        folder_refuse(path, folder, info.st_uid, err);
    } else {
        int opened = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0)
            file_write_cannot(path, errno, err);
        close(looked);
        return opened;
    }
    if (looked >= 0)
        close(looked);
    return -1;
}

static int not_a_file(const char *path, mode_t mode, struct sft_error *err)
{
    return sft_error_set(err, "cannot write %s: it is %s and no file: name a file", path,
                         file_what(mode));
}

/* A link would be replaced; one to a device stands for the device, as /dev/stdout does. */
int file_write_check(const char *path, struct sft_error *err)
{
    struct stat info;
    if (name_of(path)[0] == '\0')
        return sft_error_set(err, "cannot write %s: it is a folder's name: name a file in it",
                             path);
    if (strlen(name_of(path)) > NAME_MAX - 16)
        return file_write_cannot(path, ENAMETOOLONG, err);
    if (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0)
        return sft_error_set(err, "cannot write %s: files do not belong there: name another place",
                             path);
    if (stat(path, &info) < 0 || S_ISREG(info.st_mode))
        return 0;
    return not_a_file(path, info.st_mode, err);
}

int file_write_clear(const char *path, struct sft_error *err)
{
    if (file_write_check(path, err) < 0)
        return -1;
    int folder = folder_open(path, err);
    if (folder < 0)
        return -1;
    int failed = unlinkat(folder, name_of(path), 0) < 0 && errno != ENOENT ? errno : 0;
    close(folder);
    if (failed == EPERM) /* where all may write, others' files stay */
        return sft_error_set(err, "cannot replace %s, which is another user's: name another place",
                             path);
    return failed ? file_write_cannot(path, failed, err) : 0;
}

static bool is_beside(const char *entry, const char *name)
{
    size_t length = strlen(entry), own = strlen(name);
    return length == own + 2 + 8 + strlen(BESIDE_END) && entry[0] == '.' &&
           strncmp(entry + 1, name, own) == 0 && entry[own + 1] == '.' &&
           strcmp(entry + length - strlen(BESIDE_END), BESIDE_END) == 0;
}

void file_write_sweep(const char *path)
{
    int folder = folder_open(path, NULL);
    int listed = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = listed < 0 ? NULL : fdopendir(listed);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        struct stat info;
        if (is_beside(entry->d_name, name_of(path)) &&
            fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
            time(NULL) - info.st_mtime > OLD_SECONDS)
            unlinkat(folder, entry->d_name, 0);
    }
    if (entries != NULL)
        closedir(entries);
    else if (listed >= 0)
        close(listed);
    if (folder >= 0)
        close(folder);
}

int file_write_open(struct file_write *w, const char *path, struct sft_error *err)
{
    w->path = path;
    w->name = name_of(path);
    w->failed = 0;
    w->used = 0;
    if (file_write_check(path, err) < 0 || (w->folder = folder_open(path, err)) < 0)
        return -1;
    for (int i = 0; i < TRIES; i++) {
        uint32_t random = (uint32_t)getpid() * TRIES + (uint32_t)i;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
            errno = 0; /* the number is as good as any that is not taken */
        snprintf(w->beside, sizeof w->beside, ".%s.%08x" BESIDE_END, w->name, random);
        w->file = openat(w->folder, w->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         0666);
        if (w->file >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    w->failed = errno;
    close(w->folder);
    return file_write_cannot(path, w->failed, err);
}

/* A write may take a part: the rest follows, or brings the reason. */
int file_write_all(int file, const char *bytes, size_t size, long offset)
{
    while (size > 0) {
        ssize_t written = offset < 0 ? write(file, bytes, size) : pwrite(file, bytes, size, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written == 0)
            errno = EIO;
        if (written <= 0)
            return -1;
        bytes += written;
        size -= (size_t)written;
        offset += offset < 0 ? 0 : written;
    }
    return 0;
}

static void flush(struct file_write *w)
{
    if (w->failed == 0 && file_write_all(w->file, w->buffer, w->used, -1) < 0)
        w->failed = errno;
    w->used = 0;
}

void file_write_put(struct file_write *w, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t part = sizeof w->buffer - w->used;
        if (part > size)
            part = size;
        memcpy(w->buffer + w->used, bytes, part);
        w->used += part;
        bytes += part;
        size -= part;
        if (w->used == sizeof w->buffer)
            flush(w);
    }
}

void file_write_print(struct file_write *w, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length >= 0)
        file_write_put(w, text, (size_t)length);
    else if (w->failed == 0)
        w->failed = ENOMEM;
    if (length >= 0)
        free(text);
}

/* Some file servers tell of a full disk when a file is synced or closed. */
int file_write_close(struct file_write *w, bool durable, struct sft_error *err)
{
    flush(w);
    if (w->failed == 0 && durable && fsync(w->file) < 0 && errno != EINVAL)
        w->failed = errno;
    if (close(w->file) < 0 && w->failed == 0)
        w->failed = errno;
    if (w->failed == 0 && renameat(w->folder, w->beside, w->folder, w->name) < 0)
        w->failed = errno;
    if (w->failed != 0)
        unlinkat(w->folder, w->beside, 0);
    close(w->folder);
    return w->failed == 0 ? 0 : file_write_cannot(w->path, w->failed, err);
}
