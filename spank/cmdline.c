/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/cmdline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the kernel takes for one exec is 6 MB at most with the usual stack limit. */
#define CMDLINE_MAX (8u << 20)

static char *cmdline_slurp(size_t *length)
{
    size_t size = 16384;
    char *text = NULL;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    *length = 0;
    for (ssize_t got = 1; got > 0 && size <= CMDLINE_MAX; size *= 2) {
        char *larger = realloc(text, size);
        if (larger == NULL)
            break;
        text = larger;
        while (*length < size && (got = read(fd, text + *length, size - *length)) > 0)
            *length += (size_t)got;
        if (got == 0) {
            close(fd);
            return text;
        }
    }
    close(fd);
    free(text);
    return NULL;
}

/* Point words into text, which ends with a NUL. */
static int cmdline_split(struct cmdline *cmdline, size_t length)
{
    for (size_t i = 0; i < length; i++)
        cmdline->count += cmdline->text[i] == '\0';
    cmdline->words = calloc((size_t)cmdline->count + 1, sizeof *cmdline->words);
    if (cmdline->words == NULL)
        return -1;
    char *word = cmdline->text;
    for (int i = 0; i < cmdline->count; i++, word += strlen(word) + 1)
        cmdline->words[i] = word;
    return 0;
}

int cmdline_set(struct cmdline *cmdline, const char *text, size_t length, struct sft_error *err)
{
    memset(cmdline, 0, sizeof *cmdline);
    if (length == 0 || text[length - 1] != '\0')
        return sft_error_set(err, "this process's command line is not readable");
    cmdline->text = malloc(length);
    if (cmdline->text == NULL)
        return sft_error_set(err, "out of memory");
    memcpy(cmdline->text, text, length);
    if (cmdline_split(cmdline, length) == 0)
        return 0;
    cmdline_clear(cmdline);
    return sft_error_set(err, "out of memory");
}

int cmdline_read(struct cmdline *cmdline, struct sft_error *err)
{
    size_t length = 0;
    char *text = cmdline_slurp(&length);
    if (text == NULL) {
        memset(cmdline, 0, sizeof *cmdline);
        return sft_error_set(err, "/proc/self/cmdline: %s", strerror(errno));
    }
    int rc = cmdline_set(cmdline, text, length, err);
    free(text);
    return rc;
}

void cmdline_clear(struct cmdline *cmdline)
{
    free(cmdline->words);
    free(cmdline->text);
    memset(cmdline, 0, sizeof *cmdline);
}

bool cmdline_hints(const struct cmdline *cmdline)
{
    /* --s and shorter are never unambiguous: every release has other options with s. */
    for (int i = 1; i < cmdline->count; i++)
        if (strncmp(cmdline->words[i], "--sf", 4) == 0)
            return true;
    return false;
}

static const char *cmdline_name(const struct option *table, int value)
{
    for (const struct option *o = table; o->name != NULL; o++)
        if (o->val == value)
            return o->name;
    return NULL;
}

static void cmdline_saw(struct cmdline *cmdline, const char *name, const char *value)
{
    if (name == NULL || cmdline->seen_count == CMDLINE_SEEN)
        return;
    cmdline->seen[cmdline->seen_count++] = (struct cmdline_seen){name, value};
}

/* The program runs getopt itself, before and after us: leave its variables as they were. */
int cmdline_scan(struct cmdline *cmdline, const struct option *table, const char *letters,
                 struct sft_error *err)
{
    int ind = optind, complain = opterr, bad = optopt, value;
    char *arg = optarg;
    char **copy = malloc(((size_t)cmdline->count + 1) * sizeof *copy);
    if (copy == NULL)
        return sft_error_set(err, "out of memory");
    memcpy(copy, cmdline->words, ((size_t)cmdline->count + 1) * sizeof *copy);
    cmdline->seen_count = 0;
    optind = 0;
    opterr = 0;
    cmdline->options = 1;
    while ((value = getopt_long(cmdline->count, copy, letters, table, NULL)) != -1) {
        cmdline->options = optind;
        if (value != '?' && value != ':')
            cmdline_saw(cmdline, cmdline_name(table, value), optarg);
    }
    /* The dashes are the word that getopt took by itself, not one that was an option's value. */
    cmdline->rest = optind;
    cmdline->dashes = cmdline->rest == cmdline->options + 1;
    free(copy);
    optind = ind;
    opterr = complain;
    optopt = bad;
    optarg = arg;
    return 0;
}

bool cmdline_has(const struct cmdline *cmdline, const char *name)
{
    for (int i = 0; i < cmdline->seen_count; i++)
        if (strcmp(cmdline->seen[i].name, name) == 0)
            return true;
    return false;
}

const char *cmdline_value(const struct cmdline *cmdline, const char *name)
{
    const char *value = NULL;
    for (int i = 0; i < cmdline->seen_count; i++)
        if (strcmp(cmdline->seen[i].name, name) == 0)
            value = cmdline->seen[i].value;
    return value;
}
