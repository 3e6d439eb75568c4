/* SPDX-License-Identifier: Apache-2.0 */
#include "node/conf_fabric.h"

#include <ctype.h>
#include <string.h>

#include "node/gid.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Nothing but the letters, and no element of the list empty. */
static int check_list(const char *value, const char *letters, const char *what,
                      struct sft_error *err)
{
    size_t length = strlen(value);
    if (value[strspn(value, letters)] != '\0')
        return sft_error_set(err, "'%.100s' is no list of %s", value, what);
    if (length == 0 || value[0] == ',' || value[length - 1] == ',' || strstr(value, ",,") != NULL)
        return sft_error_set(err, "'%.100s': an element of the list is empty", value);
    return 0;
}

static int check_nics(void *fabric, const char *value, struct sft_error *err)
{
    (void)fabric;
    return check_list(value, LETTERS DIGITS "_-.:*?[]!,", "NICs like mlx5_4,eth*", err);
}

static int check_hosts(void *fabric, const char *value, struct sft_error *err)
{
    int open = 0;
    (void)fabric;
    for (const char *at = value; *at != '\0' && open >= 0 && open <= 1; at++)
        open += (*at == '[') - (*at == ']');
    if (open != 0)
        return sft_error_set(err, "'%.100s': the brackets do not match", value);
    return check_list(value, LETTERS DIGITS "_-.[],", "hosts like node[3,5-7]", err);
}

static int check_addresses(void *fabric, const char *value, struct sft_error *err)
{
    struct gid_range range[GID_RANGES];
    (void)fabric;
    return gid_ranges_parse(value, range, err) < 0 ? -1 : 0;
}

static int check_interface(void *fabric, const char *value, struct sft_error *err)
{
    size_t sign = strspn(value, "^=");
    (void)fabric;
    if (sign > 1 || (sign == 1 && strpbrk(value + 1, "^=") != NULL))
        return sft_error_set(err, "'%.60s': = or ^ stands once, in front", value);
    return check_list(value + sign, LETTERS DIGITS "_-.:@,", "interfaces like eth0", err);
}

static int check_plugin(void *fabric, const char *value, struct sft_error *err)
{
    (void)fabric;
    return check_list(value, LETTERS DIGITS "_-./+,", "plugins like spcx", err);
}

/* A later line with the same name replaces the earlier one. */
static int add_env(void *object, const char *value, struct sft_error *err)
{
    struct conf_fabric *fabric = object;
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

#define FIELD(member)                                                                              \
    offsetof(struct conf_fabric, member), sizeof(((struct conf_fabric *)NULL)->member)

static const char *const kinds[] = {"generic", "spectrum-x", NULL};

static const struct sft_field keys[] = {
    {"fabric", SFT_FIELD_WORD, FIELD(spectrum_x), .words = kinds, .standard = "generic",
     .help = "the network's kind; what sysfs cannot tell, only this file can"},
    {"fabric_exclude", SFT_FIELD_TEXT, FIELD(exclude), .argument = "NIC,...",
     .example = "mlx5_4,mlx5_5:2,eth*", .check = check_nics,
     .help = "NICs that carry no collectives: devices, single ports or interfaces, as shell "
             "patterns"},
    {"fabric_addresses", SFT_FIELD_TEXT, FIELD(addresses), .argument = "RANGE,...",
     .example = "10.1.0.0/16,fd00::/8", .check = check_addresses,
     .help = "the fabric's addresses, where ports have others, too"},
    {"socket_interface", SFT_FIELD_TEXT, FIELD(socket_interface), .argument = "NAME",
     .example = "eno1", .check = check_interface,
     .help = "interface for NCCL's start, in place of the default route's"},
    {"traffic_class", SFT_FIELD_INT, FIELD(traffic_class), 0, 255, .argument = "N", .example = "96",
     .help = "NCCL_IB_TC"},
    {"adaptive_routing", SFT_FIELD_INT, FIELD(adaptive_routing), 0, 1, .argument = "0|1",
     .example = "1", .help = "NCCL_IB_ADAPTIVE_ROUTING"},
    {"qps_per_connection", SFT_FIELD_INT, FIELD(qps_per_connection), 1, 128, .argument = "N",
     .example = "2", .help = "NCCL_IB_QPS_PER_CONNECTION"},
    {"split_data_on_qps", SFT_FIELD_INT, FIELD(split_data_on_qps), 0, 1, .argument = "0|1",
     .example = "0", .help = "NCCL_IB_SPLIT_DATA_ON_QPS"},
    {"cross_nic", SFT_FIELD_INT, FIELD(cross_nic), 0, 2, .argument = "0|1|2", .otherwise = "2",
     .example = "2", .help = "NCCL_CROSS_NIC; 0 on fabrics whose rails do not meet"},
    {"net_plugin", SFT_FIELD_TEXT, FIELD(net_plugin), .argument = "NAME", .example = "spcx",
     .check = check_plugin, .help = "NCCL_NET_PLUGIN; spcx is Spectrum-X's"},
    {"topo_file", SFT_FIELD_PATH, FIELD(topo_file), .argument = "FILE",
     .example = "/etc/nccl/topology.xml", .help = "NCCL_TOPO_FILE, for virtual machines"},
    {"nccl_env", SFT_FIELD_LIST, .argument = "NAME=VALUE", .example = "NCCL_DEBUG=WARN",
     .check = add_env, .help = "any other variable of NCCL, on as many as 16 lines"},
    {"exclude_hosts", SFT_FIELD_TEXT, FIELD(exclude_hosts), .argument = "HOST,...",
     .example = "node[3,5-7]", .check = check_hosts,
     .help = "hosts that runs leave out, as Slurm writes them"},
    {"nvlink_gbs", SFT_FIELD_REAL, FIELD(nvlink_gbs), 1, 10000, .argument = "GB/s",
     .example = "366", .help = "what a GPU's NVLink carries one way, GB/s, for forecasts"},
    {"nic_gbs", SFT_FIELD_REAL, FIELD(nic_gbs), 1, 10000, .argument = "GB/s", .example = "92",
     .help = "what a node's NICs carry together one way, GB/s, for forecasts"},
    {"peak_tflops", SFT_FIELD_REAL, FIELD(peak_tflops), 1, 100000, .argument = "TFLOPS",
     .example = "989.5",
     .help = "a GPU's dense bf16 peak, TFLOP/s, for MFU, in place of the data sheet's"},
    {.name = NULL},
};

const struct sft_field *conf_fabric_keys(void)
{
    return keys;
}

void conf_fabric_init(struct conf_fabric *fabric)
{
    memset(fabric, 0, sizeof *fabric);
    sft_fields_default(keys, fabric, false);
}
