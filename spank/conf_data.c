/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/conf_data.h"

#include <stdio.h>
#include <string.h>

static int name_check(const char *name, struct sft_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = strlen(name);
    if (length == 0 || length >= CONF_DATA_NAME || strspn(name, letters) != length)
        return sft_error_set(err, "data.%.60s: a name has 1 to %d letters, digits, - and _", name,
                             CONF_DATA_NAME - 1);
    if (strcmp(name, "synthetic") == 0)
        return sft_error_set(err, "data.synthetic: data=synthetic is drawn, and no file's name");
    return 0;
}

/* Of this name, or a new one; NULL: the list is full. */
static struct conf_data_set *set_find(struct conf_data *data, const char *name)
{
    int i = 0;
    while (i < data->count && strcmp(data->sets[i].name, name) != 0)
        i++;
    if (i == CONF_DATA_MOST)
        return NULL;
    data->count += i == data->count;
    return &data->sets[i];
}

int conf_data_set(struct conf_data *data, const char *key, const char *value, struct sft_error *err)
{
    const char *name = key + strlen("data.");
    if (name_check(name, err) < 0)
        return -1;
    if (value[0] == '\0')
        return sft_error_set(err, "%s: the value is missing", key);
    if (strlen(value) >= SFT_REQUEST_PATH)
        return sft_error_set(err, "%s: longer than %d bytes", key, SFT_REQUEST_PATH - 1);
    if (value[0] != '/')
        return sft_error_set(err, "%s: '%.200s' is no absolute path", key, value);
    struct conf_data_set *set = set_find(data, name);
    if (set == NULL)
        return sft_error_set(err, "%s: the list has %d names already", key, CONF_DATA_MOST);
    snprintf(set->name, sizeof set->name, "%s", name);
    snprintf(set->path, sizeof set->path, "%s", value);
    return 0;
}

bool conf_data_misses(const struct conf_data *data, const char *text, char names[CONF_DATA_NAMES])
{
    size_t used = 0;
    names[0] = '\0';
    if (data->count == 0 || name_check(text, NULL) < 0)
        return false;
    for (int i = 0; i < data->count; i++) {
        const char *name = data->sets[i].name;
        if (strcmp(name, text) == 0)
            return false;
        bool fits = used + 2 + strlen(name) + sizeof ", ..." <= CONF_DATA_NAMES;
        if (used < CONF_DATA_NAMES && (fits || used > 0))
            used += (size_t)snprintf(names + used, CONF_DATA_NAMES - used, "%s%s",
                                     used > 0 ? ", " : "", fits ? name : "...");
        if (!fits)
            used = CONF_DATA_NAMES;
    }
    return true;
}

void conf_data_resolve(const struct conf_data *data, char text[SFT_REQUEST_PATH])
{
    for (int i = 0; i < data->count; i++)
        if (strcmp(data->sets[i].name, text) == 0) {
            memcpy(text, data->sets[i].path, SFT_REQUEST_PATH);
            return;
        }
}
