/* SPDX-License-Identifier: Apache-2.0 */
/* Is what a process executes the site's program, unchanged? Looked up as root in /proc while it
 * runs: the file itself, and every library in its memory. It says what a process is at that moment
 * and nothing of what debuggers or other processes of the same user do to it. */
#ifndef SFT_SPANK_PROGRAM_H
#define SFT_SPANK_PROGRAM_H

#include <sys/types.h>

#define PROGRAM_TEXT 80
#define PROGRAM_GROUPS 64

/* Whose job it is, and what it should execute. */
struct program_site {
    char path[1024]; /* absolute; "" not known: then no verdict is given */
    uid_t uid;       /* 0 may change everything: of root's own jobs only the file is compared */
    gid_t group[PROGRAM_GROUPS];
    int groups;
};

enum program_verdict {
    PROGRAM_UNSEEN, /* not executed yet, or gone */
    PROGRAM_SITE,   /* text "site" */
    PROGRAM_SCRIPT, /* "script": the site's program is one, and what it starts is not looked at */
    PROGRAM_WRONG,  /* "other:NAME"; "writable:NAME", which the job's user can change or replace;
                     * "library:NAME", code of the user's in the site's program */
};

/* Look at the process whose /proc folder is open as `proc`. `ours` is the same of a process that
 * has yet to execute it (of which it is a copy): -1 for none. */
enum program_verdict program_look(const struct program_site *site, int proc, int ours,
                                  char text[PROGRAM_TEXT]);

#endif
