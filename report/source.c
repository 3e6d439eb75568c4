/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE */
#include "report/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/spawn.h"
#include "report/text.h"

/* sacct reads local times without a zone. */
static const char *time_text(char *text, size_t size, time_t at)
{
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return text;
}

static const char *jobs_text(struct source_command *command, const struct filter *filter)
{
    size_t used = 0;
    for (size_t i = 0; i < filter->job_count; i++)
        used += (size_t)snprintf(command->jobs + used, sizeof command->jobs - used, "%s%lld",
                                 i == 0 ? "" : ",", filter->jobs[i]);
    return command->jobs;
}

void source_command_make(struct source_command *command, const struct filter *filter,
                         enum source_form form)
{
    static const char delimiter[] = { SOURCE_SEPARATOR, '\0' };
    size_t n = 0;
    memset(command, 0, sizeof *command);
    command->argument[n++] = spawn_program("SFT_SACCT", "sacct");
    if (form == SOURCE_JSON) {
        command->argument[n++] = "--json";
    } else {
        command->argument[n++] = "-nP";
        command->argument[n++] = "--delimiter";
        command->argument[n++] = delimiter;
        command->argument[n++] = "-o";
        command->argument[n++] = "JobIDRaw,AdminComment,Comment";
    }
    command->argument[n++] = "-X"; /* comments are the job's: leave its steps in the database */
    if (filter->job_count > 0) {
        command->argument[n++] = "-j";
        command->argument[n++] = jobs_text(command, filter);
    }
    if (filter->sweep != NULL) {
        command->argument[n++] = "--name";
        command->argument[n++] = filter->sweep;
    }
    /* sacct's own default would be today's midnight. */
    if (filter->since != 0) {
        command->argument[n++] = "-S";
        command->argument[n++] = time_text(command->since, sizeof command->since, filter->since);
    }
    if (filter->until != 0) {
        command->argument[n++] = "-E";
        command->argument[n++] = time_text(command->until, sizeof command->until, filter->until);
    }
    if (filter->all_users) {
        command->argument[n++] = "-a";
    } else if (filter->user != NULL) {
        command->argument[n++] = "-u";
        command->argument[n++] = filter->user;
    }
    command->argument[n] = NULL;
}

/* What to do where sacct itself could not be started. */
static int source_advise(const char *program, int rc, struct sft_error *err)
{
    char begin[256];
    int length = snprintf(begin, sizeof begin, "cannot run %.200s: ", program);
    if (rc < 0 && err != NULL && strncmp(err->text, begin, (size_t)length) == 0) {
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used,
                 "; put Slurm's sacct on PATH, name it in SFT_SACCT, or read what it printed elsewhere "
                 "with --input");
    }
    return rc;
}

int source_read_sacct(const struct filter *filter, char **text, size_t *length,
                      struct sft_error *err)
{
    struct source_command *command = malloc(sizeof *command);
    *text = NULL;
    if (command == NULL)
        return sft_error_set(err, "no memory");
    source_command_make(command, filter, SOURCE_JSON);
    int rc = spawn_read(command->argument, NULL, text, length, err);
    rc = source_advise(command->argument[0], rc, err);
    free(command);
    return rc;
}

/* One job's line at a time, whatever its comments hold: what stands before the first separator is its id when
 * it is all digits; any other line goes on with the job before. */
static int scan_line(char *line, struct source_ids *ids, long long *job, struct sft_error *err)
{
    char *separator = strchr(line, SOURCE_SEPARATOR);
    if (separator != NULL) {
        *separator = '\0';
        if (text_digits(line, job) < 0)
            *separator = SOURCE_SEPARATOR;
        else
            line = separator + 1;
    }
    if (*job == 0 || strstr(line, "sft1{") == NULL || (ids->count > 0 && ids->id[ids->count - 1] == *job))
        return 0;
    if (ids->count == ids->room) {
        size_t room = ids->room == 0 ? 1024 : 2 * ids->room;
        long long *grown = realloc(ids->id, room * sizeof *grown);
        if (grown == NULL)
            return sft_error_set(err, "no memory for %zu jobs", room);
        ids->id = grown;
        ids->room = room;
    }
    ids->id[ids->count++] = *job;
    return 0;
}

static int scan_stream(int fd, const char *program, struct source_ids *ids, struct sft_error *err)
{
    char *line = NULL;
    size_t size = 0;
    long long job = 0;
    int rc = 0;
    int copy = dup(fd);
    FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
    if (in == NULL) {
        if (copy >= 0)
            close(copy);
        return sft_error_set(err, "%s: %s", program, strerror(errno));
    }
    while (rc == 0 && getline(&line, &size, in) >= 0)
        rc = scan_line(line, ids, &job, err);
    if (rc == 0 && ferror(in))
        rc = sft_error_set(err, "%s: %s", program, strerror(errno));
    free(line);
    fclose(in);
    return rc;
}

int source_scan_sacct(const struct filter *filter, struct source_ids *ids, struct sft_error *err)
{
    struct source_command *command = malloc(sizeof *command);
    struct spawn spawn;
    *ids = (struct source_ids) { NULL, 0, 0 };
    if (command == NULL)
        return sft_error_set(err, "no memory");
    source_command_make(command, filter, SOURCE_SCAN);
    int rc = spawn_start(&spawn, command->argument, NULL, err);
    if (rc == 0) {
        rc = scan_stream(spawn.fd, command->argument[0], ids, err);
        if (spawn_finish(&spawn, rc == 0 ? err : NULL) < 0)
            rc = -1;
    }
    rc = source_advise(command->argument[0], rc, err);
    free(command);
    return rc;
}

int source_read_file(const char *path, char **text, size_t *length, struct sft_error *err)
{
    *text = NULL;
    if (strcmp(path, "-") == 0)
        return spawn_read_fd(STDIN_FILENO, "standard input", text, length, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sft_error_set(err, "%s: %s", path, strerror(errno));
    int rc = spawn_read_fd(fd, path, text, length, err);
    close(fd);
    return rc;
}
