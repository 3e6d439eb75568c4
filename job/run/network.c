/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/network.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE = 1536 };

void network_self(char text[SAID_FABRIC])
{
    struct sft_error err = {""};
    const char *said = said_open(getenv(SAID_FABRIC_ENV), &err);
    if (said == NULL)
        snprintf(text, SAID_FABRIC, "warn\t%s\t0\n", err.text);
    else
        snprintf(text, SAID_FABRIC, "%s", said);
    char *end = strrchr(text, '\n');
    if (end != NULL)
        end[1] = '\0';
    network_now(text, getenv);
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

/* Of a line "port". */
struct port {
    char name[64], index[16], gid[64];
};

static void port_read(struct port *port, const char *line)
{
    said_field(line, SAID_PORT_NAME, port->name, sizeof port->name);
    said_field(line, SAID_PORT_INDEX, port->index, sizeof port->index);
    said_field(line, SAID_PORT_GID, port->gid, sizeof port->gid);
}

static json_t *line_json(const char *line, const char *const *keys)
{
    json_t *object = json_object();
    char value[VALUE];
    for (int i = 0; keys[i] != NULL; i++) {
        said_field(line, i, value, sizeof value);
        json_object_set_new(object, keys[i], json_string(value));
    }
    return object;
}

static json_t *lines_json(const char *text, const char *kind, const char *const *keys)
{
    json_t *list = json_array();
    const char *cursor = text, *line;
    while ((line = said_next(&cursor, kind)) != NULL)
        json_array_append_new(list, line_json(line, keys));
    return list;
}

static int rate_of(const char *text)
{
    const char *line = said_next(&text, "rate");
    return line != NULL ? atoi(line) : 0;
}

json_t *network_json(const char *text)
{
    static const char *const port[] = {"port",      "used", "interface", "rate_gbps", "numa",
                                       "gid_index", "gid",  "why_not",   NULL};
    static const char *const variable[] = {"name", "who", "value", "why", NULL};
    static const char *const warning[] = {"text", NULL};
    json_t *object = json_object();
    if (text[0] == '\0')
        return object;
    json_object_set_new(object, "rate_gbps", json_integer(rate_of(text)));
    json_object_set_new(object, "ports", lines_json(text, "port", port));
    json_object_set_new(object, "variables", lines_json(text, "var", variable));
    json_object_set_new(object, "warnings", lines_json(text, "warn", warning));
    return object;
}

void network_short(const char *text, char *line, size_t size)
{
    const char *at;
    size_t used = 0;
    line[0] = '\0';
    while ((at = said_next(&text, "var")) != NULL) {
        char name[80], who[16], value[VALUE];
        said_field(at, SAID_VAR_NAME, name, sizeof name);
        said_field(at, SAID_VAR_WHO, who, sizeof who);
        said_field(at, SAID_VAR_VALUE, value, sizeof value);
        if (strcmp(who, "unset") != 0 && (value[0] != '\0' || strcmp(who, "changed") != 0) &&
            used + (used > 0) + strlen(name) + 1 + strlen(value) < size)
            used += (size_t)sprintf(line + used, "%s%s=%s", used > 0 ? " " : "", name, value);
    }
}

void network_notes(struct notes *notes, const char *host, const char *text)
{
    const char *line;
    char warning[512], weight[8];
    while ((line = said_next(&text, "warn")) != NULL) {
        said_field(line, 0, warning, sizeof warning);
        said_field(line, 1, weight, sizeof weight);
        notes_add(notes, weight[0] != '\0' ? atoi(weight) : 1, host, "%s", warning);
    }
}

static const char *used_next(const char **cursor)
{
    const char *line;
    char used[8];
    while ((line = said_next(cursor, "port")) != NULL) {
        said_field(line, SAID_PORT_USED, used, sizeof used);
        if (strcmp(used, "yes") == 0)
            return line;
    }
    return NULL;
}

static int used_count(const char *text)
{
    int count = 0;
    while (used_next(&text) != NULL)
        count++;
    return count;
}

/* Two ports that take the same place on two nodes. */
static void port_compare(struct notes *notes, const char *host, const char *line,
                         const char *first_host, const char *first_line)
{
    struct port port, first;
    port_read(&port, line);
    port_read(&first, first_line);
    bool families = (strchr(port.gid, ':') != NULL) != (strchr(first.gid, ':') != NULL);
    if (families && port.gid[0] != '\0' && first.gid[0] != '\0')
        notes_add(
            notes, 0, host,
            "%s has the GID %s, but %s of %.64s has %s: one IPv4, the other IPv6, do not reach "
            "each other",
            port.name, port.gid, first.name, first_host, first.gid);
    else if (strcmp(port.index, first.index) != 0)
        notes_add(
            notes, 2, host,
            "the GID of %s has index %s, that of %s of %.64s has %s: no fixed NCCL_IB_GID_INDEX "
            "suits both",
            port.name, or_dash(port.index), first.name, first_host, or_dash(first.index));
}

void network_compare(struct notes *notes, const char *host, const char *text,
                     const char *first_host, const char *first)
{
    int count = used_count(text), first_count = used_count(first);
    if (text[0] == '\0' || first[0] == '\0')
        return;
    if (count != first_count || rate_of(text) != rate_of(first)) {
        notes_add(notes, 0, host, "%d port%s carry %d Gb/s, %d port%s of %.64s %d", count,
                  count == 1 ? "" : "s", rate_of(text), first_count, first_count == 1 ? "" : "s",
                  first_host, rate_of(first));
        return;
    }
    const char *line, *other;
    while ((line = used_next(&text)) != NULL && (other = used_next(&first)) != NULL)
        port_compare(notes, host, line, first_host, other);
}
