/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/leave.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* HIERARCHY:CONTROLLERS:PATH, without controllers in cgroup v2. Slurm's paths have a /job_N in
 * both. */
int leave_file(const char *line, const char *mount, char *path, size_t size)
{
    const char *controllers = strchr(line, ':');
    const char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL || strstr(group, "/job_") == NULL)
        return -1;
    int length = (int)(group - controllers - 1);
    const char *name = controllers + 1;
    if (length > 5 && strncmp(name, "name=", 5) == 0) {
        name += 5;
        length -= 5;
    }
    int used =
        snprintf(path, size, "%s%s%.*s/cgroup.procs", mount, length > 0 ? "/" : "", length, name);
    return used < 0 || (size_t)used >= size ? -1 : 0;
}

void leave_groups(void)
{
    char line[4096], path[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (leave_file(line, "/sys/fs/cgroup", path, sizeof path) < 0)
            continue;
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        ssize_t written = write(fd, "0", 1);
        (void)written;
        close(fd);
    }
    if (file != NULL)
        fclose(file);
}
