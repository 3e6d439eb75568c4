/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/nccl_env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN 4 /* names of a line */

const char *const sft_nccl_watched[] = {
    "NCCL_IB_DISABLE",      "NCCL_P2P_DISABLE",  "NCCL_SHM_DISABLE",
    "NCCL_IB_CUDA_SUPPORT", "NCCL_IB_GDR_LEVEL", "NCCL_TREE_THRESHOLD",
    "NCCL_IB_ECN_ENABLE",   "NCCL_CONF_FILE",    NULL};

/* NCCL takes an item's name up to its first colon, and skips items without a name. */
static void list_item(struct sft_nccl_list *list, const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    size_t name = colon != NULL ? (size_t)(colon - text) : length;
    if (name == 0 || name >= NCCL_NAME || list->count == NCCL_NAMES)
        return;
    memcpy(list->item[list->count].name, text, name);
    list->item[list->count].name[name] = '\0';
    list->item[list->count++].port = colon != NULL ? (int)strtol(colon + 1, NULL, 10) : -1;
}

void sft_nccl_list_parse(struct sft_nccl_list *list, const char *text)
{
    memset(list, 0, sizeof *list);
    list->except = *text == '^';
    text += list->except;
    list->exact = *text == '=';
    text += list->exact;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        list_item(list, text, length);
        text += length + (text[length] == ',');
    }
}

bool sft_nccl_list_names(const struct sft_nccl_list *list, int item, const char *name, int port)
{
    const char *wanted = list->item[item].name;
    bool same =
        list->exact ? strcmp(name, wanted) == 0 : strncmp(name, wanted, strlen(wanted)) == 0;
    return same && (port < 0 || list->item[item].port < 0 || list->item[item].port == port);
}

bool sft_nccl_list_takes(const struct sft_nccl_list *list, const char *name, int port)
{
    bool named = list->count == 0;
    for (int i = 0; i < list->count && !named; i++)
        named = sft_nccl_list_names(list, i, name, port);
    return named != list->except;
}

bool sft_nccl_no_rdma(const char *name, const char *value)
{
    if (strcmp(name, "NCCL_IB_DISABLE") == 0)
        return strtol(value, NULL, 10) != 0;
    return strcmp(name, "NCCL_NET") == 0 && strcasecmp(value, "socket") == 0;
}

/* What the lines are made with. */
struct judge {
    const char *value, *who;
    struct sft_nccl_list list;
    const struct sft_nccl_port *port;
    int ports;
    sft_nccl_say *say;
    void *data;
};

static void __attribute__((format(printf, 3, 4)))
judge_say(const struct judge *judge, int weight, const char *format, ...)
{
    char line[NCCL_LINE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    judge->say(judge->data, weight, line);
}

/* The nth of a line's names; past the last shown one, an ellipsis once. */
static void names_add(char *text, size_t size, int nth, const char *name)
{
    size_t length = strlen(text);
    if (nth < SHOWN)
        snprintf(text + length, size - length, "%s%.24s", nth > 0 ? ", " : "", name);
    else if (nth == SHOWN)
        snprintf(text + length, size - length, ", ...");
}

static bool judge_takes(const struct judge *judge, int port)
{
    return judge->port[port].active &&
           sft_nccl_list_takes(&judge->list, judge->port[port].name, judge->port[port].number);
}

/* Is its whole name written there? Then it is meant. */
static bool judge_is_meant(const struct judge *judge, const struct sft_nccl_port *port)
{
    bool meant = false;
    for (int i = 0; i < judge->list.count && !judge->list.except && !meant; i++)
        meant = strcmp(judge->list.item[i].name, port->name) == 0;
    return meant;
}

static void judge_nothing(const struct judge *judge)
{
    char names[160] = "";
    bool down = false;
    for (int i = 0; i < judge->ports; i++) {
        names_add(names, sizeof names, i, judge->port[i].name);
        down |= sft_nccl_list_takes(&judge->list, judge->port[i].name, judge->port[i].number);
    }
    if (judge->ports == 0)
        judge_say(judge, 0,
                  "NCCL_IB_HCA=%.60s of %.40s: this node has no RDMA port: sockets, and the figure "
                  "will be "
                  "poor",
                  judge->value, judge->who);
    else if (down)
        judge_say(judge, 0,
                  "NCCL_IB_HCA=%.60s of %.40s takes only ports that are down: sockets, and the "
                  "figure will be "
                  "poor",
                  judge->value, judge->who);
    else
        judge_say(judge, 0,
                  "NCCL_IB_HCA=%.50s of %.40s takes none of this node's ports (%s): sockets, and "
                  "the figure "
                  "will be poor",
                  judge->value, judge->who, names);
}

/* Of both kinds, which is the odd one? That of the ports that would not be used. */
static void judge_kinds(const struct judge *judge)
{
    char names[160] = "";
    int kinds[2] = {0, 0}, fit = -1, odd = 0;
    for (int i = 0; i < judge->ports; i++) {
        if (!judge_takes(judge, i))
            continue;
        kinds[judge->port[i].infiniband]++;
        if (fit < 0 && judge->port[i].fit)
            fit = judge->port[i].infiniband;
    }
    bool other = fit >= 0 ? !fit : kinds[1] < kinds[0];
    for (int i = 0; i < judge->ports; i++)
        if (judge_takes(judge, i) && judge->port[i].infiniband == other)
            names_add(names, sizeof names, odd++, judge->port[i].name);
    if (kinds[0] > 0 && kinds[1] > 0)
        judge_say(judge, 0, "NCCL_IB_HCA=%.50s of %.40s takes in %s beside %s: %s", judge->value,
                  judge->who, other ? "InfiniBand" : "Ethernet", other ? "Ethernet" : "InfiniBand",
                  names);
}

/* Names of a list that some other node may have. */
static void judge_absent(const struct judge *judge)
{
    char names[160] = "";
    int absent = 0;
    for (int i = 0; i < judge->list.count && !judge->list.except; i++) {
        bool there = false;
        for (int k = 0; k < judge->ports && !there; k++)
            there =
                sft_nccl_list_names(&judge->list, i, judge->port[k].name, judge->port[k].number);
        if (!there)
            names_add(names, sizeof names, absent++, judge->list.item[i].name);
    }
    if (absent > 0)
        judge_say(judge, 1, "NCCL_IB_HCA of %.40s: this node has no %s", judge->who, names);
}

/* Taken by the beginning of a name, or because it is not excepted. */
static void judge_unmeant(const struct judge *judge)
{
    char names[160] = "";
    const struct sft_nccl_port *first = NULL;
    bool infiniband = false;
    int count = 0;
    for (int i = 0; i < judge->ports; i++)
        infiniband |= judge_takes(judge, i) && judge->port[i].fit && judge->port[i].infiniband;
    for (int i = 0; i < judge->ports; i++) {
        const struct sft_nccl_port *port = &judge->port[i];
        if (!judge_takes(judge, i) || port->fit || port->infiniband != infiniband ||
            judge_is_meant(judge, port))
            continue;
        first = first != NULL ? first : port;
        names_add(names, sizeof names, count++, port->name);
    }
    if (count > 0)
        judge_say(judge, 1, "NCCL_IB_HCA=%.40s of %.40s also takes %s (%.60s)%s", judge->value,
                  judge->who, names, first->why,
                  judge->list.count > 0 && !judge->list.except ? "; a = in front takes whole names"
                                                               : "");
}

void sft_nccl_judge_hca(const char *value, const char *who, const struct sft_nccl_port *port,
                        int ports, sft_nccl_say *say, void *data)
{
    struct judge judge = {
        .value = value, .who = who, .port = port, .ports = ports, .say = say, .data = data};
    int taken = 0;
    sft_nccl_list_parse(&judge.list, value);
    for (int i = 0; i < ports; i++)
        taken += judge_takes(&judge, i);
    if (taken == 0) {
        judge_nothing(&judge);
        return;
    }
    judge_kinds(&judge);
    judge_absent(&judge);
    judge_unmeant(&judge);
}

/* NCCL leaves a value of one letter out of account. */
void sft_nccl_judge_ifname(const char *value, const char *who, const struct sft_nccl_netdev *netdev,
                           int netdevs, sft_nccl_say *say, void *data)
{
    struct judge judge = {.value = value, .who = who, .say = say, .data = data};
    char names[160] = "";
    int named = 0, up = 0;
    sft_nccl_list_parse(&judge.list, value);
    for (int i = 0; i < netdevs; i++) {
        bool takes = sft_nccl_list_takes(&judge.list, netdev[i].name, -1);
        names_add(names, sizeof names, i, netdev[i].name);
        named += takes;
        up += takes && netdev[i].up;
    }
    if (netdevs == 0 || up > 0 || strlen(value) <= 1)
        return;
    if (named > 0)
        judge_say(&judge, 0,
                  "NCCL_SOCKET_IFNAME=%.60s of %.40s: no such interface of this node is up, and "
                  "NCCL does not "
                  "start",
                  value, who);
    else
        judge_say(&judge, 0,
                  "NCCL_SOCKET_IFNAME=%.50s of %.40s: this node has no such interface (%s), and "
                  "NCCL does not "
                  "start",
                  value, who, names);
}
