/* SPDX-License-Identifier: Apache-2.0 */
#include "node/said.h"

#include <string.h>

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void print_port(FILE *out, const char *line)
{
    char field[SAID_PORT_FIELDS][256], gid[544], name[544];
    for (int i = 0; i < SAID_PORT_FIELDS; i++)
        said_field(line, i, field[i], sizeof field[i]);
    snprintf(name, sizeof name, "%s%s%s", field[SAID_PORT_NAME],
             field[SAID_PORT_MORE][0] != '\0' ? " +" : "", field[SAID_PORT_MORE]);
    snprintf(gid, sizeof gid, "%s %s", field[SAID_PORT_INDEX], field[SAID_PORT_GID]);
    fprintf(out, " %-16s  %-4s  %-10s  %5s  %4s  %-20s  %s\n", name, field[SAID_PORT_USED],
            or_dash(field[SAID_PORT_NETDEV]), field[SAID_PORT_RATE], field[SAID_PORT_NUMA],
            field[SAID_PORT_INDEX][0] != '\0' ? gid : "-", or_dash(field[SAID_PORT_WHY]));
}

static void print_variable(FILE *out, const char *line)
{
    char name[80], who[16], value[FABRIC_VALUE + 256], why[FABRIC_TEXT];
    said_field(line, SAID_VAR_NAME, name, sizeof name);
    said_field(line, SAID_VAR_WHO, who, sizeof who);
    said_field(line, SAID_VAR_VALUE, value, sizeof value);
    said_field(line, SAID_VAR_WHY, why, sizeof why);
    fprintf(out, " %-28s  %-7s  %-20s  %s\n", name, who, or_dash(value), why);
}

void said_print(FILE *out, const char *text)
{
    const char *cursor = text, *line = said_next(&cursor, "port");
    if (line != NULL)
        fprintf(
            out,
            " port              used  interface    Gb/s  NUMA  GID                   why not\n");
    for (; line != NULL; line = said_next(&cursor, "port"))
        print_port(out, line);
    cursor = text;
    line = said_next(&cursor, "var");
    if (line != NULL)
        fprintf(out, " variable                               value                 why\n");
    for (; line != NULL; line = said_next(&cursor, "var"))
        print_variable(out, line);
    for (cursor = text; (line = said_next(&cursor, "note")) != NULL;)
        fprintf(out, " note: %.*s\n", (int)strcspn(line, "\t\n"), line);
}
