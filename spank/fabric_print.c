/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/fabric.h"

#include <stdarg.h>
#include <string.h>

const char *fabric_decision_name(enum fabric_decision decision)
{
    static const char *const names[] = { "unset", "set", "user's" };
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
        char name[NIC_NAME + 8], address[GID_TEXT], gid[GID_TEXT + 16] = "";
        snprintf(name, sizeof name, "%s:%d", port->nic->device, port->nic->port);
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
    for (int i = 0; i < fabric->warnings; i++)
        fprintf(file, "warning: %s\n", fabric->warning[i]);
}

struct writer {
    char *text;
    size_t size, used;
};

/* A whole line or nothing; tabs stand between fields alone. */
static void __attribute__((format(printf, 2, 3)))
write_line(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(writer->text + writer->used, writer->size - writer->used, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length + 1 < writer->size - writer->used) {
        writer->used += (size_t)length;
        writer->text[writer->used++] = '\n';
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

void fabric_write(const struct fabric *fabric, char *text, size_t size)
{
    struct writer writer = { text, size, 0 };
    char plain[FABRIC_VALUE], index[16], address[GID_TEXT];
    text[0] = '\0';
    write_line(&writer, "rate\t%d", fabric->rate);
    for (int i = 0; i < fabric->warnings; i++)
        write_line(&writer, "warn\t%s", write_plain(fabric->warning[i], plain, sizeof plain));
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        snprintf(index, sizeof index, "%.*d", port->gid >= 0 ? 1 : 0, port->gid >= 0 ? port->gid : 0);
        write_line(&writer, "port\t%s:%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s", port->nic->device,
                   port->nic->port, port->used ? "yes" : "no", port->nic->netdev, port->nic->rate,
                   port->nic->numa, index, port_gid(port, address, sizeof address), port->reason);
    }
    for (int i = 0; i < fabric->variables; i++)
        write_line(&writer, "var\t%s\t%s\t%s\t%s", fabric->variable[i].name,
                   fabric_decision_name(fabric->variable[i].decision),
                   write_plain(fabric->variable[i].value, plain, sizeof plain),
                   fabric->variable[i].reason);
}
