/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/loads.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOADS_SECONDS = 20, LOADS_HEADERS = 64 };

#define LOADS_ADVICE ": install what is missing there, or leave the node out with --exclude"

static int loads_there(const char *program, struct sft_error *err)
{
    struct stat file;
    if (stat(program, &file) < 0)
        return sft_error_set(err, "%.300s: %s" LOADS_ADVICE, program, strerror(errno));
    if (!S_ISREG(file.st_mode) || access(program, X_OK) < 0)
        return sft_error_set(
            err,
            "%.300s: no file that this user may execute: look at its rights there, "
            "or leave the node out with --exclude",
            program);
    return 0;
}

/* The loader that a program of this machine's kind asks for; false: it asks for none. */
static bool loads_loader(const char *program, char loader[PATH_MAX])
{
    Elf64_Ehdr head;
    Elf64_Phdr part;
    bool found = false;
    int file = open(program, O_RDONLY | O_CLOEXEC);
    bool elf = file >= 0 && pread(file, &head, sizeof head, 0) == (ssize_t)sizeof head &&
               memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64 &&
               head.e_phentsize == sizeof part;
    for (int i = 0; elf && !found && i < head.e_phnum && i < LOADS_HEADERS; i++) {
        off_t at = (off_t)(head.e_phoff + (size_t)i * sizeof part);
        found = pread(file, &part, sizeof part, at) == (ssize_t)sizeof part &&
                part.p_type == PT_INTERP && part.p_filesz > 1 && part.p_filesz < PATH_MAX;
    }
    if (found) {
        ssize_t length = pread(file, loader, part.p_filesz, (off_t)part.p_offset);
        found = length == (ssize_t)part.p_filesz && loader[length - 1] == '\0';
    }
    if (file >= 0)
        close(file);
    return found;
}

/* The variable makes glibc's loader tell all libraries, those that it does not find, too, and go no
 * further. Another loader might not know it, and start the program. */
static bool loads_is_glibc(const char *loader)
{
    const char *slash = strrchr(loader, '/'), *name = slash != NULL ? slash + 1 : loader;
    return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld64.so", 7) == 0;
}

static char **loads_environment(char *const *environment)
{
    int count = 0;
    while (environment[count] != NULL)
        count++;
    char **more = calloc((size_t)count + 2, sizeof *more);
    if (more == NULL)
        return NULL;
    memcpy(more + 1, environment, (size_t)count * sizeof *more);
    more[0] = "LD_TRACE_LOADED_OBJECTS=1";
    return more;
}

static void loads_child(const char *loader, const char *program, char *const *environment, int out)
{
    char *words[] = {(char *)(uintptr_t)loader, (char *)(uintptr_t)program, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    alarm(LOADS_SECONDS);
    char **traced = loads_environment(environment);
    if (traced != NULL)
        execve(loader, words, traced);
    _exit(0);
}

static void loads_collect(int from, char *text, size_t size)
{
    size_t length = 0;
    char rest[512];
    for (;;) {
        bool room = length + 1 < size;
        ssize_t got =
            read(from, room ? text + length : rest, room ? size - 1 - length : sizeof rest);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        length += room ? (size_t)got : 0;
    }
    text[length] = '\0';
}

static bool loads_ask(const char *loader, const char *program, char *const *environment,
                      char *answer, size_t size)
{
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        loads_child(loader, program, environment, ends[1]);
    close(ends[1]);
    if (child > 0) {
        loads_collect(ends[0], answer, size);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    return child > 0;
}

/* "libmpi.so.40" of "\tlibmpi.so.40 => not found", "GLIBC_2.38" of "... version `GLIBC_2.38' not
 * found (required by ...)"; 0 bytes of any other line. */
static int loads_missing(const char *line, size_t length, const char **name)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)length, line);
    const char *arrow = strstr(text, " => not found"), *version = strstr(text, ": version `");
    if (arrow != NULL) {
        size_t blank = strspn(text, " \t");
        *name = line + blank;
        return (int)((size_t)(arrow - text) - blank);
    }
    if (version == NULL || strstr(version, "' not found") == NULL)
        return 0;
    *name = line + (version - text) + strlen(": version `");
    return (int)strcspn(version + strlen(": version `"), "'");
}

int loads_read(const char *program, const char *answer, struct sft_error *err)
{
    char missing[400] = ", ";
    for (const char *line = answer; *line != '\0';) {
        const char *name = NULL;
        char word[200];
        size_t length = strcspn(line, "\n"), used = strlen(missing);
        int size = loads_missing(line, length, &name);
        if (size > 0) { /* each once, though several libraries may want it */
            snprintf(word, sizeof word, ", %.*s, ", size, name);
            if (strstr(missing, word) == NULL && used + strlen(word) - 2 < sizeof missing)
                strcpy(missing + used, word + 2);
        }
        line += length + (line[length] == '\n');
    }
    size_t used = strlen(missing);
    if (used == 2)
        return 0;
    return sft_error_set(err, "%.300s needs %.*s" LOADS_ADVICE, program, (int)used - 4,
                         missing + 2);
}

int loads_check(const char *program, char *const *environment, struct sft_error *err)
{
    static char answer[65536];
    char loader[PATH_MAX];
    if (strchr(program, '/') == NULL)
        return 0;
    if (loads_there(program, err) < 0)
        return -1;
    if (!loads_loader(program, loader) || !loads_is_glibc(loader))
        return 0;
    if (access(loader, X_OK) < 0)
        return sft_error_set(err, "%.300s needs %.200s" LOADS_ADVICE, program, loader);
    return loads_ask(loader, program, environment, answer, sizeof answer)
               ? loads_read(program, answer, err)
               : 0;
}
