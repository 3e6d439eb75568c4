/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSFS_SCAN 4096 /* entries of a folder that are looked at */

/* A cut path would name another file. */
static int sysfs_path(char *path, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(path, size, format, arguments);
    return length >= 0 && (size_t)length < size ? 0 : -1;
}

/* Read up to size - 1 bytes, or, of a short file, up to the first read that ends a line; a FIFO or
 * a device is not waited for. */
static int sysfs_read(int folder, char *buffer, size_t size, const char *path, bool line)
{
    struct stat status;
    size_t length = 0;
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    buffer[0] = '\0';
    if (fd < 0)
        return -1;
    bool more = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    while (more && length + 1 < size) {
        ssize_t got = read(fd, buffer + length, size - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += (size_t)got;
        more = !line || memchr(buffer, '\n', length) == NULL;
    }
    close(fd);
    buffer[length] = '\0';
    return (int)length;
}

static int sysfs_first_line(int folder, char *buffer, size_t size, const char *path)
{
    int length = sysfs_read(folder, buffer, size, path, true);
    if (length <= 0)
        return length;
    buffer[strcspn(buffer, "\n")] = '\0';
    return (int)strlen(buffer);
}

int sysfs_line(char *buffer, size_t size, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    buffer[0] = '\0';
    return rc < 0 ? -1 : sysfs_first_line(AT_FDCWD, buffer, size, path);
}

int sysfs_folder(const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    return rc < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int sysfs_line_of(int folder, int number, char *buffer, size_t size)
{
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    buffer[0] = '\0';
    return folder < 0 ? -1 : sysfs_first_line(folder, buffer, size, name);
}

int sysfs_number(int otherwise, const char *format, ...)
{
    char path[PATH_MAX], line[64], *end;
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    if (rc < 0 || sysfs_first_line(AT_FDCWD, line, sizeof line, path) <= 0)
        return otherwise;
    errno = 0;
    long number = strtol(line, &end, strncmp(line, "0x", 2) == 0 ? 16 : 10);
    return end == line || errno != 0 || number < INT_MIN || number > INT_MAX ? otherwise
                                                                             : (int)number;
}

int sysfs_lanes(int number)
{
    return number > 0 && number <= 64 ? number : 0;
}

static int sysfs_compare(const void *a, const void *b)
{
    return strverscmp(a, b);
}

int sysfs_names(char (*names)[SYSFS_NAME], int room, const char *format, ...)
{
    char path[PATH_MAX];
    struct dirent *entry;
    int count = 0;
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    DIR *list = rc == 0 ? opendir(path) : NULL;
    if (list == NULL)
        return 0;
    for (int seen = 0; count < room && seen < SYSFS_SCAN && (entry = readdir(list)) != NULL; seen++)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < SYSFS_NAME)
            strcpy(names[count++], entry->d_name);
    closedir(list);
    qsort(names, (size_t)count, sizeof names[0], sysfs_compare);
    return count;
}

/* Room for one more name; it grows by halves, since most folders are small. */
static int list_grow(struct sysfs_list *list, int *room)
{
    if (list->count < *room)
        return 0;
    *room = *room + *room / 2 + 64;
    char(*more)[SYSFS_NAME] = realloc(list->name, (size_t)*room * sizeof *more);
    if (more == NULL)
        return -1;
    list->name = more;
    return 0;
}

static int list_fill(struct sysfs_list *list, DIR *folder)
{
    struct dirent *entry;
    int room = 0, seen = 0;
    for (; seen < SYSFS_SCAN && (entry = readdir(folder)) != NULL; seen++) {
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= SYSFS_NAME)
            continue;
        if (list_grow(list, &room) < 0)
            return -1;
        strcpy(list->name[list->count++], entry->d_name);
    }
    list->cut = seen == SYSFS_SCAN;
    return 0;
}

int sysfs_list(struct sysfs_list *list, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    *list = (struct sysfs_list){.name = NULL};
    DIR *folder = rc == 0 ? opendir(path) : NULL;
    rc = folder != NULL ? list_fill(list, folder) : 0;
    if (folder != NULL)
        closedir(folder);
    if (list->count > 0)
        qsort(list->name, (size_t)list->count, sizeof list->name[0], sysfs_compare);
    if (rc < 0) {
        free(list->name);
        *list = (struct sysfs_list){.name = NULL};
    }
    return rc;
}

void sysfs_target(char *name, size_t size, const char *format, ...)
{
    char path[PATH_MAX], real[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    const char *slash = rc == 0 && realpath(path, real) != NULL ? strrchr(real, '/') : NULL;
    size_t length = slash != NULL ? strlen(slash + 1) : 0;
    name[0] = '\0';
    if (length > 0 && length < size)
        memcpy(name, slash + 1, length + 1);
}

char *sysfs_text(size_t *length, const char *format, ...)
{
    char path[PATH_MAX], *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int rc = sysfs_path(path, sizeof path, format, arguments);
    va_end(arguments);
    if (rc == 0)
        text = malloc(SYSFS_TEXT + 1);
    int got = text != NULL ? sysfs_read(AT_FDCWD, text, SYSFS_TEXT + 1, path, false) : -1;
    if (got < 0) {
        free(text);
        return NULL;
    }
    *length = (size_t)got;
    return text;
}
