/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fabric_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const warn_useless[] = {"NCCL_IB_CUDA_SUPPORT", "NCCL_IB_GDR_LEVEL",
                                           "NCCL_TREE_THRESHOLD", "NCCL_IB_ECN_ENABLE"};

/* A file of NCCL's is named by its path. */
const char *fabric_warn_value(const struct fabric_input *input, const char *name, const char **who)
{
    const char *where = "",
               *value = input->get != NULL ? input->get(input->data, name, &where) : NULL;
    size_t length = strlen(name);
    *who = where[0] == '/' ? where : "the user";
    if (value != NULL)
        return value;
    *who = "the site's file";
    for (int i = 0; i < input->site->envs; i++)
        if (strncmp(input->site->env[i], name, length) == 0 && input->site->env[i][length] == '=')
            return input->site->env[i] + length + 1;
    return NULL;
}

static void warn_algorithms(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who, *value = fabric_warn_value(input, "NCCL_ALGO", &who);
    if (value != NULL && value[0] != '\0' &&
        (strcasestr(value, "nvls") == NULL) != (value[0] == '^'))
        fabric_warn(fabric, FABRIC_WRONG,
                    "NCCL_ALGO=%.60s of %s leaves out NVLS: 366 instead of 473 GB/s in a "
                    "node",
                    value, who);
    value = fabric_warn_value(input, "NCCL_NVLS_ENABLE", &who);
    if (value != NULL && strcmp(value, "0") == 0)
        fabric_warn(fabric, FABRIC_WRONG,
                    "NCCL_NVLS_ENABLE=0 of %s: 366 instead of 473 GB/s in a node", who);
    value = fabric_warn_value(input, "NCCL_P2P_DISABLE", &who);
    if (value != NULL && strtol(value, NULL, 10) != 0)
        fabric_warn(fabric, FABRIC_WRONG,
                    "NCCL_P2P_DISABLE=%.10s of %.100s: no NVLink, and the figure will be poor",
                    value, who);
}

static void warn_gid_index(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who, *value = fabric_warn_value(input, "NCCL_IB_GID_INDEX", &who);
    if (value != NULL && value[0] != '\0' && value[0] != '-' && !fabric->infiniband &&
        !fabric_user_gid(fabric, value, who) &&
        (input->nccl == 0 || input->nccl >= FABRIC_NCCL_GID))
        fabric_warn(fabric, FABRIC_ODD,
                    "NCCL_IB_GID_INDEX=%.10s of %s: a fixed index breaks in containers and "
                    "after a port's flap; NCCL 2.21 and later find it themselves",
                    value, who);
}

/* One word of the list, as NCCL reads it: a device's beginning, with or without a port. */
static void warn_hca_word(struct fabric *fabric, const char *word, size_t length, const char *who)
{
    char list[128] = "";
    size_t name = strcspn(word, ":,");
    bool exact = false;
    int also = 0;
    long port = name < length ? strtol(word + name + 1, NULL, 10) : -1;
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        if (name == 0 || strncmp(nic->device, word, name) != 0 || (port >= 0 && port != nic->port))
            continue;
        exact |= nic->device[name] == '\0';
        if (nic->device[name] != '\0' && also++ < 4)
            snprintf(list + strlen(list), sizeof list - strlen(list), " %.24s", nic->device);
    }
    if (exact && also > 0)
        fabric_warn(fabric, FABRIC_SLOWER,
                    "NCCL_IB_HCA of %s: %.*s also matches%s%s; a = in front of the list "
                    "matches exactly",
                    who, (int)length, word, list, also > 4 ? " ..." : "");
}

static void warn_hca(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who, *value = fabric_warn_value(input, "NCCL_IB_HCA", &who);
    if (value == NULL)
        return;
    value += value[0] == '^';
    while (value[0] != '=' && *value != '\0') {
        size_t length = strcspn(value, ",");
        warn_hca_word(fabric, value, length, who);
        value += length + (value[length] == ',');
    }
}

void fabric_warn_variables(struct fabric *fabric, const struct fabric_input *input)
{
    const char *who;
    for (size_t i = 0; i < sizeof warn_useless / sizeof warn_useless[0]; i++)
        if (fabric_warn_value(input, warn_useless[i], &who) != NULL)
            fabric_warn(fabric, FABRIC_ODD, "%s of %s does nothing in today's NCCL",
                        warn_useless[i], who);
    warn_algorithms(fabric, input);
    warn_gid_index(fabric, input);
    warn_hca(fabric, input);
    fabric_user_warn(fabric, input);
}

static void warn_gpus(struct fabric *fabric, const struct nic_list *list)
{
    for (int i = 0; i < list->gpus; i++) {
        const struct gpu_link *link = &list->gpu[i];
        if (link->width > 0 && link->width < link->max_width)
            fabric_warn(fabric, FABRIC_SLOWER,
                        "GPU %s: its PCI link is x%d of x%d: card, slot or firmware", link->pci,
                        link->width, link->max_width);
    }
}

/* NCCL's topology reads the maximum, so a link that came up slow stays hidden from it. */
void fabric_warn_links(struct fabric *fabric, const struct nic_list *list)
{
    for (int i = 0; i < fabric->ports; i++) {
        const struct nic_port *nic = fabric->port[i].nic;
        const struct nic_pcie *link = &nic->pcie;
        bool first = i == 0 || strcmp(fabric->port[i - 1].nic->device, nic->device) != 0;
        if (fabric->port[i].used && first && link->speed > 0 && link->width > 0 &&
            (link->speed < link->max_speed || link->width < link->max_width))
            fabric_warn(fabric, FABRIC_SLOWER,
                        "%s: its PCI link is %g GT/s x%d of %g GT/s x%d: card, slot or "
                        "firmware",
                        nic->device, link->speed, link->width, link->max_speed, link->max_width);
    }
    warn_gpus(fabric, list);
}
