/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's word on the network, brought to what a task has in the end: variables that something
 * set after the plugin, the ports that NCCL then takes, and what is wrong with that. */
#include "job/run/network.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/nccl_env.h"
#include "lib/writer.h"

#define NOW_WHO "a TaskProlog or wrapper"
#define NOW_VALUE 1280 /* the plugin cuts values there */
#define NOW_PORTS 512
#define NOW_NETDEVS 256

struct now {
    const char *text; /* the plugin's */
    network_get *get;
    struct writer out;
    int changed; /* variables */
    char name[64][80];
    bool ports; /* which ports NCCL takes may have changed */
};

/* As the plugin writes values. */
static bool now_plain(const char *value, char plain[NOW_VALUE])
{
    if (value == NULL)
        return false;
    snprintf(plain, NOW_VALUE, "%s", value);
    for (char *at = plain; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    return true;
}

/* One of NCCL's files has it, not the environment. */
static bool now_of_file(const char *who, const char *why)
{
    return strcmp(who, "user's") == 0 && why[0] == '/';
}

static void now_mark(struct now *now, const char *name)
{
    static const char *const network[] = {"NCCL_IB_HCA", "NCCL_IB_DISABLE", "NCCL_NET"};
    if (now->changed < 64)
        snprintf(now->name[now->changed++], sizeof now->name[0], "%s", name);
    for (int i = 0; i < 3; i++)
        now->ports |= strcmp(name, network[i]) == 0;
}

static bool now_is_marked(const struct now *now, const char *name, size_t length)
{
    for (int i = 0; i < now->changed; i++)
        if (strlen(now->name[i]) == length && strncmp(now->name[i], name, length) == 0)
            return true;
    return false;
}

/* A line "var": is it another one in this task? */
static bool now_differs(const struct now *now, const char *line, char *name, size_t size)
{
    char who[16], value[NOW_VALUE], why[256], plain[NOW_VALUE] = "";
    said_field(line, 0, name, size);
    said_field(line, 1, who, sizeof who);
    said_field(line, 2, value, sizeof value);
    said_field(line, 3, why, sizeof why);
    bool has = now_plain(now->get(name), plain), had = strcmp(who, "unset") != 0;
    if (!has)
        return had && !now_of_file(who, why);
    return !had || strcmp(plain, value) != 0;
}

static bool now_in_table(const struct now *now, const char *name)
{
    const char *cursor = now->text, *line;
    char row[80];
    while ((line = said_next(&cursor, "var")) != NULL) {
        said_field(line, 0, row, sizeof row);
        if (strcmp(row, name) == 0)
            return true;
    }
    return false;
}

static void now_find(struct now *now)
{
    const char *cursor = now->text, *line;
    char name[80];
    while ((line = said_next(&cursor, "var")) != NULL)
        if (now_differs(now, line, name, sizeof name))
            now_mark(now, name);
    for (int i = 0; sft_nccl_watched[i] != NULL; i++)
        if (now->get(sft_nccl_watched[i]) != NULL && !now_in_table(now, sft_nccl_watched[i]))
            now_mark(now, sft_nccl_watched[i]);
}

static void now_warn_changed(struct now *now, const char *name, const char *who, const char *was)
{
    char plain[NOW_VALUE] = "";
    bool has = now_plain(now->get(name), plain);
    if (strcmp(who, "unset") == 0)
        writer_line(
            &now->out,
            "warn\t%s=%.100s, which was not set: something changed it after the plugin (" NOW_WHO
            ")\t0",
            name, plain);
    else
        writer_line(&now->out,
                    "warn\t%s%s%.80s, not %.80s: something changed it after the plugin (" NOW_WHO
                    ")\t0",
                    name, has ? "=" : " is gone", plain, was);
}

static void now_say(void *data, int weight, const char *line)
{
    struct now *now = data;
    writer_line(&now->out, "warn\t%s\t%d", line, weight);
}

static int now_ports(const struct now *now, struct sft_nccl_port *port)
{
    const char *cursor = now->text, *line;
    char field[80];
    int count = 0;
    while (count < NOW_PORTS && (line = said_next(&cursor, "port")) != NULL) {
        struct sft_nccl_port *p = &port[count++];
        said_field(line, SAID_PORT_NAME, p->name, sizeof p->name);
        p->name[strcspn(p->name, ":")] = '\0';
        said_field(line, SAID_PORT_NAME, field, sizeof field);
        p->number = strchr(field, ':') != NULL ? atoi(strchr(field, ':') + 1) : 1;
        said_field(line, SAID_PORT_USED, field, sizeof field);
        p->fit = strcmp(field, "yes") == 0;
        said_field(line, SAID_PORT_WHY, p->why, sizeof p->why);
        said_field(line, SAID_PORT_STATE, field, sizeof field);
        p->active = strcmp(field, "up") == 0;
        said_field(line, SAID_PORT_LINK, field, sizeof field);
        p->infiniband = strcmp(field, "ib") == 0;
    }
    return count;
}

static int now_netdevs(const struct now *now, struct sft_nccl_netdev *netdev)
{
    const char *cursor = now->text, *line = said_next(&cursor, "ifs");
    char list[2048], *rest = list, *word;
    int count = 0;
    said_field(line != NULL ? line : "", 0, list, sizeof list);
    while (count < NOW_NETDEVS && (word = strsep(&rest, ",")) != NULL) {
        char *state = strrchr(word, ':');
        if (state == NULL || state == word)
            continue;
        *state = '\0';
        snprintf(netdev[count].name, sizeof netdev[count].name, "%.15s", word);
        netdev[count++].up = strcmp(state + 1, "up") == 0;
    }
    return rest == NULL ? count : 0;
}

static bool now_is_cut(const struct now *now)
{
    const char *cursor = now->text;
    return said_next(&cursor, "cut") != NULL;
}

/* NCCL_IB_DISABLE or NCCL_NET=Socket, whoever has set it. */
static const char *now_sockets(const struct now *now)
{
    static const char *const names[] = {"NCCL_IB_DISABLE", "NCCL_NET"};
    for (int i = 0; i < 2; i++)
        if (now->get(names[i]) != NULL && sft_nccl_no_rdma(names[i], now->get(names[i])))
            return names[i];
    return NULL;
}

static void now_judge(struct now *now)
{
    struct sft_nccl_port *port = calloc(NOW_PORTS, sizeof *port);
    struct sft_nccl_netdev *netdev = calloc(NOW_NETDEVS, sizeof *netdev);
    const char *hca = now->get("NCCL_IB_HCA"), *ifname = now->get("NCCL_SOCKET_IFNAME"),
               *sockets = now_sockets(now);
    if (port != NULL && hca != NULL && !now_is_cut(now) && now_is_marked(now, "NCCL_IB_HCA", 11))
        sft_nccl_judge_hca(hca, NOW_WHO, port, now_ports(now, port), now_say, now);
    if (netdev != NULL && ifname != NULL && now_is_marked(now, "NCCL_SOCKET_IFNAME", 18))
        sft_nccl_judge_ifname(ifname, NOW_WHO, netdev, now_netdevs(now, netdev), now_say, now);
    if (sockets != NULL && now_is_marked(now, sockets, strlen(sockets)))
        writer_line(&now->out,
                    "warn\t%s=%.20s of " NOW_WHO
                    ": sockets in place of RDMA, and the figure will be poor\t0",
                    sockets, now->get(sockets));
    free(port);
    free(netdev);
}

static void now_warnings(struct now *now)
{
    const char *cursor = now->text, *line;
    char name[80], who[16], value[NOW_VALUE];
    while ((line = said_next(&cursor, "var")) != NULL) {
        said_field(line, 0, name, sizeof name);
        said_field(line, 1, who, sizeof who);
        said_field(line, 2, value, sizeof value);
        if (now_is_marked(now, name, strlen(name)))
            now_warn_changed(now, name, who, value);
    }
    for (int i = 0; sft_nccl_watched[i] != NULL; i++)
        if (now_is_marked(now, sft_nccl_watched[i], strlen(sft_nccl_watched[i])) &&
            !now_in_table(now, sft_nccl_watched[i]))
            now_warn_changed(now, sft_nccl_watched[i], "unset", "");
    now_judge(now);
}

static void now_variable(struct now *now, const char *name, const char *who, const char *was)
{
    char plain[NOW_VALUE] = "";
    now_plain(now->get(name), plain);
    writer_line(&now->out, "var\t%s\tchanged\t%s\t%s%.80s when the plugin looked", name, plain,
                strcmp(who, "unset") == 0 ? "not set" : "was ", was);
}

/* Does NCCL take the port of this line in this task? */
static bool now_takes(const struct now *now, const char *line)
{
    struct sft_nccl_list list;
    char name[80], state[16], used[8];
    const char *hca = now->get("NCCL_IB_HCA");
    said_field(line, SAID_PORT_NAME, name, sizeof name);
    said_field(line, SAID_PORT_STATE, state, sizeof state);
    said_field(line, SAID_PORT_USED, used, sizeof used);
    char *colon = strchr(name, ':');
    int number = colon != NULL ? atoi(colon + 1) : 1;
    name[strcspn(name, ":")] = '\0';
    if (now_sockets(now) != NULL || strcmp(state, "up") != 0)
        return false;
    sft_nccl_list_parse(&list, hca != NULL ? hca : "");
    return sft_nccl_list_takes(&list, name, number);
}

/* The port's line with another word on its use; its GID is told only where it is used. */
static void now_port(struct now *now, const char *line)
{
    char field[11][160];
    for (int i = 0; i < 11; i++)
        said_field(line, i, field[i], sizeof field[i]);
    bool takes = now_takes(now, line), used = strcmp(field[SAID_PORT_USED], "yes") == 0;
    if (!takes && used)
        snprintf(field[SAID_PORT_WHY], sizeof field[0], "not by the variables that were changed");
    writer_line(&now->out, "port\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", field[0],
                takes ? "yes" : "no", field[2], field[3], field[4], takes ? field[5] : "",
                takes ? field[6] : "", takes ? "" : field[SAID_PORT_WHY], field[8], field[9],
                field[10]);
}

static int now_rate(const struct now *now)
{
    const char *cursor = now->text, *line;
    char rate[16];
    int sum = 0;
    while ((line = said_next(&cursor, "port")) != NULL) {
        said_field(line, SAID_PORT_RATE, rate, sizeof rate);
        sum += now_takes(now, line) ? atoi(rate) : 0;
    }
    return sum;
}

/* Lines of the plugin that stand as they are: not a warning of a value that is another one by now.
 */
static void now_copy(struct now *now, const char *line, size_t length)
{
    const char *fields = memchr(line, '\t', length);
    char name[80], who[16], value[NOW_VALUE];
    size_t kind = fields != NULL ? (size_t)(fields - line) : length;
    fields = fields != NULL ? fields + 1 : line + length;
    if (kind == 3 && strncmp(line, "var", 3) == 0) {
        said_field(fields, 0, name, sizeof name);
        said_field(fields, 1, who, sizeof who);
        said_field(fields, 2, value, sizeof value);
        if (now_is_marked(now, name, strlen(name))) {
            now_variable(now, name, who, value);
            return;
        }
    } else if (kind == 4 && strncmp(line, "warn", 4) == 0 &&
               now_is_marked(now, fields, strcspn(fields, "= \t\n"))) {
        return;
    } else if (kind == 4 && strncmp(line, "port", 4) == 0 && now->ports) {
        now_port(now, fields);
        return;
    } else if (kind == 4 && strncmp(line, "rate", 4) == 0) {
        return;
    }
    writer_line(&now->out, "%.*s", (int)length, line);
}

static void now_write(struct now *now)
{
    const char *at = now->text, *cursor = now->text, *rate = said_next(&cursor, "rate");
    writer_line(&now->out, "rate\t%d", now->ports ? now_rate(now) : rate != NULL ? atoi(rate) : 0);
    now_warnings(now);
    for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        now_copy(now, at, strcspn(at, "\n"));
    for (int i = 0; sft_nccl_watched[i] != NULL; i++)
        if (now_is_marked(now, sft_nccl_watched[i], strlen(sft_nccl_watched[i])) &&
            !now_in_table(now, sft_nccl_watched[i]))
            now_variable(now, sft_nccl_watched[i], "unset", "");
}

void network_now(char text[SAID_FABRIC], network_get *get)
{
    char *out = malloc(SAID_FABRIC);
    struct now now = {.text = text, .get = get};
    if (out == NULL || text[0] == '\0') {
        free(out);
        return;
    }
    writer_begin(&now.out, out, SAID_FABRIC);
    now_find(&now);
    now.ports = now.ports && !now_is_cut(&now);
    if (now.changed > 0) {
        now_write(&now);
        strcpy(text, out);
    }
    free(out);
}
