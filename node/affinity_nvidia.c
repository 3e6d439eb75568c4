/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity_internal.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of `Key: <blanks> value`, in `value`; false for another key. */
static bool nvidia_value(const char *line, size_t length, const char *key, char *value, size_t size)
{
    size_t skip = strlen(key);
    if (length < skip || memcmp(line, key, skip) != 0)
        return false;
    while (skip < length && isspace((unsigned char)line[skip]))
        skip++;
    while (length > skip && isspace((unsigned char)line[length - 1]))
        length--;
    length -= skip;
    if (length >= size || memchr(line + skip, '\0', length) != NULL)
        length = 0;
    memcpy(value, line + skip, length);
    value[length] = '\0';
    return true;
}

static void nvidia_line(const char *line, size_t length, struct affinity_nvidia *nvidia)
{
    char value[AFFINITY_UUID], *end;
    if (nvidia_value(line, length, "GPU UUID:", value, sizeof value)) {
        /* Question marks stand there until the GPU has been used. */
        if (strncmp(value, "GPU-", 4) == 0 && strchr(value, '?') == NULL)
            strcpy(nvidia->uuid, value);
    } else if (nvidia_value(line, length, "Bus Location:", value, sizeof nvidia->pci)) {
        for (char *c = value; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        strcpy(nvidia->pci, value);
    } else if (nvidia_value(line, length, "Device Minor:", value, sizeof value)) {
        long minor = strtol(value, &end, 10);
        if (isdigit((unsigned char)value[0]) && *end == '\0' && minor < 65536)
            nvidia->minor = (int)minor;
    } else if (nvidia_value(line, length, "GPU Excluded:", value, sizeof value)) {
        nvidia->excluded = strcasecmp(value, "Yes") == 0;
    }
}

void affinity_nvidia_parse(const char *text, size_t size, struct affinity_nvidia *nvidia)
{
    *nvidia = (struct affinity_nvidia){.minor = -1};
    for (const char *end = text + size; text < end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        nvidia_line(text, (size_t)(stop - text), nvidia);
        text = newline != NULL ? newline + 1 : end;
    }
}

static bool nvidia_file(const char *root, const char *name, struct affinity_nvidia *nvidia)
{
    char path[1024], text[4096];
    snprintf(path, sizeof path, "%s/proc/driver/nvidia/gpus/%s/information", root, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    affinity_nvidia_parse(text, size, nvidia);
    return true;
}

/* Without a GPU of that address: a display card of another maker's, or one not in sysfs. */
static struct affinity_gpu *nvidia_gpu(struct affinity_machine *machine, const char *pci)
{
    for (int i = 0; i < machine->gpus; i++)
        if (strcmp(machine->gpu[i].device.pci, pci) == 0)
            return &machine->gpu[i];
    return NULL;
}

static void nvidia_drop(struct affinity_machine *machine, const bool *known)
{
    int kept = 0;
    for (int i = 0; i < machine->gpus; i++)
        if (known[i])
            machine->gpu[kept++] = machine->gpu[i];
        else
            hwloc_bitmap_free(machine->gpu[i].device.near);
    machine->gpus = kept;
}

void affinity_nvidia_read(struct affinity_machine *machine, const char *root)
{
    char path[1024];
    bool known[AFFINITY_GPUS] = {false};
    struct affinity_nvidia nvidia;
    struct dirent *entry;
    snprintf(path, sizeof path, "%s/proc/driver/nvidia/gpus", root);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        struct affinity_gpu *gpu;
        if (entry->d_name[0] == '.' || !nvidia_file(root, entry->d_name, &nvidia) ||
            (gpu = nvidia_gpu(machine, nvidia.pci)) == NULL || nvidia.excluded)
            continue;
        gpu->minor = nvidia.minor;
        strcpy(gpu->uuid, nvidia.uuid);
        known[gpu - machine->gpu] = true;
    }
    closedir(folder);
    nvidia_drop(machine, known);
}
