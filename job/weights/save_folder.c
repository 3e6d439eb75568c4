/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/save_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "job/weights/save_config.h"
#include "lib/file_read.h"

enum { CARD_BEGIN = 1024, RENAMED = 32, OLD_SECONDS = 3600 };

#define BESIDE ".new-"     /* between a name and six letters */
#define WRITING ".writing" /* in a folder that is not whole yet */

static int cannot(const char *path, const char *what, struct sft_error *err)
{
    return sft_error_set(err, "save=%.300s: %s: %s", path, what, strerror(errno));
}

/* The folder that it stands in, and its own name, without slashes at its end. */
static int path_split(const char *path, char parent[PATH_MAX], char own[NAME_MAX + 1],
                      struct sft_error *err)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (length >= PATH_MAX - RENAMED || length - begin > NAME_MAX - RENAMED || begin == length ||
        (length - begin == 1 && path[begin] == '.') ||
        (length - begin == 2 && memcmp(path + begin, "..", 2) == 0))
        return sft_error_set(err, "save=%.300s: is no folder's name that could be made", path);
    snprintf(own, NAME_MAX + 1, "%.*s", (int)(length - begin), path + begin);
    size_t end = begin; /* of the folder's name */
    while (end > 1 && path[end - 1] == '/')
        end--;
    snprintf(parent, PATH_MAX, "%.*s", begin == 0 ? 1 : (int)end, begin == 0 ? "." : path);
    return 0;
}

static bool is_empty(const char *path)
{
    struct dirent *entry;
    DIR *entries = opendir(path);
    bool empty = entries != NULL;
    while (empty && (entry = readdir(entries)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (entries != NULL)
        closedir(entries);
    return empty;
}

/* The first name in the folder that no run can have given, in `name`; false: there is none. */
static bool has_others(const char *path, char name[NAME_MAX + 1])
{
    struct dirent *entry;
    bool found = false;
    DIR *entries = opendir(path);
    while (!found && entries != NULL && (entry = readdir(entries)) != NULL) {
        snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
        found = strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !save_has(name);
    }
    if (entries != NULL)
        closedir(entries);
    return found;
}

static bool is_saved(const char *path)
{
    char card[PATH_MAX];
    size_t size = 0;
    if (snprintf(card, sizeof card, "%s/" SAVE_CARD, path) >= PATH_MAX)
        return false;
    char *text = file_read(card, "save", CARD_BEGIN, &size, NULL);
    bool saved = text != NULL && strstr(text, SAVE_MARK) != NULL;
    free(text);
    return saved;
}

static int old_check(const char *path, struct sft_error *err)
{
    char name[NAME_MAX + 1];
    struct stat info;
    if (lstat(path, &info) < 0)
        return errno == ENOENT ? 0 : cannot(path, "cannot look at it", err);
    if (!S_ISDIR(info.st_mode))
        return sft_error_set(err, "save=%.300s: is %s: name a folder", path,
                             S_ISREG(info.st_mode) ? "a file" : file_what(info.st_mode));
    bool others = has_others(path, name);
    if (is_empty(path) || (!others && is_saved(path)))
        return 0;
    return sft_error_set(err,
                         "save=%.300s: has files that no run has saved%s%.100s: name a folder "
                         "that is missing or empty",
                         path, others ? ", as " : "", others ? name : "");
}

/* Without links and dots, as far as it is there; what is missing stays as it was written. */
static void path_whole(const char *path, char to[PATH_MAX])
{
    char text[PATH_MAX], real[PATH_MAX] = "/";
    snprintf(text, sizeof text, "%s%.*s", path[0] == '/' ? "" : "./", PATH_MAX - 3, path);
    size_t end = strlen(text);
    for (bool there = false; !there && end > 0; end -= !there) {
        char was = text[end];
        text[end] = '\0';
        there = (was == '\0' || was == '/') && realpath(text, real) != NULL;
        text[end] = was;
    }
    if (snprintf(to, PATH_MAX, "%s%s", strcmp(real, "/") == 0 && end > 0 ? "" : real, text + end) >=
        PATH_MAX)
        snprintf(to, PATH_MAX, "%s", path);
    for (size_t last = strlen(to); last > 1 && to[last - 1] == '/'; last--)
        to[last - 1] = '\0';
}

bool save_folder_holds(const char *path, const char *other)
{
    char whole[PATH_MAX], inside[PATH_MAX];
    path_whole(path, whole);
    path_whole(other, inside);
    size_t length = strlen(whole);
    return strncmp(whole, inside, length) == 0 && (inside[length] == '\0' || inside[length] == '/');
}

int save_folder_check(const char *path, uint64_t bytes, struct sft_error *err)
{
    char parent[PATH_MAX], own[NAME_MAX + 1];
    struct statvfs room;
    if (path_split(path, parent, own, err) < 0 || old_check(path, err) < 0)
        return -1;
    if (access(parent, W_OK | X_OK) < 0)
        return cannot(path, "cannot be made", err);
    if (statvfs(parent, &room) < 0)
        return cannot(path, "cannot ask for its room", err);
    double left = (double)room.f_bavail * (double)room.f_frsize;
    if (left < (double)bytes)
        return sft_error_set(err, "save=%.300s: %.4g GB will be written, and %.4g are free there",
                             path, (double)bytes / 1e9, left / 1e9);
    return 0;
}

/* Whoever opens and locks it finds that its writer is gone. -1: errno. */
static int lock_open(const char *beside, int flags)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" WRITING, beside) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
}

int save_folder_make(struct save_folder *folder, const char *path, struct sft_error *err)
{
    char parent[PATH_MAX], own[NAME_MAX + 1];
    mode_t mask = umask(0);
    umask(mask);
    folder->beside[0] = '\0';
    folder->lock = -1;
    if (path_split(path, parent, own, err) < 0)
        return -1;
    if (snprintf(folder->beside, PATH_MAX, "%s/.%s" BESIDE "XXXXXX", parent, own) >= PATH_MAX) {
        folder->beside[0] = '\0';
        return sft_error_set(err, "save=%.300s: its name is too long", path);
    }
    if (mkdtemp(folder->beside) == NULL) {
        folder->beside[0] = '\0';
        return cannot(path, "cannot be made", err);
    }
    folder->lock = lock_open(folder->beside, O_CREAT | O_EXCL);
    if (folder->lock < 0 || chmod(folder->beside, 0777 & ~mask) < 0)
        return cannot(path, "cannot be made", err);
    flock(folder->lock, LOCK_EX | LOCK_NB); /* where there are no locks, others see its age */
    return 0;
}

int save_folder_sync(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int failed = fsync(folder) < 0 && errno != EINVAL ? -1 : 0;
    close(folder);
    return failed;
}

void save_folder_remove(const char *beside)
{
    struct dirent *entry;
    DIR *entries = opendir(beside);
    while (entries != NULL && (entry = readdir(entries)) != NULL)
        unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries != NULL)
        closedir(entries);
    rmdir(beside);
}

void save_folder_drop(struct save_folder *folder)
{
    if (folder->beside[0] == '\0')
        return;
    save_folder_remove(folder->beside);
    if (folder->lock >= 0)
        close(folder->lock);
    folder->beside[0] = '\0';
    folder->lock = -1;
}

/* Both names change owners at once; where the file system cannot, the old one has another name for
 * a moment, and a crash in it leaves both, whole. Returns with the old one's name in `old`. */
static int names_exchange(const char *path, const char *beside, char old[PATH_MAX])
{
    snprintf(old, PATH_MAX, "%s", beside);
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    snprintf(old, PATH_MAX, "%.*s.old", PATH_MAX - 8, beside);
    if (rename(path, old) < 0)
        return -1;
    if (rename(beside, path) == 0)
        return 0;
    int failed = errno;
    rename(old, path);
    errno = failed;
    return -1;
}

/* It is whole from here on. */
static int folder_finish(struct save_folder *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/" WRITING, PATH_MAX - 16, folder->beside);
    if (unlink(path) < 0 || save_folder_sync(folder->beside) < 0)
        return -1;
    close(folder->lock);
    folder->lock = -1;
    return 0;
}

/* A model that is whole and cannot have its name stays, under one that no sweep takes. */
static int folder_leave(struct save_folder *folder, const char *parent, struct sft_error *err)
{
    char name[2 * PATH_MAX];
    const char *hidden = strrchr(folder->beside, '/') + 1;
    snprintf(name, sizeof name, "%s/%s", parent, hidden + 1);
    bool named = renameat2(AT_FDCWD, folder->beside, AT_FDCWD, name, RENAME_NOREPLACE) == 0 ||
                 (access(name, F_OK) < 0 && rename(folder->beside, name) == 0);
    save_folder_sync(parent);
    sft_error_suffix(err, "; the model is whole in %.300s", named ? name : folder->beside);
    folder->beside[0] = '\0';
    return -1;
}

/* It was looked at before the run, which may be days ago. */
int save_folder_commit(struct save_folder *folder, const char *path, struct sft_error *err)
{
    char parent[PATH_MAX], own[NAME_MAX + 1], name[2 * PATH_MAX], old[PATH_MAX] = "";
    struct stat info;
    if (path_split(path, parent, own, err) < 0)
        return -1;
    if (folder_finish(folder) < 0)
        return cannot(path, "cannot be written", err);
    if (old_check(path, err) < 0)
        return folder_leave(folder, parent, err);
    snprintf(name, sizeof name, "%s/%s", parent, own);
    int failed = lstat(name, &info) == 0 ? names_exchange(name, folder->beside, old)
                                         : rename(folder->beside, name);
    if (failed < 0) {
        cannot(path, "cannot take its name", err);
        return folder_leave(folder, parent, err);
    }
    folder->beside[0] = '\0';
    if (save_folder_sync(parent) < 0)
        return cannot(path, "cannot take its name", err);
    if (old[0] != '\0')
        save_folder_remove(old);
    return 0;
}

/* Could nobody be writing it any more? Where nobody can lock, what is old. */
static bool is_left(const char *beside, const struct stat *info, bool replaced)
{
    bool old = time(NULL) - info->st_mtime > OLD_SECONDS;
    int lock = lock_open(beside, 0);
    if (lock < 0) /* whole, or on the way to its lock */
        return errno == ENOENT && (is_empty(beside) ? old : replaced);
    bool left = flock(lock, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && old);
    close(lock);
    return left;
}

void save_folder_sweep(const char *path)
{
    char parent[PATH_MAX], own[NAME_MAX + 1], begin[NAME_MAX + 16], beside[PATH_MAX];
    struct dirent *entry;
    struct stat info;
    if (path_split(path, parent, own, NULL) < 0)
        return;
    bool replaced = is_saved(path);
    DIR *entries = opendir(parent);
    snprintf(begin, sizeof begin, ".%s" BESIDE, own);
    while (entries != NULL && (entry = readdir(entries)) != NULL)
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0 &&
            snprintf(beside, sizeof beside, "%s/%s", parent, entry->d_name) < PATH_MAX &&
            lstat(beside, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
            is_left(beside, &info, replaced))
            save_folder_remove(beside);
    if (entries != NULL)
        closedir(entries);
}
