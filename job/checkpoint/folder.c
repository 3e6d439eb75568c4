/* SPDX-License-Identifier: Apache-2.0 */
#include "job/checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "job/weights/save_folder.h"

#define STEP "step-"
#define BESIDE ".new-"
#define FINISHED "finished"

enum { OLD_SECONDS = 600 /* a file is written to more often: its writer is gone */ };

static int cannot(const char *path, const char *what, struct sft_error *err)
{
    return sft_error_set(err, "checkpoint=%.300s: %s: %s", path, what, strerror(errno));
}

int folder_check(const char *path, uint64_t bytes, struct sft_error *err)
{
    char there[PATH_MAX];
    struct statvfs room;
    struct stat info;
    if ((size_t)snprintf(there, sizeof there, "%s", path) >= sizeof there - NAME_MAX)
        return sft_error_set(err, "checkpoint=%.300s...: its name is too long", path);
    if (lstat(there, &info) < 0) {
        if (errno != ENOENT)
            return cannot(path, "cannot look at it", err);
        size_t end = strlen(path);
        while (end > 0 && path[end - 1] == '/')
            end--;
        while (end > 0 && path[end - 1] != '/')
            end--;
        snprintf(there, sizeof there, "%.*s", end > 0 ? (int)end : 1, end > 0 ? path : ".");
    } else if (stat(there, &info) < 0 || !S_ISDIR(info.st_mode)) {
        return sft_error_set(err, "checkpoint=%.300s: is no folder: name one", path);
    }
    if (access(there, W_OK | X_OK) < 0)
        return cannot(path, "cannot be written to", err);
    if (statvfs(there, &room) < 0)
        return cannot(path, "cannot ask for its room", err);
    double left = (double)room.f_bavail * (double)room.f_frsize;
    if (left < (double)bytes)
        return sft_error_set(err,
                             "checkpoint=%.300s: %.4g GB will be written, and %.4g are free there",
                             path, (double)bytes / 1e9, left / 1e9);
    return 0;
}

void folder_step_path(const char *path, long long step, char to[PATH_MAX])
{
    snprintf(to, PATH_MAX, "%.*s/" STEP "%lld", PATH_MAX - 64, path, step);
}

/* The number behind step-; -1: it is another name. */
static long long step_of(const char *name)
{
    char *end;
    if (strncmp(name, STEP, strlen(STEP)) != 0)
        return -1;
    const char *digits = name + strlen(STEP);
    long long step = strtoll(digits, &end, 10);
    return digits[0] < '1' || digits[0] > '9' || *end != '\0' || strlen(digits) > 15 ? -1 : step;
}

/* By number from the highest; the lowest falls out where there are too many. */
static int step_insert(long long steps[FOLDER_STEPS], int count, long long step)
{
    int at = count < FOLDER_STEPS ? count : FOLDER_STEPS - 1;
    if (count == FOLDER_STEPS && steps[at] > step)
        return count;
    for (; at > 0 && steps[at - 1] < step; at--)
        steps[at] = steps[at - 1];
    steps[at] = step;
    return count < FOLDER_STEPS ? count + 1 : count;
}

int folder_steps(const char *path, long long steps[FOLDER_STEPS], struct sft_error *err)
{
    struct dirent *entry;
    int count = 0;
    DIR *entries = opendir(path);
    if (entries == NULL)
        return errno == ENOENT ? 0 : cannot(path, "cannot be read", err);
    while ((entry = readdir(entries)) != NULL) {
        long long step = step_of(entry->d_name);
        if (step > 0)
            count = step_insert(steps, count, step);
    }
    closedir(entries);
    return count;
}

/* Of another job's: the last change of it, or of a file in it. */
static time_t last_change(const char *path)
{
    struct stat info;
    struct dirent *entry;
    time_t last = stat(path, &info) == 0 ? info.st_mtime : time(NULL);
    DIR *entries = opendir(path);
    while (entries != NULL && (entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, "..") != 0 &&
            fstatat(dirfd(entries), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            info.st_mtime > last)
            last = info.st_mtime;
    if (entries != NULL)
        closedir(entries);
    return last;
}

static void folder_sweep(const char *path, const char *job)
{
    struct dirent *entry;
    char mine[64], whole[PATH_MAX];
    DIR *entries = opendir(path);
    snprintf(mine, sizeof mine, BESIDE "%.23s-", job);
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (strncmp(entry->d_name, "." STEP, strlen("." STEP)) != 0 ||
            strstr(entry->d_name, BESIDE) == NULL ||
            (size_t)snprintf(whole, sizeof whole, "%s/%s", path, entry->d_name) >= sizeof whole)
            continue;
        if ((job[0] != '\0' && strstr(entry->d_name, mine) != NULL) ||
            time(NULL) - last_change(whole) > OLD_SECONDS)
            save_folder_remove(whole);
    }
    if (entries != NULL)
        closedir(entries);
}

int folder_make(const char *path, const char *job, struct sft_error *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return cannot(path, "cannot be made", err);
    folder_sweep(path, job);
    return 0;
}

int folder_begin(const char *path, const char *job, long long step, char beside[PATH_MAX],
                 struct sft_error *err)
{
    mode_t mask = umask(0);
    umask(mask);
    if ((size_t)snprintf(beside, PATH_MAX, "%s/." STEP "%lld" BESIDE "%.23s-XXXXXX", path, step,
                         job) >= PATH_MAX) {
        beside[0] = '\0';
        return sft_error_set(err, "checkpoint=%.300s: its name is too long", path);
    }
    if (mkdtemp(beside) != NULL && chmod(beside, 0777 & ~mask) == 0)
        return 0;
    beside[0] = '\0';
    return cannot(path, "cannot be written to", err);
}

int folder_commit(const char *path, long long step, const char *beside, struct sft_error *err)
{
    char name[PATH_MAX];
    folder_step_path(path, step, name);
    if (save_folder_sync(beside) < 0)
        return cannot(path, "cannot be written to", err);
    int failed = rename(beside, name);
    if (failed < 0 && (errno == ENOTEMPTY || errno == EEXIST)) {
        save_folder_remove(name);
        failed = rename(beside, name);
    }
    return failed < 0 || save_folder_sync(path) < 0
               ? cannot(path, "a checkpoint takes no name", err)
               : 0;
}

void folder_prune(const char *path, long long step, int keep, int others)
{
    long long steps[FOLDER_STEPS];
    char name[PATH_MAX];
    int count = folder_steps(path, steps, NULL);
    for (int i = 0, kept = 0; i < count; i++) {
        folder_step_path(path, steps[i], name);
        if (steps[i] > step ? others : kept >= keep)
            save_folder_remove(name);
        kept += steps[i] <= step;
    }
}

void folder_finish(const char *path, long long step)
{
    char name[PATH_MAX + 16];
    folder_step_path(path, step, name);
    strcat(name, "/" FINISHED);
    int file = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file >= 0)
        close(file);
}

int folder_is_finished(const char *path, long long step)
{
    char name[PATH_MAX + 16];
    folder_step_path(path, step, name);
    strcat(name, "/" FINISHED);
    return access(name, F_OK) == 0;
}
