/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool in_group(const struct program_site *site, gid_t group)
{
    for (int i = 0; i < site->groups; i++)
        if (site->group[i] == group)
            return true;
    return false;
}

/* Access lists are not read: they widen what the group's bits show, and the group's bits are their
 * mask. */
static bool can_change(const struct program_site *site, const struct stat *file)
{
    if (site->uid == 0)
        return false;
    if (file->st_uid == site->uid)
        return true;
    if (S_ISDIR(file->st_mode) &&
        (file->st_mode & S_ISVTX)) /* nobody replaces others' files there */
        return false;
    return (file->st_mode & S_IWOTH) || ((file->st_mode & S_IWGRP) && in_group(site, file->st_gid));
}

/* The file, or a folder on the way to it, in which another could take its place. */
static bool can_replace(const struct program_site *site)
{
    char path[PATH_MAX];
    struct stat file;
    if (realpath(site->path, path) == NULL)
        return true;
    for (char *end = path + strlen(path); end != NULL; end = strrchr(path, '/')) {
        *end = '\0';
        if (stat(*path == '\0' ? "/" : path, &file) < 0 || can_change(site, &file))
            return true;
    }
    return false;
}

static bool is_script(const char *path)
{
    char magic[2] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = file < 0 ? -1 : read(file, magic, sizeof magic);
    if (file >= 0)
        close(file);
    return got == (ssize_t)sizeof magic && memcmp(magic, "#!", sizeof magic) == 0;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static enum program_verdict wrong(char *text, const char *kind, const char *path)
{
    snprintf(text, PROGRAM_TEXT, "%s:%.60s", kind, name_of(path));
    return PROGRAM_WRONG;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A line of /proc/PID/maps: the path of a file that is executed there, or NULL. Files of the
 * kernel's own making and devices have no owner to ask for; code that a library made in memory has
 * no file. */
static char *line_code(char *line)
{
    char *rights = strchr(line, ' '), *path = strchr(line, '/');
    if (rights == NULL || path == NULL || rights[3] != 'x' || strncmp(path, "/memfd:", 7) == 0 ||
        strncmp(path, "/dev/", 5) == 0)
        return NULL;
    path[strcspn(path, "\n")] = '\0';
    return path;
}

/* Code that can no longer be looked at is not taken for the site's. */
static bool code_is_users(const struct program_site *site, int proc, const char *path)
{
    char inside[PATH_MAX + 8];
    struct stat file;
    snprintf(inside, sizeof inside, "root%s", path);
    return fstatat(proc, inside, &file, 0) < 0 || can_change(site, &file);
}

static enum program_verdict libraries_look(const struct program_site *site, int proc, char *text)
{
    char *line = NULL;
    size_t room = 0;
    enum program_verdict verdict = PROGRAM_SITE;
    int maps = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
    FILE *lines = maps < 0 ? NULL : fdopen(maps, "r");
    if (lines == NULL) {
        if (maps >= 0)
            close(maps);
        return PROGRAM_UNSEEN;
    }
    while (verdict == PROGRAM_SITE && getline(&line, &room, lines) > 0) {
        const char *path = line_code(line);
        if (path != NULL && code_is_users(site, proc, path))
            verdict = wrong(text, "library", path);
    }
    free(line);
    fclose(lines);
    return verdict;
}

enum program_verdict program_look(const struct program_site *site, int proc, int ours,
                                  char text[PROGRAM_TEXT])
{
    struct stat executes, should, before;
    char path[PATH_MAX] = "";
    text[0] = '\0';
    if (site->path[0] == '\0')
        return PROGRAM_UNSEEN;
    if (fstatat(proc, "exe", &executes, 0) < 0 ||
        readlinkat(proc, "exe", path, sizeof path - 1) < 0 ||
        (ours >= 0 && fstatat(ours, "exe", &before, 0) == 0 && same_file(&executes, &before)))
        return PROGRAM_UNSEEN;
    if (is_script(site->path)) {
        strcpy(text, "script");
        return PROGRAM_SCRIPT;
    }
    if (stat(site->path, &should) < 0 || !same_file(&executes, &should))
        return wrong(text, "other", path);
    if (can_replace(site))
        return wrong(text, "writable", path);
    enum program_verdict verdict = site->uid == 0 ? PROGRAM_SITE : libraries_look(site, proc, text);
    if (verdict == PROGRAM_SITE)
        strcpy(text, "site");
    return verdict;
}
