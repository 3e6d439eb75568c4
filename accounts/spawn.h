/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs: started without a shell, their output read. */
#ifndef ACCOUNTS_SPAWN_H
#define ACCOUNTS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

struct spawn {
    const char *program; /* argv[0], for messages */
    pid_t pid;
    int fd;   /* its stdout */
    int said; /* its stderr, kept until it has ended; -1: it is ours */
};

/* Start argv (ended by NULL; found on PATH), stdin from /dev/null or, with input, from that text,
 * which must be at most SPAWN_INPUT bytes: it is written before anything is read. */
#define SPAWN_INPUT 65536
int spawn_start(struct spawn *spawn, const char *const *argv, const char *input,
                struct sft_error *err);

/* Close what is left of its output and wait. Fails when it was killed or its status is not 0, with
 * its own words in the one line; of a program that went well they go to our stderr. */
int spawn_finish(struct spawn *spawn, struct sft_error *err);

/* Start, read all and finish. *text is for free(), ends with a NUL beside its *length, and is NULL
 * on failure. */
int spawn_read(const char *const *argv, const char *input, char **text, size_t *length,
               struct sft_error *err);

/* Run a program whose words nobody needs to the end: its stdout and stderr go to /dev/null. */
int spawn_quiet(const char *const *argv, struct sft_error *err);

/* Read a descriptor to its end, as spawn_read has it; `what` names it in messages. */
int spawn_read_fd(int fd, const char *what, char **text, size_t *length, struct sft_error *err);

/* Is there a program of that name on PATH, or, with a slash in it, at that path? */
int spawn_has(const char *program);

/* Is there an executable, or a folder, of that name in the running program's own folder? Its path
 * then. */
bool spawn_beside(const char *name, char *path, size_t size);

/* The program that the environment's variable names, else this one. */
const char *spawn_program(const char *variable, const char *otherwise);

#endif
