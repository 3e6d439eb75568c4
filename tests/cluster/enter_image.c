/* SPDX-License-Identifier: Apache-2.0 */
/* A SPANK plugin for tests/cluster/image.bats: puts the tasks of a step into a folder with an
 * image's root, where and how pyxis does it: as root in slurm_spank_task_init_privileged, by a
 * mount namespace with /proc, /sys, /dev, /tmp, PMIx's folder and the lines of an enroot fstab.
 * What the image says of the environment comes before, in slurm_spank_user_init. Arguments: IMAGE
 * FSTAB. Only where the user has SFT_TEST_IMAGE, whose value, where it is not 1, is what the image
 * says of NCCL_SOCKET_IFNAME. */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

SPANK_PLUGIN(enter_image, 1)

static char says[32];

static int wanted(spank_t spank, int ac)
{
    return spank_remote(spank) == 1 && ac == 2 &&
           spank_getenv(spank, "SFT_TEST_IMAGE", says, sizeof says) == ESPANK_SUCCESS;
}

/* The place in the image is there already. */
static int bind_in(const char *image, const char *path)
{
    char inside[PATH_MAX];
    snprintf(inside, sizeof inside, "%s%s", image, path);
    if (mount(path, inside, NULL, MS_BIND | MS_REC, NULL) == 0)
        return 0;
    slurm_error("enter_image: %s: %m", inside);
    return -1;
}

static int bind_lines(const char *image, const char *fstab)
{
    char line[PATH_MAX], path[PATH_MAX];
    int rc = 0;
    FILE *file = fopen(fstab, "re");
    while (file != NULL && rc == 0 && fgets(line, sizeof line, file) != NULL)
        if (line[0] == '/' && sscanf(line, "%4095s", path) == 1)
            rc = bind_in(image, path);
    if (file == NULL)
        return -1;
    fclose(file);
    return rc;
}

int slurm_spank_user_init(spank_t spank, int ac, char **av)
{
    (void)av;
    if (wanted(spank, ac) && strcmp(says, "1") != 0)
        spank_setenv(spank, "NCCL_SOCKET_IFNAME", says, 1);
    return 0;
}

int slurm_spank_task_init_privileged(spank_t spank, int ac, char **av)
{
    static const char *const own[] = {"/proc", "/sys", "/dev", "/tmp"};
    if (!wanted(spank, ac))
        return 0;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1;
    for (int i = 0; i < 4; i++)
        if (bind_in(av[0], own[i]) < 0)
            return -1;
    return bind_lines(av[0], av[1]) == 0 && chroot(av[0]) == 0 && chdir("/") == 0 ? 0 : -1;
}
