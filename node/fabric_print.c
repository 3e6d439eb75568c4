/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fabric.h"

#include <stdarg.h>
#include <string.h>

#define FABRIC_INTERFACES 2048

const char *fabric_decision_name(enum fabric_decision decision)
{
    static const char *const names[] = {"unset", "set", "user's"};
    return names[decision];
}

static const char *print_or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static const char *port_gid(const struct fabric_port *port, char *text, size_t size)
{
    const struct gid *gid = gid_at(&port->nic->gids, port->gid);
    text[0] = '\0';
    return gid != NULL ? gid_print(gid->raw, text, size) : "";
}

static void print_ports(FILE *file, const struct fabric *fabric)
{
    if (fabric->ports == 0) {
        fprintf(file, "no RDMA ports\n");
        return;
    }
    fprintf(file, "%-16s  %-4s  %-10s  %4s  %4s  %-20s  %s\n", "port", "used", "interface", "Gb/s",
            "NUMA", "GID", "why not");
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        char name[NIC_NAME + 24], more[16] = "", address[GID_TEXT], gid[GID_TEXT + 16] = "";
        if (port->alike < 0)
            continue;
        if (port->alike > 0)
            snprintf(more, sizeof more, " +%d", port->alike);
        snprintf(name, sizeof name, "%s:%d%s", port->nic->device, port->nic->port, more);
        if (port->gid >= 0)
            snprintf(gid, sizeof gid, "%d %s", port->gid, port_gid(port, address, sizeof address));
        fprintf(file, "%-16s  %-4s  %-10s  %4d  %4d  %-20s  %s\n", name, port->used ? "yes" : "no",
                print_or_dash(port->nic->netdev), port->nic->rate, port->nic->numa,
                print_or_dash(gid), print_or_dash(port->reason));
    }
}

void fabric_print(FILE *file, const struct fabric *fabric)
{
    int width = 5;
    print_ports(file, fabric);
    for (int i = 0; i < fabric->variables; i++)
        if ((int)strlen(fabric->variable[i].value) > width && width < 32)
            width = (int)strlen(fabric->variable[i].value);
    width = width < 32 ? width : 32; /* a long list of devices pushes its own reason aside */
    fprintf(file, "%-28s  %-6s  %-*s  %s\n", "variable", "", width, "value", "why");
    for (int i = 0; i < fabric->variables; i++) {
        const struct fabric_variable *variable = &fabric->variable[i];
        fprintf(file, "%-28s  %-6s  %-*s  %s\n", variable->name,
                fabric_decision_name(variable->decision), width, print_or_dash(variable->value),
                variable->reason);
    }
    for (int i = 0; i < fabric->notes; i++)
        fprintf(file, "note: %s\n", fabric->note[i]);
    for (int i = 0; i < fabric->warnings; i++)
        fprintf(file, "warning: %s\n", fabric->warning[i]);
}

struct writer {
    char *text;
    size_t size, used;
    bool cut; /* a line did not fit */
};

/* A whole line or nothing; tabs stand between fields alone. */
static void __attribute__((format(printf, 2, 3)))
write_line(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(writer->text + writer->used, writer->size - writer->used, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length + 1 < writer->size - writer->used) {
        writer->used += (size_t)length;
        writer->text[writer->used++] = '\n';
    } else {
        writer->cut = true;
    }
    writer->text[writer->used] = '\0';
}

static const char *write_plain(const char *value, char *plain, size_t size)
{
    snprintf(plain, size, "%s", value);
    for (char *at = plain; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    return plain;
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
        write_line(writer, "port\t%s:%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s", nic->device,
                   nic->port, used ? "yes" : "no", nic->netdev, nic->rate, nic->numa, index,
                   port_gid(port, address, sizeof address), port->reason,
                   nic->active && nic->link != NIC_OTHER ? "up" : "down",
                   nic->link == NIC_INFINIBAND ? "ib" : "eth", more);
    }
}

static void write_variables(struct writer *writer, const struct fabric *fabric)
{
    char plain[FABRIC_VALUE];
    for (int i = 0; i < fabric->variables; i++)
        write_line(writer, "var\t%s\t%s\t%s\t%s", fabric->variable[i].name,
                   fabric_decision_name(fabric->variable[i].decision),
                   write_plain(fabric->variable[i].value, plain, sizeof plain),
                   fabric->variable[i].reason);
}

/* All of them or none: a list that was cut would tell of interfaces that are not there. */
static void write_interfaces(struct writer *writer, const struct fabric *fabric)
{
    char line[FABRIC_INTERFACES] = "";
    size_t used = 0;
    for (int i = 0; i < fabric->netdevs && used < sizeof line; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s:%s", i > 0 ? "," : "",
                                 fabric->netdev[i].name, fabric->netdev[i].up ? "up" : "down");
    if (fabric->netdevs > 0 && used < sizeof line)
        write_line(writer, "ifs\t%s", line);
}

void fabric_write(const struct fabric *fabric, char *text, size_t size)
{
    static const char cut[] = "cut\tyes\n"; /* has its room behind the writer's */
    struct writer writer = {text, size > sizeof cut ? size - sizeof cut + 1 : size, 0, false};
    char plain[FABRIC_TEXT];
    text[0] = '\0';
    write_line(&writer, "rate\t%d", fabric->rate);
    for (int i = 0; i < fabric->warnings; i++)
        write_line(&writer, "warn\t%s\t%d", write_plain(fabric->warning[i], plain, sizeof plain),
                   (int)fabric->weight[i]);
    for (int i = 0; i < fabric->notes; i++)
        write_line(&writer, "note\t%s", write_plain(fabric->note[i], plain, sizeof plain));
    write_variables(&writer, fabric);
    write_ports(&writer, fabric, true);
    write_ports(&writer, fabric, false);
    write_interfaces(&writer, fabric);
    if (writer.cut && size > sizeof cut)
        strcpy(text + writer.used, cut);
}
