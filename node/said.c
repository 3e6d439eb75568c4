/* SPDX-License-Identifier: Apache-2.0 */
#include "node/said.h"

#include <string.h>

#include "lib/writer.h"

#define SAID_INTERFACES 2048

static void plain(char *text, char least)
{
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < (unsigned char)least || *at == 127)
            *at = '?';
}

void said_cuda(const char *value, char text[SAID_CUDA])
{
    snprintf(text, SAID_CUDA, "%.300s", value != NULL ? value : "unset");
    plain(text, ' ' + 1);
}

void said_write_task(const struct said_task *task, char *text, size_t size)
{
    snprintf(text, size,
             "gpu=%.100s cpus=%.250s numa=%.60s nics=%.200s distance=%s pool=%.319s why=%.300s",
             task->gpu, task->cpus, task->numa, task->nics, task->distance, task->pool, task->why);
}

void said_write_place(const char *cuda, const char *words, char *text, size_t size)
{
    char visible[SAID_CUDA];
    said_cuda(cuda, visible);
    snprintf(text, size, SAID_OPENING " cuda=%s %s", visible, words);
}

const char *said_open(const char *text, struct sft_error *err)
{
    size_t length = strlen(SAID_OPENING), magic = strlen(SAID_MAGIC);
    if (text == NULL || text[0] == '\0')
        return "";
    if (strncmp(text, SAID_OPENING, length) == 0 && (text[length] == ' ' || text[length] == '\n'))
        return text + length + 1;
    if (strncmp(text, SAID_MAGIC, magic) == 0)
        sft_error_set(err,
                      "the plugin speaks of the node in form %.*s, this program reads %s: install "
                      "both of one release",
                      (int)strspn(text + magic, "0123456789"), text + magic, SAID_FORM);
    else
        sft_error_set(err, "what stands in the plugin's place does not begin with %s",
                      SAID_OPENING);
    return NULL;
}

void said_word(const char *place, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    while (*place != '\0') {
        bool last = strncmp(place, "why=", 4) == 0;
        size_t end = last ? strlen(place) : strcspn(place, " ");
        if (strncmp(place, key, length) == 0 && place[length] == '=') {
            snprintf(value, size, "%.*s", (int)(end - length - 1), place + length + 1);
            return;
        }
        place += end + (place[end] == ' ');
    }
}

static const char *port_gid(const struct fabric_port *port, char *text, size_t size)
{
    const struct gid *gid = gid_at(&port->nic->gids, port->gid);
    text[0] = '\0';
    return gid != NULL ? gid_print(gid->raw, text, size) : "";
}

/* Those in use or those that are not. */
static void write_ports(struct writer *writer, const struct fabric *fabric, bool used)
{
    char index[16], more[16], address[GID_TEXT];
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        const struct nic_port *nic = port->nic;
        if (port->alike < 0 || port->used != used)
            continue;
        snprintf(index, sizeof index, "%.*d", port->gid >= 0 ? 1 : 0,
                 port->gid >= 0 ? port->gid : 0);
        snprintf(more, sizeof more, "%.*d", port->alike > 0 ? 1 : 0, port->alike);
        writer_line(writer, "port\t%s:%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s", nic->device,
                    nic->port, used ? "yes" : "no", nic->netdev, nic->rate, nic->numa, index,
                    port_gid(port, address, sizeof address), port->reason,
                    nic->active && nic->link != NIC_OTHER ? "up" : "down",
                    nic->link == NIC_INFINIBAND ? "ib" : "eth", more);
    }
}

static void write_variables(struct writer *writer, const struct fabric *fabric)
{
    char value[FABRIC_VALUE];
    for (int i = 0; i < fabric->variables; i++) {
        const struct fabric_variable *variable = &fabric->variable[i];
        snprintf(value, sizeof value, "%s", variable->value);
        plain(value, ' ');
        writer_line(writer, "var\t%s\t%s\t%s\t%s", variable->name,
                    fabric_decision_name(variable->decision), value, variable->reason);
    }
}

/* All of them or none: a list that was cut would tell of interfaces that are not there. */
static void write_interfaces(struct writer *writer, const struct fabric *fabric)
{
    char line[SAID_INTERFACES] = "";
    size_t used = 0;
    for (int i = 0; i < fabric->netdevs && used < sizeof line; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s:%s", i > 0 ? "," : "",
                                 fabric->netdev[i].name, fabric->netdev[i].up ? "up" : "down");
    if (fabric->netdevs > 0 && used < sizeof line)
        writer_line(writer, "ifs\t%s", line);
}

static void write_told(struct writer *writer, const struct fabric *fabric)
{
    char text[FABRIC_TEXT];
    for (int i = 0; i < fabric->warnings; i++) {
        snprintf(text, sizeof text, "%s", fabric->warning[i]);
        plain(text, ' ');
        writer_line(writer, "warn\t%s\t%d", text, (int)fabric->weight[i]);
    }
    for (int i = 0; i < fabric->notes; i++) {
        snprintf(text, sizeof text, "%s", fabric->note[i]);
        plain(text, ' ');
        writer_line(writer, "note\t%s", text);
    }
}

void said_write_fabric(const struct fabric *fabric, char *text, size_t size)
{
    static const char cut[] = "cut\tyes\n"; /* has its room behind the writer's */
    struct writer writer;
    writer_begin(&writer, text, size > sizeof cut ? size - sizeof cut + 1 : size);
    writer_line(&writer, SAID_OPENING);
    writer_line(&writer, "rate\t%d", fabric->rate);
    write_told(&writer, fabric);
    write_variables(&writer, fabric);
    write_ports(&writer, fabric, true);
    write_ports(&writer, fabric, false);
    write_interfaces(&writer, fabric);
    if (writer.cut && size > sizeof cut)
        strcpy(text + writer.used, cut);
}

void said_write_no_fabric(const char *why, char *text, size_t size)
{
    snprintf(text, size, SAID_OPENING "\nwarn\tNCCL's variables were left as they are: %.400s\n",
             why);
}

const char *said_next(const char **cursor, const char *kind)
{
    size_t length = strlen(kind);
    while (**cursor != '\0') {
        const char *line = *cursor;
        *cursor += strcspn(line, "\n");
        *cursor += **cursor == '\n';
        if (strncmp(line, kind, length) == 0 && line[length] == '\t')
            return line + length + 1;
    }
    return NULL;
}

void said_field(const char *line, int n, char *value, size_t size)
{
    for (; n > 0 && *line != '\0' && *line != '\n'; line++)
        n -= *line == '\t';
    snprintf(value, size, "%.*s", n == 0 ? (int)strcspn(line, "\t\n") : 0, line);
}
