/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/network.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/fabric.h"
#include "node/fabric_files.h"
#include "node/said.h"

enum { NETWORK_VALUE = 8192 };

#ifndef SFT_NCCL_VERSION
#define SFT_NCCL_VERSION 0 /* not known: as if it were current */
#endif

struct network_user {
    spank_t spank;
    struct fabric_files files;
    char value[NETWORK_VALUE];
};

/* The environment's value wins over NCCL's files, as it does in NCCL. */
static const char *network_get(void *data, const char *name, const char **where)
{
    struct network_user *user = data;
    *where = "the user has set it";
    spank_err_t rc = spank_getenv(user->spank, name, user->value, sizeof user->value);
    if (rc == ESPANK_SUCCESS || rc == ESPANK_NOSPACE)
        return user->value;
    return fabric_files_get(&user->files, name, where);
}

static void network_files(spank_t spank, const char *root, struct network_user *user)
{
    static char home[NETWORK_VALUE], named[NETWORK_VALUE];
    bool has_home = spank_getenv(spank, "HOME", home, sizeof home) == ESPANK_SUCCESS;
    bool has_name = spank_getenv(spank, "NCCL_CONF_FILE", named, sizeof named) == ESPANK_SUCCESS;
    user->spank = spank;
    fabric_files_read(&user->files, root, has_home ? home : NULL, has_name ? named : NULL);
}

static void network_set(spank_t spank, const struct fabric *fabric)
{
    for (int i = 0; i < fabric->variables; i++)
        if (fabric->variable[i].decision == FABRIC_SET)
            spank_setenv(spank, fabric->variable[i].name, fabric->variable[i].value, 1);
}

static int network_decide(spank_t spank, const struct conf *conf, bool pinned, char *text,
                          struct sft_error *err)
{
    static struct network_user user;
    const char *root = conf->root[0] != '\0' ? conf->root : NULL;
    uint32_t nodes = 0;
    if (spank_get_item(spank, S_JOB_NNODES, &nodes) != ESPANK_SUCCESS)
        return sft_error_set(err, "Slurm does not say how many nodes there are");
    if (root != NULL)
        spank_setenv(spank, SAID_ROOT_ENV, root, 1);
    network_files(spank, root, &user);
    struct nic_list *nics = nic_list_create(root, err);
    struct fabric_input input = {.nics = nics,
                                 .site = &conf->fabric,
                                 .nccl = SFT_NCCL_VERSION,
                                 .nodes = (int)nodes,
                                 .pinned = pinned,
                                 .root = root,
                                 .get = network_get,
                                 .data = &user};
    struct fabric *fabric = nics != NULL ? fabric_create(&input, err) : NULL;
    if (fabric != NULL) {
        network_set(spank, fabric);
        said_write_fabric(fabric, text, SAID_FABRIC);
    }
    int rc = fabric != NULL ? 0 : -1;
    fabric_destroy(fabric);
    nic_list_destroy(nics);
    fabric_files_clear(&user.files);
    return rc;
}

void network_task(spank_t spank, const struct conf *conf, bool pinned)
{
    static char text[SAID_FABRIC];
    struct sft_error err = {""};
    if (network_decide(spank, conf, pinned, text, &err) < 0)
        said_write_no_fabric(err.text, text, sizeof text);
    spank_setenv(spank, SAID_FABRIC_ENV, text, 1);
}
