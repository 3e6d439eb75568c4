/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LEFTOVERS = 3, NAME = 96 };

struct leftover {
    const char *folder;
    mode_t type;
    char name[NAME];
};

void leftovers_client(const struct leftovers *left, char *name, size_t size)
{
    snprintf(name, size, "spmix_appdir_%u_%d.%d", (unsigned)left->uid, (int)left->job_id,
             (int)left->step_id);
}

/* As src/plugins/mpi/pmix names them in every release from 21.08 to 26.05. The client's folder
 * stands first: it alone may be another's, and a refusal has to come before anything is moved. */
static void leftovers_names(const struct leftovers *left, struct leftover list[LEFTOVERS])
{
    int job = (int)left->job_id, step = (int)left->step_id;
    list[0] = (struct leftover){.folder = left->tmp, .type = S_IFDIR};
    list[1] = (struct leftover){.folder = left->spool, .type = S_IFDIR};
    list[2] = (struct leftover){.folder = left->spool, .type = S_IFSOCK};
    leftovers_client(left, list[0].name, NAME);
    snprintf(list[1].name, NAME, "pmix.%d.%d", job, step);
    snprintf(list[2].name, NAME, "stepd.slurm.pmix.%d.%d", job, step);
}

static const char *leftovers_kind(mode_t mode)
{
    return S_ISLNK(mode)    ? "a symbolic link"
           : S_ISDIR(mode)  ? "a folder"
           : S_ISREG(mode)  ? "a file"
           : S_ISSOCK(mode) ? "a socket"
                            : "of a strange kind";
}

/* Is the name taken, and by something that may be moved? 0: free, 1: taken, -1: leave it. */
static int leftovers_look(const struct leftovers *left, const struct leftover *one, int folder,
                          struct sft_error *err)
{
    struct stat st;
    if (fstatat(folder, one->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT
                   ? 0
                   : sft_error_set(err, "%s/%s: %s", one->folder, one->name, strerror(errno));
    if ((st.st_mode & S_IFMT) != one->type)
        return sft_error_set(err, "%s/%s is in the way of Slurm's PMIx plugin and is %s: remove it",
                             one->folder, one->name, leftovers_kind(st.st_mode));
    if (st.st_uid != 0 && st.st_uid != left->uid)
        return sft_error_set(err,
                             "%s/%s is in the way of Slurm's PMIx plugin and belongs to uid "
                             "%u: remove it",
                             one->folder, one->name, (unsigned)st.st_uid);
    return 1;
}

/* Only where the new name is free, which is all but certain. NFS has no such rename. */
static int leftovers_rename(const struct leftover *one, int folder, struct sft_error *err)
{
    char aside[NAME + 64];
    snprintf(aside, sizeof aside, "%s.aside.%lld.%d", one->name, (long long)time(NULL),
             (int)getpid());
    int rc = renameat2(folder, one->name, folder, aside, RENAME_NOREPLACE);
    if (rc < 0 && (errno == EINVAL || errno == ENOSYS))
        rc = renameat(folder, one->name, folder, aside);
    return rc == 0 ? 1
                   : sft_error_set(err, "%s/%s, left by an earlier run of this step: rename: %s",
                                   one->folder, one->name, strerror(errno));
}

/* Does a slurmstepd of our own slurmd still listen for this step? It hangs at the end of an earlier
 * run: Slurm would not begin the step again before that run was over. */
static bool leftovers_hangs(const struct leftovers *left, const struct leftover *socket_of)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", left->spool, socket_of->name);
    if (length >= (int)sizeof address.sun_path)
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return answers;
}

static int leftovers_in(const struct leftovers *left, const struct leftover list[LEFTOVERS],
                        const struct leftover *one, struct sft_error *err)
{
    char who[64];
    int folder = open(one->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return 0; /* Slurm will say so itself */
    int rc = leftovers_look(left, one, folder, err);
    if (rc == 1 && one == &list[0] && leftovers_lives(left, folder, who, sizeof who) &&
        !leftovers_hangs(left, &list[2]))
        rc = sft_error_set(err,
                           "%s/%s belongs to a step %u.%u that runs (%s): give each cluster "
                           "and each slurmd a TmpFS of its own in slurm.conf",
                           one->folder, one->name, left->job_id, left->step_id, who);
    if (rc == 1)
        rc = leftovers_rename(one, folder, err);
    close(folder);
    return rc;
}

/* The rights of files are this thread's own, so nobody else in slurmstepd is disturbed. */
static int leftovers_as(const struct leftovers *left, const struct leftover list[LEFTOVERS],
                        const struct leftover *one, struct sft_error *err)
{
    if (one != &list[0] || !left->tmp_is_users)
        return leftovers_in(left, list, one, err);
    int gid = setfsgid(left->gid), uid = setfsuid(left->uid);
    int rc = leftovers_in(left, list, one, err);
    setfsuid((uid_t)uid);
    setfsgid((gid_t)gid);
    return rc;
}

int leftovers_put_aside(const struct leftovers *left, struct sft_error *err)
{
    struct leftover list[LEFTOVERS];
    int moved = 0;
    leftovers_names(left, list);
    for (int i = 0; i < LEFTOVERS; i++) {
        int rc = leftovers_as(left, list, &list[i], err);
        if (rc < 0)
            return -1;
        moved += rc;
    }
    return moved;
}

/* The value behind `key =`, without quotes and comment, in the line's memory; NULL: another key. */
static char *leftovers_value(char *line, const char *key)
{
    size_t length = strlen(key);
    line[strcspn(line, "#\n")] = '\0';
    line += strspn(line, " \t");
    if (strncasecmp(line, key, length) != 0)
        return NULL;
    line += length + strspn(line + length, " \t");
    if (*line++ != '=')
        return NULL;
    line += strspn(line, " \t\"");
    line[strcspn(line, " \t\"\r")] = '\0';
    return line;
}

bool leftovers_mpi_conf(const char *slurm_conf, char *base, size_t size)
{
    char path[PATH_MAX], line[PATH_MAX + 64];
    bool found = false;
    const char *slash = strrchr(slurm_conf, '/');
    if (slash == NULL || snprintf(path, sizeof path, "%.*s/mpi.conf", (int)(slash - slurm_conf),
                                  slurm_conf) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = leftovers_value(line, "PMIxCliTmpDirBase");
        if (value != NULL && value[0] == '/' && strlen(value) < size) {
            strcpy(base, value);
            found = true;
        }
    }
    if (file != NULL)
        fclose(file);
    return found;
}
