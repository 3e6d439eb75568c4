/* SPDX-License-Identifier: Apache-2.0 */
#include "node/conf_fabric.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/gid.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

void conf_fabric_init(struct conf_fabric *fabric)
{
    memset(fabric, 0, sizeof *fabric);
    fabric->traffic_class = fabric->adaptive_routing = fabric->cross_nic = -1;
    fabric->qps_per_connection = fabric->split_data_on_qps = -1;
    fabric->nvlink_gbs = fabric->nic_gbs = fabric->peak_tflops = -1;
}

int conf_fabric_profile(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    fabric->spectrum_x = strcmp(value, "spectrum-x") == 0;
    if (!fabric->spectrum_x && strcmp(value, "generic") != 0)
        return sft_error_set(err, "'%.60s' is neither generic nor spectrum-x", value);
    return 0;
}

/* Nothing but the letters, and no element of the list empty. */
static int fabric_list(char *field, size_t size, const char *value, const char *letters,
                       const char *what, struct sft_error *err)
{
    size_t length = strlen(value);
    if (length >= size)
        return sft_error_set(err, "longer than %zu bytes", size - 1);
    if (value[strspn(value, letters)] != '\0')
        return sft_error_set(err, "'%.100s' is no list of %s", value, what);
    if (length == 0 || value[0] == ',' || value[length - 1] == ',' || strstr(value, ",,") != NULL)
        return sft_error_set(err, "'%.100s': an element of the list is empty", value);
    memcpy(field, value, length + 1);
    return 0;
}

int conf_fabric_exclude(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    return fabric_list(fabric->exclude, sizeof fabric->exclude, value, LETTERS DIGITS "_-.:*?[]!,",
                       "NICs like mlx5_4,eth*", err);
}

int conf_fabric_hosts(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    int open = 0;
    for (const char *at = value; *at != '\0' && open >= 0 && open <= 1; at++)
        open += (*at == '[') - (*at == ']');
    if (open != 0)
        return sft_error_set(err, "'%.100s': the brackets do not match", value);
    return fabric_list(fabric->exclude_hosts, sizeof fabric->exclude_hosts, value,
                       LETTERS DIGITS "_-.[],", "hosts like node[3,5-7]", err);
}

int conf_fabric_addresses(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    struct gid_range range[GID_RANGES];
    if (strlen(value) >= sizeof fabric->addresses)
        return sft_error_set(err, "longer than %zu bytes", sizeof fabric->addresses - 1);
    if (gid_ranges_parse(value, range, err) < 0)
        return -1;
    strcpy(fabric->addresses, value);
    return 0;
}

int conf_fabric_interface(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    size_t sign = strspn(value, "^=");
    if (sign > 1 || (sign == 1 && strpbrk(value + 1, "^=") != NULL))
        return sft_error_set(err, "'%.60s': = or ^ stands once, in front", value);
    if (fabric_list(fabric->socket_interface, sizeof fabric->socket_interface, value + sign,
                    LETTERS DIGITS "_-.:@,", "interfaces like eth0", err) < 0)
        return -1;
    if (strlen(value) >= sizeof fabric->socket_interface)
        return sft_error_set(err, "longer than %zu bytes", sizeof fabric->socket_interface - 1);
    strcpy(fabric->socket_interface, value);
    return 0;
}

int conf_fabric_plugin(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    return fabric_list(fabric->net_plugin, sizeof fabric->net_plugin, value,
                       LETTERS DIGITS "_-./+,", "plugins like spcx", err);
}

int conf_fabric_env(struct conf_fabric *fabric, const char *value, struct sft_error *err)
{
    size_t name = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "_");
    int i = 0;
    if (strncmp(value, "NCCL_", 5) != 0 || name <= 5 || value[name] != '=')
        return sft_error_set(err, "'%.60s' is not of the form NCCL_NAME=VALUE", value);
    if (value[name + 1] == '\0')
        return sft_error_set(err, "%.*s: the value is missing", (int)name, value);
    for (const char *at = value; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            return sft_error_set(err, "%.*s: a control character", (int)name, value);
    if (strlen(value) >= CONF_ENV)
        return sft_error_set(err, "%.*s: longer than %d bytes", (int)name, value, CONF_ENV - 1);
    while (i < fabric->envs && strncmp(fabric->env[i], value, name + 1) != 0)
        i++;
    if (i == CONF_ENVS)
        return sft_error_set(err, "more than %d variables", CONF_ENVS);
    strcpy(fabric->env[i], value);
    fabric->envs += i == fabric->envs;
    return 0;
}
