/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/fabric_case.h"

#include <stdlib.h>
#include <string.h>

#include "node/said.h"

const char *fabric_case_get(void *data, const char *name, const char **where)
{
    const struct fabric_case *made = data;
    size_t length = strlen(name);
    *where = "the user has set it";
    for (int i = 0; i < made->envs; i++)
        if (strncmp(made->env[i], name, length) == 0 && made->env[i][length] == '=')
            return made->env[i] + length + 1;
    return NULL;
}

void fabric_case_print(FILE *out, const struct fabric *fabric)
{
    static char text[65536];
    said_write_fabric(fabric, text, sizeof text);
    if (fabric->ports == 0)
        fprintf(out, "no RDMA ports\n");
    said_print(out, said_open(text, NULL));
    for (int i = 0; i < fabric->warnings; i++)
        fprintf(out, "warning: %s\n", fabric->warning[i]);
}

static int case_decide(struct fabric_case *made, const char *line, FILE *out)
{
    struct sft_error err = {""};
    char value[32];
    fabric_destroy(made->fabric);
    nic_list_destroy(made->nics);
    made->fabric = NULL;
    made->nics = nic_list_create(made->tree.root, &err);
    struct fabric_input input = {.nics = made->nics,
                                 .site = &made->conf.fabric,
                                 .root = made->tree.root,
                                 .get = fabric_case_get,
                                 .data = made};
    input.nodes = atoi(tree_value(line, "nodes", value, sizeof value));
    input.nccl = atoi(tree_value(line, "nccl", value, sizeof value));
    input.pinned = strcmp(tree_value(line, "pinned", value, sizeof value), "0") != 0;
    input.verify = atoi(tree_value(line, "verify", value, sizeof value)) != 0;
    if (made->nics != NULL)
        made->fabric = fabric_create(&input, &err);
    if (made->fabric == NULL) {
        fprintf(stderr, "%s: %s\n", line, err.text);
        return -1;
    }
    if (out != NULL) {
        fprintf(out, "%s%s\n", ftell(out) > 0 ? "\n" : "", line);
        fabric_case_print(out, made->fabric);
    }
    return 0;
}

static int case_line(struct fabric_case *made, const char *line, FILE *out)
{
    struct sft_error err = {""};
    if (line[0] == '\0' || line[0] == '#' || strncmp(line, "cpus ", 5) == 0 ||
        strncmp(line, "run ", 4) == 0)
        return 0;
    if (strncmp(line, "fabric ", 7) == 0)
        return case_decide(made, line, out);
    if (strncmp(line, "env ", 4) == 0 && made->envs < 32) {
        snprintf(made->env[made->envs++], sizeof made->env[0], "%.127s", line + 4);
        return 0;
    }
    if (strncmp(line, "site ", 5) == 0) {
        if (conf_parse(&made->conf, line + 5, strlen(line + 5), "site", &err) == 0)
            return 0;
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    int rc = tree_line(&made->tree, line);
    if (rc == 0)
        fprintf(stderr, "'%s'?\n", line);
    return rc > 0 ? 0 : -1;
}

int fabric_case_parse(struct fabric_case *made, const char *text, FILE *out)
{
    char line[1024];
    memset(made, 0, sizeof *made);
    conf_init(&made->conf);
    if (tree_create(&made->tree) < 0)
        return -1;
    strcpy(made->tree.cpus, "0-191");
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (case_line(made, line, out) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}

int fabric_case_load(struct fabric_case *made, const char *name, FILE *out)
{
    char text[65536];
    memset(made, 0, sizeof *made);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        return -1;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return fabric_case_parse(made, text, out);
}

void fabric_case_remove(struct fabric_case *made)
{
    fabric_destroy(made->fabric);
    nic_list_destroy(made->nics);
    tree_remove(&made->tree);
}
