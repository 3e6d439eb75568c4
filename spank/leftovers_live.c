/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a folder of PMIx's clients is in use. Slurm itself leaves no mark in it, and clusters
 * number their steps alike; so a step of ours locks its folder, and a step of others, which does
 * not, is known by its slurmstepd's title and the time at which it began. */
#include "config.h"
#include "spank/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Slurm's PMIx plugin makes the folder soon after slurmstepd began: seconds, and some for bad days.
 */
enum { NAME = 96, TEXT = 1024, LIVE_BEFORE = 2, LIVE_AFTER = 60 };

/* Kept open until this process ends. */
static int live_lock = -1;

void leftovers_hold(const struct leftovers *left)
{
    char name[NAME];
    int folder = live_lock < 0 ? open(left->tmp, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0)
        return;
    leftovers_client(left, name, sizeof name);
    live_lock = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (live_lock >= 0)
        flock(live_lock, LOCK_SH | LOCK_NB);
    close(folder);
}

/* Without an end mark: the files of /proc that are read here are short. */
static bool live_read(const struct leftovers *left, const char *pid, const char *file,
                      char text[TEXT])
{
    char path[512];
    text[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s/%s", left->proc, pid, file) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, TEXT - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* `slurmstepd: [12.0]` is the title while step 0 of job 12 is served. Its name tells the daemon
 * from our keeper, which bears the title, too. */
static bool live_serves(const struct leftovers *left, const char *pid, const char *program)
{
    char text[TEXT], title[64], name[32];
    snprintf(title, sizeof title, "slurmstepd: [%u.%u]", left->job_id, left->step_id);
    snprintf(name, sizeof name, "%s\n", program);
    return live_read(left, pid, "comm", text) && strcmp(text, name) == 0 &&
           live_read(left, pid, "cmdline", text) && strncmp(text, title, strlen(title)) == 0;
}

/* Seconds since 1970 at which the process began; 0: not known. It is the 20th number behind the
 * name's `)`. */
static long long live_began(const struct leftovers *left, const char *pid)
{
    char text[TEXT];
    struct timespec boot, now;
    const char *at = live_read(left, pid, "stat", text) ? strrchr(text, ')') : NULL;
    for (int i = 0; at != NULL && i < 20; i++)
        at = strchr(at + 1, ' ');
    if (at == NULL || clock_gettime(CLOCK_BOOTTIME, &boot) < 0 ||
        clock_gettime(CLOCK_REALTIME, &now) < 0)
        return 0;
    return now.tv_sec - boot.tv_sec + strtoll(at, NULL, 10) / sysconf(_SC_CLK_TCK);
}

/* Seconds since 1970 at which the folder was made; where the file system does not say, changed. */
static long long live_made(int folder, const char *name)
{
    struct statx st;
    if (statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_MTIME, &st) < 0)
        return 0;
    return (st.stx_mask & STATX_BTIME) != 0 ? st.stx_btime.tv_sec : st.stx_mtime.tv_sec;
}

static bool live_locked(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

/* Steps of that number: how many have a keeper, and so would lock their folder; the last slurmstepd
 * that began when the folder was made. */
struct live {
    int daemons, keepers;
    long near; /* 0: none */
};

static void live_count(const struct leftovers *left, long long made, struct live *live)
{
    DIR *all = opendir(left->proc);
    struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL) {
        const char *pid = entry->d_name;
        if (!isdigit((unsigned char)pid[0]) || strtol(pid, NULL, 10) == (long)getpid())
            continue;
        live->keepers += live_serves(left, pid, "sft-keeper");
        if (!live_serves(left, pid, "slurmstepd"))
            continue;
        live->daemons++;
        long long after = made - live_began(left, pid);
        if (after >= -LIVE_BEFORE && after <= LIVE_AFTER)
            live->near = strtol(pid, NULL, 10);
    }
    if (all != NULL)
        closedir(all);
}

bool leftovers_lives(const struct leftovers *left, int folder, char *who, size_t size)
{
    char name[NAME];
    struct live live = {0};
    leftovers_client(left, name, sizeof name);
    if (live_locked(folder, name)) {
        snprintf(who, size, "its slurmstepd has locked it");
        return true;
    }
    live_count(left, live_made(folder, name), &live);
    snprintf(who, size, "slurmstepd, process %ld", live.near);
    return live.near != 0 && live.keepers < live.daemons;
}
