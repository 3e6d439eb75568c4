/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: the basename that leaves its text alone */
#include "sweep/site.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/spawn.h"
#include "spank/conf_file.h"

#define PLUGIN_NAME "sft_bench.so"
#define SPACE " \t\n\v\f\r"
#define INCLUDES 8 /* files inside of files: more is a loop */

static bool read_stack(const char *path, struct words *arguments, int depth);

void site_value(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
        const char *rest = text + length;
        if (strncmp(text, key, length) != 0 || (rest += strspn(rest, " "))[0] != '=')
            continue;
        rest += 1 + strspn(rest + 1, " ");
        size_t end = strcspn(rest, "\n");
        if (end < size && strncmp(rest, "(null)", 6) != 0) {
            memcpy(value, rest, end);
            value[end] = '\0';
        }
        return;
    }
}

static bool read_included(const char *file, const char *pattern, struct words *arguments, int depth)
{
    char path[2 * CONF_PATH];
    glob_t found;
    bool had = false;
    int folder = pattern[0] == '/' ? 0 : (int)(basename(file) - file);
    if (depth == INCLUDES ||
        snprintf(path, sizeof path, "%.*s%s", folder, file, pattern) >= (int)sizeof path ||
        glob(path, 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !had; i++)
        had = read_stack(found.gl_pathv[i], arguments, depth + 1);
    globfree(&found);
    return had;
}

/* `include PATTERN`, or `required|optional PLUGIN ARGUMENT...`, with white space between and no
 * quotes. */
static bool read_line(const char *file, char *line, struct words *arguments, int depth)
{
    char *save;
    line[strcspn(line, "#")] = '\0';
    const char *kind = strtok_r(line, SPACE, &save),
               *plugin = kind != NULL ? strtok_r(NULL, SPACE, &save) : NULL;
    if (plugin == NULL)
        return false;
    if (strcmp(kind, "include") == 0)
        return read_included(file, plugin, arguments, depth);
    if (strcmp(basename(plugin), PLUGIN_NAME) != 0)
        return false;
    for (char *word; (word = strtok_r(NULL, SPACE, &save)) != NULL;)
        words_add(arguments, "%s", word);
    return true;
}

static bool read_stack(const char *path, struct words *arguments, int depth)
{
    char line[4096]; /* as long as Slurm's */
    bool had = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && !had && fgets(line, sizeof line, file) != NULL)
        had = read_line(path, line, arguments, depth);
    if (file != NULL)
        fclose(file);
    return had;
}

bool site_arguments(const char *path, struct words *arguments)
{
    return read_stack(path, arguments, 0);
}

/* `SlurmUser = slurm(64030)`: who may own the configuration beside root. */
static void site_owner(const char *text)
{
    char user[256];
    site_value(text, "SlurmUser", user, sizeof user);
    const char *number = strrchr(user, '(');
    if (number != NULL)
        conf_file_trust((uid_t)strtoul(number + 1, NULL, 10));
}

/* Where plugstack.conf is: where Slurm says, else beside slurm.conf. */
static bool find_stack(char *path, size_t size)
{
    const char *argv[] = {spawn_program("SFT_SCONTROL", "scontrol"), "show", "config", NULL};
    char *text, slurm[CONF_PATH];
    size_t length;
    if (!spawn_has(argv[0]) || spawn_read(argv, NULL, &text, &length, NULL) < 0)
        return false;
    site_owner(text);
    site_value(text, "PlugStackConfig", path, size);
    site_value(text, "SLURM_CONF", slurm, sizeof slurm);
    free(text);
    if (path[0] == '\0' && slurm[0] == '/')
        snprintf(path, size, "%.*splugstack.conf", (int)(basename(slurm) - slurm), slurm);
    return path[0] != '\0';
}

int site_load(struct conf *conf, struct sft_error *err)
{
    char stack[CONF_PATH];
    struct words arguments = {0};
    if (find_stack(stack, sizeof stack))
        site_arguments(stack, &arguments);
    int rc = arguments.failed ? sft_error_set(err, "out of memory")
                              : conf_load(conf, arguments.count, arguments.list, err);
    words_clear(&arguments);
    return rc;
}
