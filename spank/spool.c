/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_HEAD "sft-bench spool 1"
#define SPOOL_FOLDER "sft-bench"

enum { SPOOL_SIZE = SFT_RECORD_MAX + 512 };

struct place {
    char *text;
    size_t size, used;
};

static void place_put(struct place *place, const char *word)
{
    for (; *word != '\0'; word++, place->used++)
        if (place->used + 1 < place->size)
            place->text[place->used] = *word;
}

int spool_place(const char *dir, const char *node, const char *host, char *path, size_t size)
{
    struct place place = {path, size, 0};
    for (; *dir != '\0'; dir++) {
        char letter[2] = {*dir, '\0'};
        if (dir[0] == '%' && (dir[1] == 'n' || dir[1] == 'h'))
            place_put(&place, *++dir == 'n' ? node : host);
        else
            place_put(&place, letter);
    }
    place_put(&place, "/" SPOOL_FOLDER);
    if (place.used >= size)
        return -1;
    path[place.used] = '\0';
    return 0;
}

/* Others could put files or links into a folder that is not ours alone. */
int spool_open(const char *path, bool make, struct sft_error *err)
{
    struct stat info;
    if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
        return sft_error_set(err, "%s: %s", path, strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 022) == 0)
        return fd;
    close(fd);
    errno = EPERM;
    return sft_error_set(err, "%s: it has to belong to user %u, who alone may write in it", path,
                         (unsigned)geteuid());
}

void spool_name(uint32_t job_id, uint32_t step_id, char name[SPOOL_NAME])
{
    snprintf(name, SPOOL_NAME, "%u.%u", job_id, step_id);
}

static int spool_put(int fd, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t done = write(fd, text, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done < 0 ? errno : ENOSPC;
            return -1;
        }
        text += done;
        length -= (size_t)done;
    }
    return fsync(fd);
}

static int spool_format(const struct spooled *s, char *text, size_t size)
{
    int length =
        snprintf(text, size,
                 SPOOL_HEAD "\ncluster %s\njob %u\nstep %u\ncomment %d\n"
                            "time %lld\nrecord %s\n",
                 s->cluster, s->job_id, s->step_id, s->comment, (long long)s->time, s->text);
    return length < 0 || (size_t)length >= size ? -1 : 0;
}

/* Under another name first, so that a file with a step's name is always whole. */
int spool_write(int folder, const struct spooled *spooled, struct sft_error *err)
{
    char name[SPOOL_NAME], temporary[SPOOL_NAME + 16], text[SPOOL_SIZE];
    spool_name(spooled->job_id, spooled->step_id, name);
    snprintf(temporary, sizeof temporary, ".%s.%d", name, (int)getpid());
    if (spool_format(spooled, text, sizeof text) < 0)
        return sft_error_set(err, "%s: the record is too long", name);
    unlinkat(folder, temporary, 0);
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", temporary, strerror(errno));
    int rc = spool_put(fd, text);
    close(fd);
    if (rc == 0 && renameat(folder, temporary, folder, name) == 0)
        return fsync(folder) == 0 ? 0 : sft_error_set(err, "%s: %s", name, strerror(errno));
    sft_error_set(err, "%s: %s", name, strerror(errno));
    unlinkat(folder, temporary, 0);
    return -1;
}

static int spool_slurp(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t got = 1;
    while (length + 1 < size && got != 0) {
        got = read(fd, text + length, size - 1 - length);
        if (got < 0 && errno != EINTR)
            return -1;
        length += got > 0 ? (size_t)got : 0;
    }
    text[length] = '\0';
    return 0;
}

static int spool_parse(const char *name, const char *text, struct spooled *s, struct sft_error *err)
{
    int comment = 0, at = 0;
    long long when = 0;
    if (sscanf(text,
               SPOOL_HEAD "\ncluster %127[^\n]\njob %u\nstep %u\ncomment %d\n"
                          "time %lld\nrecord %n",
               s->cluster, &s->job_id, &s->step_id, &comment, &when, &at) != 5 ||
        at == 0 || strlen(text + at) < 2 || text[strlen(text) - 1] != '\n' ||
        strlen(text + at) > sizeof s->text)
        return sft_error_set(err, "%s: no record of " SPOOL_HEAD, name);
    s->comment = comment != 0;
    s->time = (time_t)when;
    snprintf(s->text, sizeof s->text, "%.*s", (int)strcspn(text + at, "\n"), text + at);
    return 0;
}

int spool_read(int folder, const char *name, struct spooled *spooled, struct sft_error *err)
{
    char text[SPOOL_SIZE];
    struct stat info;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", name, strerror(errno));
    int rc = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid()
                 ? spool_slurp(fd, text, sizeof text)
                 : sft_error_set(err, "%s: no file of our own", name);
    if (rc < 0 && (err == NULL || err->text[0] == '\0'))
        sft_error_set(err, "%s: %s", name, strerror(errno));
    close(fd);
    return rc < 0 ? -1 : spool_parse(name, text, spooled, err);
}

int spool_remove(int folder, const char *name, struct sft_error *err)
{
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return sft_error_set(err, "%s: %s", name, strerror(errno));
    return fsync(folder) == 0 ? 0 : sft_error_set(err, "%s: %s", name, strerror(errno));
}

static bool spool_is_name(const char *name)
{
    unsigned job, step;
    int end = 0;
    return strspn(name, "0123456789.") == strlen(name) && strlen(name) < SPOOL_NAME &&
           sscanf(name, "%u.%u%n", &job, &step, &end) == 2 && name[end] == '\0';
}

static int spool_order(const void *a, const void *b)
{
    return strverscmp(a, b);
}

int spool_list(int folder, char (**names)[SPOOL_NAME], struct sft_error *err)
{
    int copy = dup(folder), count = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    *names = calloc(SPOOL_FILES, sizeof **names);
    if (dir == NULL || *names == NULL) {
        if (dir != NULL)
            closedir(dir);
        free(*names);
        *names = NULL;
        return sft_error_set(err, "folder of records: %s", strerror(errno));
    }
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < SPOOL_FILES;)
        if (spool_is_name(entry->d_name))
            snprintf((*names)[count++], SPOOL_NAME, "%s", entry->d_name);
    closedir(dir);
    qsort(*names, (size_t)count, sizeof **names, spool_order);
    return count;
}
