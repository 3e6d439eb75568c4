/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fabric_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "node/sysfs.h"

#define NUMBER 16

/* Every variable that is decided, in the order of the table. */
static const char *const fabric_names[] = {
    "NCCL_IB_HCA",
    "NCCL_SOCKET_IFNAME",
    "NCCL_IB_GID_INDEX",
    "NCCL_IB_ADDR_FAMILY",
    "NCCL_IB_ADDR_RANGE",
    "NCCL_IB_ROCE_VERSION_NUM",
    "NCCL_IB_TC",
    "NCCL_IB_ADAPTIVE_ROUTING",
    "NCCL_IB_QPS_PER_CONNECTION",
    "NCCL_IB_SPLIT_DATA_ON_QPS",
    "NCCL_CROSS_NIC",
    "NCCL_NET",
    "NCCL_NET_PLUGIN",
    "NCCL_NET_GDR_LEVEL",
    "NCCL_IB_PCI_RELAXED_ORDERING",
    "NCCL_ALGO",
    "NCCL_PROTO",
    "NCCL_BUFFSIZE",
    "NCCL_NVLS_ENABLE",
    "NCCL_IB_SL",
    "NCCL_TOPO_FILE",
    "NCCL_IGNORE_CPU_AFFINITY",
};

/* Nobody but an administrator or a user in need should set these. */
static const char *const fabric_defaults[] = {
    "NCCL_NET_GDR_LEVEL", "NCCL_IB_PCI_RELAXED_ORDERING",
    "NCCL_ALGO",          "NCCL_PROTO",
    "NCCL_BUFFSIZE",      "NCCL_NVLS_ENABLE",
    "NCCL_IB_SL",
};

static struct fabric_variable *fabric_look(struct fabric *fabric, const char *name)
{
    for (int i = 0; i < fabric->variables; i++)
        if (strcmp(fabric->variable[i].name, name) == 0)
            return &fabric->variable[i];
    return NULL;
}

struct fabric_variable *fabric_variable(struct fabric *fabric, const char *name)
{
    struct fabric_variable *variable = fabric_look(fabric, name);
    if (variable != NULL || fabric->variables == FABRIC_VARIABLES ||
        strlen(name) >= sizeof variable->name)
        return variable;
    variable = &fabric->variable[fabric->variables++];
    strcpy(variable->name, name);
    return variable;
}

const struct fabric_variable *fabric_find(const struct fabric *fabric, const char *name)
{
    return fabric_look((struct fabric *)fabric, name);
}

bool fabric_is_kept(const struct fabric *fabric, const char *name)
{
    const struct fabric_variable *variable = fabric_find(fabric, name);
    return variable != NULL && variable->decision == FABRIC_KEPT;
}

static void fabric_row(struct fabric *fabric, const char *name, enum fabric_decision decision,
                       const char *value, const char *reason, va_list arguments)
{
    struct fabric_variable *variable = fabric_variable(fabric, name);
    if (variable == NULL || variable->decision == FABRIC_KEPT)
        return;
    variable->decision = decision;
    snprintf(variable->value, sizeof variable->value, "%s", value);
    vsnprintf(variable->reason, sizeof variable->reason, reason, arguments);
}

void fabric_set(struct fabric *fabric, const char *name, const char *value, const char *reason, ...)
{
    va_list arguments;
    va_start(arguments, reason);
    fabric_row(fabric, name, FABRIC_SET, value, reason, arguments);
    va_end(arguments);
}

void fabric_unset(struct fabric *fabric, const char *name, const char *reason, ...)
{
    va_list arguments;
    va_start(arguments, reason);
    fabric_row(fabric, name, FABRIC_UNSET, "", reason, arguments);
    va_end(arguments);
}

void fabric_warn(struct fabric *fabric, enum fabric_weight weight, const char *format, ...)
{
    int at = fabric->warnings;
    va_list arguments;
    while (at > 0 && fabric->weight[at - 1] > weight)
        at--;
    if (at == FABRIC_WARNINGS)
        return;
    fabric->warnings += fabric->warnings < FABRIC_WARNINGS;
    for (int i = fabric->warnings - 1; i > at; i--) {
        strcpy(fabric->warning[i], fabric->warning[i - 1]);
        fabric->weight[i] = fabric->weight[i - 1];
    }
    fabric->weight[at] = weight;
    va_start(arguments, format);
    vsnprintf(fabric->warning[at], FABRIC_TEXT, format, arguments);
    va_end(arguments);
}

void fabric_note(struct fabric *fabric, const char *format, ...)
{
    va_list arguments;
    if (fabric->notes == FABRIC_NOTES)
        return;
    va_start(arguments, format);
    vsnprintf(fabric->note[fabric->notes++], FABRIC_TEXT, format, arguments);
    va_end(arguments);
}

/* An empty value is the user's too: it may stand there to keep a value out. */
static void fabric_keep(struct fabric *fabric, const struct fabric_input *input, const char *name)
{
    const char *where = "";
    const char *value = input->get != NULL ? input->get(input->data, name, &where) : NULL;
    struct fabric_variable *variable = value != NULL ? fabric_variable(fabric, name) : NULL;
    if (variable == NULL)
        return;
    variable->decision = FABRIC_KEPT;
    snprintf(variable->value, sizeof variable->value, "%s", value);
    snprintf(variable->reason, sizeof variable->reason, "%s", where);
}

static void fabric_hca(struct fabric *fabric, bool cut)
{
    char value[FABRIC_VALUE] = "=";
    size_t length = 1;
    int listed = 0, ports = 0;
    for (int i = 0; i < fabric->ports; i++)
        ports += fabric->port[i].why != FABRIC_VIRTUAL;
    if (cut) {
        fabric_unset(fabric, "NCCL_IB_HCA", "this node has too many RDMA devices to choose from");
        fabric_warn(fabric, FABRIC_WRONG,
                    "this node has more RDMA devices than were looked at: NCCL takes all that it "
                    "finds; nccl_env = NCCL_IB_HCA=... in the site's file chooses");
        return;
    }
    for (int i = 0; i < fabric->ports && listed < FABRIC_HCAS; i++)
        if (fabric->port[i].used)
            length += (size_t)snprintf(value + length, sizeof value - length, "%s%s:%d",
                                       listed++ > 0 ? "," : "", fabric->port[i].nic->device,
                                       fabric->port[i].nic->port);
    fabric_set(fabric, "NCCL_IB_HCA", value, "%d of %d ports, %d Gb/s together; = matches exactly",
               listed, ports, fabric->rate);
    if (fabric->used > FABRIC_HCAS)
        fabric_warn(fabric, FABRIC_ODD, "%d ports are fit for use, and NCCL takes no more than %d",
                    fabric->used, FABRIC_HCAS);
}

/* Is an interface up that NCCL would take? Yes, too, where the interfaces are not known. */
static bool fabric_has_netdev(const struct fabric *fabric, const char *value)
{
    struct sft_nccl_list list;
    bool up = fabric->netdevs == 0;
    sft_nccl_list_parse(&list, value);
    for (int i = 0; i < fabric->netdevs && !up; i++)
        up = fabric->netdev[i].up && sft_nccl_list_takes(&list, fabric->netdev[i].name, -1);
    return up;
}

static void fabric_socket(struct fabric *fabric, const struct fabric_input *input)
{
    const char *name = "NCCL_SOCKET_IFNAME", *site = input->site->socket_interface;
    const struct nic_route *route = &input->nics->route;
    char value[96];
    if (site[0] != '\0') {
        snprintf(value, sizeof value, "%s%s", strchr("=^", site[0]) != NULL ? "" : "=", site);
        fabric_set(fabric, name, value, "socket_interface of the site's file");
        if (!fabric_is_kept(fabric, name) && !fabric_has_netdev(fabric, value))
            fabric_warn(fabric, FABRIC_WRONG,
                        "socket_interface = %s: this node has no such interface that is up", site);
    } else if (route->netdev[0] != '\0' && route->up) {
        snprintf(value, sizeof value, "=%s", route->netdev);
        fabric_set(fabric, name, value, "the default route's interface");
    } else if (route->netdev[0] != '\0') {
        fabric_unset(fabric, name, "the default route's interface %s is not up", route->netdev);
    } else {
        fabric_unset(fabric, name, "no default route; the site may give socket_interface");
    }
}

/* A number that the site's file gives, or `otherwise`. */
static void fabric_number(struct fabric *fabric, const char *name, const char *key, int number,
                          const char *otherwise)
{
    char value[NUMBER];
    snprintf(value, sizeof value, "%d", number);
    if (number >= 0)
        fabric_set(fabric, name, value, "%s of the site's file", key);
    else
        fabric_unset(fabric, name, "%s", otherwise);
}

static void fabric_roce(struct fabric *fabric, const struct conf_fabric *site)
{
    if (fabric->infiniband) {
        fabric_unset(fabric, "NCCL_IB_TC", "InfiniBand: the subnet manager decides");
        fabric_unset(fabric, "NCCL_IB_ADAPTIVE_ROUTING", "InfiniBand: on by NCCL's default");
        return;
    }
    fabric_number(fabric, "NCCL_IB_TC", "traffic_class", site->traffic_class,
                  "the site's file gives no traffic_class");
    if (site->spectrum_x && site->adaptive_routing < 0)
        fabric_set(fabric, "NCCL_IB_ADAPTIVE_ROUTING", "1", "Spectrum-X; off by default on RoCE");
    else
        fabric_number(fabric, "NCCL_IB_ADAPTIVE_ROUTING", "adaptive_routing",
                      site->adaptive_routing, "the site's file says nothing of it");
    if (site->spectrum_x && site->traffic_class < 0 && !fabric_is_kept(fabric, "NCCL_IB_TC"))
        fabric_warn(fabric, FABRIC_SLOWER,
                    "spectrum-x without traffic_class in the site's file: the wrong class "
                    "misses PFC and ECN");
}

static void fabric_queues(struct fabric *fabric, const struct conf_fabric *site)
{
    const char *qps = "NCCL_IB_QPS_PER_CONNECTION";
    fabric_number(fabric, qps, "qps_per_connection", site->qps_per_connection,
                  "the site's file says nothing of it");
    fabric_number(fabric, "NCCL_IB_SPLIT_DATA_ON_QPS", "split_data_on_qps", site->split_data_on_qps,
                  "the site's file says nothing of it");
    for (int i = 0; i < fabric->ports; i++)
        if (fabric->port[i].used && fabric->port[i].nic->bond && site->qps_per_connection < 2 &&
            !fabric_is_kept(fabric, qps)) {
            fabric_warn(fabric, FABRIC_SLOWER,
                        "%s is a bond, whose links want 2 queue pairs: qps_per_connection "
                        "= 2 in the site's file",
                        fabric->port[i].nic->device);
            return;
        }
}

static void fabric_net(struct fabric *fabric, const struct fabric_input *input)
{
    const struct conf_fabric *site = input->site;
    if (site->cross_nic >= 0)
        fabric_number(fabric, "NCCL_CROSS_NIC", "cross_nic", site->cross_nic, "");
    else
        fabric_set(fabric, "NCCL_CROSS_NIC", "2",
                   "as it goes best; rail-only fabrics want "
                   "cross_nic = 0 in the site's file");
    if (site->net_plugin[0] != '\0')
        fabric_set(fabric, "NCCL_NET_PLUGIN", site->net_plugin, "net_plugin of the site's file");
    else
        fabric_unset(fabric, "NCCL_NET_PLUGIN", "the site's file gives no net_plugin");
    if (!input->verify)
        fabric_unset(fabric, "NCCL_NET", "only when the cluster is verified");
    else if (site->net_plugin[0] != '\0')
        fabric_unset(fabric, "NCCL_NET", "the plugin's network has a name of its own");
    else
        fabric_set(fabric, "NCCL_NET", "IB", "rather fail than fall back to TCP unseen");
}

static void fabric_always(struct fabric *fabric, const struct fabric_input *input)
{
    const char *file = input->site->topo_file;
    char line[8];
    for (size_t i = 0; i < sizeof fabric_defaults / sizeof fabric_defaults[0]; i++)
        fabric_unset(fabric, fabric_defaults[i], "NCCL's default is better");
    if (input->pinned)
        fabric_set(fabric, "NCCL_IGNORE_CPU_AFFINITY", "0", "tasks are pinned near their GPU");
    else
        fabric_unset(fabric, "NCCL_IGNORE_CPU_AFFINITY", "the task is not pinned: NCCL's default");
    if (file[0] == '\0') {
        fabric_unset(fabric, "NCCL_TOPO_FILE", "the site's file gives no topo_file");
        return;
    }
    fabric_set(fabric, "NCCL_TOPO_FILE", file, "topo_file of the site's file");
    if (sysfs_line(line, sizeof line, "%s%s", input->root != NULL ? input->root : "", file) < 0 &&
        !fabric_is_kept(fabric, "NCCL_TOPO_FILE"))
        fabric_warn(fabric, FABRIC_WRONG,
                    "topo_file = %.100s: cannot be read on this node, and NCCL would not "
                    "complain",
                    file);
}

/* All that concerns the network between nodes. */
static int fabric_network(struct fabric *fabric, const struct fabric_input *input,
                          struct sft_error *err)
{
    static const char *const last = "NCCL_NET_PLUGIN";
    if (input->nodes != 1 && fabric->used > 0) {
        fabric_hca(fabric, input->nics->cut);
        fabric_roce(fabric, input->site);
        fabric_queues(fabric, input->site);
        fabric_net(fabric, input);
        return fabric_gid_decide(fabric, input, err);
    }
    for (int i = 0; i == 0 || strcmp(fabric_names[i - 1], last) != 0; i++)
        if (strcmp(fabric_names[i], "NCCL_SOCKET_IFNAME") != 0)
            fabric_unset(fabric, fabric_names[i], "%s",
                         input->nodes == 1 ? "one node: no network is needed"
                                           : "no RDMA: NCCL uses sockets");
    if (input->nodes != 1 && !fabric->sockets)
        fabric_warn(fabric, FABRIC_WRONG,
                    "no RDMA port is fit for use: NCCL falls back to sockets, and the "
                    "figure will be poor");
    return 0;
}

/* The site's own variables, after all that was decided. */
static void fabric_site(struct fabric *fabric, const struct fabric_input *input)
{
    for (int i = 0; i < input->site->envs; i++) {
        const char *text = input->site->env[i];
        char name[CONF_ENV];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
        fabric_keep(fabric, input, name);
        fabric_set(fabric, name, text + strlen(name) + 1, "nccl_env of the site's file");
    }
}

struct fabric *fabric_create(const struct fabric_input *input, struct sft_error *err)
{
    struct conf_fabric none;
    struct fabric_input whole = *input;
    struct fabric *fabric = calloc(1, sizeof *fabric);
    if (fabric == NULL) {
        sft_error_set(err, "fabric: out of memory");
        return NULL;
    }
    conf_fabric_init(&none);
    whole.site = input->site != NULL ? input->site : &none;
    fabric->nodes = input->nodes;
    for (size_t i = 0; i < sizeof fabric_names / sizeof fabric_names[0]; i++) {
        fabric_variable(fabric, fabric_names[i]);
        fabric_keep(fabric, input, fabric_names[i]);
    }
    for (int i = 0; sft_nccl_watched[i] != NULL; i++)
        fabric_keep(fabric, input, sft_nccl_watched[i]);
    if (fabric_ports_choose(fabric, &whole) < 0 || fabric_user_read(fabric, &whole) < 0) {
        sft_error_set(err, "fabric: out of memory");
        fabric_destroy(fabric);
        return NULL;
    }
    fabric_user_ports(fabric, &whole);
    fabric_tell_ports(fabric);
    fabric_socket(fabric, &whole);
    fabric_always(fabric, &whole);
    if (fabric_network(fabric, &whole, err) < 0) {
        fabric_destroy(fabric);
        return NULL;
    }
    fabric_site(fabric, &whole);
    fabric_warn_variables(fabric, &whole);
    fabric_warn_links(fabric, whole.nics);
    return fabric;
}

void fabric_destroy(struct fabric *fabric)
{
    if (fabric == NULL)
        return;
    free(fabric->port);
    free(fabric->netdev);
    free(fabric);
}

const char *fabric_decision_name(enum fabric_decision decision)
{
    static const char *const names[] = {"unset", "set", "user's"};
    return names[decision];
}
