/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a node's /sys, /proc and NCCL's own files, and whatever the user has set: no
 * crash, no value but of names that sysfs may have, every variable with its reason. The input is
 * cut into the texts of one device's files, route tables and a variable; NULs separate them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spank/conf.h"
#include "node/fabric.h"
#include "node/fabric_files.h"
#include "node/said.h"

static char root[64];

static const char *const files[] = {
    "sys/class/infiniband/mlx5_0/ports/1/state",
    "sys/class/infiniband/mlx5_0/ports/1/rate",
    "sys/class/infiniband/mlx5_0/ports/1/link_layer",
    "sys/class/infiniband/mlx5_0/ports/1/gids/0",
    "sys/class/infiniband/mlx5_0/ports/1/gids/1",
    "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/types/0",
    "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/types/1",
    "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0",
    "sys/class/infiniband/mlx5_0/device/numa_node",
    "sys/class/infiniband/mlx5_0/device/current_link_speed",
    "sys/class/infiniband/mlx5_0/device/max_link_speed",
    "sys/class/infiniband/mlx5_0/device/current_link_width",
    "sys/class/infiniband/mlx5_0/device/max_link_width",
    "sys/bus/pci/drivers/nvidia/0000:18:00.0/current_link_width",
    "sys/bus/pci/drivers/nvidia/0000:18:00.0/max_link_width",
    "proc/net/route",
    "proc/net/ipv6_route",
    "etc/nccl.conf",
    "sys/class/infiniband/mlx5_0/sys_image_guid",
    "sys/class/infiniband/mlx5_0/board_id",
    "sys/class/infiniband/mlx5_bond_0/ports/1/state",
    "sys/class/infiniband/mlx5_bond_0/ports/1/link_layer",
    "sys/class/infiniband/mlx5_bond_0/ports/1/gids/0",
    "sys/class/infiniband/mlx5_bond_0/ports/1/gid_attrs/ndevs/0",
    "sys/class/infiniband/mlx5_bond_0/sys_image_guid",
    "sys/class/net/eth0/operstate",
    "sys/class/net/bond0/bonding/slaves",
};

#define FILES (sizeof files / sizeof files[0])

static void make_folders(void)
{
    char path[256];
    if (root[0] != '\0')
        return;
    strcpy(root, "/tmp/fuzz-fabric.XXXXXX");
    if (mkdtemp(root) == NULL)
        abort();
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
            *at = '\0';
            mkdir(path, 0755);
            *at = '/';
        }
    }
}

/* The next piece goes into the file; an empty one takes the file away. */
static void put(const char *name, const unsigned char **data, size_t *size)
{
    char path[256];
    const unsigned char *end = memchr(*data, '\0', *size);
    size_t length = end != NULL ? (size_t)(end - *data) : *size;
    snprintf(path, sizeof path, "%s/%s", root, name);
    unlink(path);
    FILE *file = length > 0 ? fopen(path, "w") : NULL;
    if (file != NULL) {
        fwrite(*data, 1, length, file);
        fclose(file);
    }
    length += end != NULL;
    *data += length;
    *size -= length;
}

struct user {
    struct fabric_files files;
    char value[256];
};

static const char *get(void *data, const char *name, const char **where)
{
    struct user *user = data;
    *where = "the user has set it";
    if (strcmp(name, "NCCL_IB_HCA") == 0 || strcmp(name, "NCCL_ALGO") == 0 ||
        strcmp(name, "NCCL_SOCKET_IFNAME") == 0 || strcmp(name, "NCCL_IB_GID_INDEX") == 0)
        return user->value;
    return fabric_files_get(&user->files, name, where);
}

static void check(const struct fabric *fabric)
{
    static char text[32768];
    for (int i = 0; i < fabric->variables; i++) {
        const struct fabric_variable *v = &fabric->variable[i];
        if (memchr(v->value, '\0', sizeof v->value) == NULL || v->reason[0] == '\0' ||
            (v->decision == FABRIC_SET && strpbrk(v->value, "\n\t ;$`") != NULL))
            abort();
    }
    for (int i = 1; i < fabric->warnings; i++)
        if (fabric->weight[i] < fabric->weight[i - 1] ||
            memchr(fabric->warning[i], '\0', FABRIC_TEXT) == NULL)
            abort();
    said_write_fabric(fabric, text, sizeof text);
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')
            abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct conf conf;
    struct user user;
    struct sft_error err = {""};
    make_folders();
    for (size_t i = 0; i < FILES; i++)
        put(files[i], &data, &size);
    conf_init(&conf);
    snprintf(user.value, sizeof user.value, "%.*s", (int)size, (const char *)data);
    fabric_files_read(&user.files, root, NULL, NULL);
    struct nic_list *nics = nic_list_create(root, &err);
    struct fabric_input input = {.nics = nics,
                                 .site = &conf.fabric,
                                 .nodes = 2,
                                 .root = root,
                                 .get = size > 0 ? get : NULL,
                                 .data = &user};
    struct fabric *fabric = nics != NULL ? fabric_create(&input, &err) : NULL;
    if (fabric == NULL)
        abort();
    check(fabric);
    fabric_destroy(fabric);
    nic_list_destroy(nics);
    fabric_files_clear(&user.files);
    return 0;
}
