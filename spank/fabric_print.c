/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/fabric.h"

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

static void print_ports(FILE *file, const struct fabric *fabric)
{
    if (fabric->ports == 0) {
        fprintf(file, "no RDMA ports\n");
        return;
    }
    fprintf(file, "%-16s  %-4s  %-10s  %4s  %4s  %s\n", "port", "used", "interface", "Gb/s", "NUMA",
            "why not");
    for (int i = 0; i < fabric->ports; i++) {
        const struct fabric_port *port = &fabric->port[i];
        char name[NIC_NAME + 8];
        snprintf(name, sizeof name, "%s:%d", port->nic->device, port->nic->port);
        fprintf(file, "%-16s  %-4s  %-10s  %4d  %4d  %s\n", name, port->used ? "yes" : "no",
                print_or_dash(port->nic->netdev), port->nic->rate, port->nic->numa,
                print_or_dash(port->reason));
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
