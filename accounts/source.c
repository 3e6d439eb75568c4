/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE */
#include "accounts/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/spawn.h"
#include "accounts/text.h"

#define TIME_FORMAT "SLURM_TIME_FORMAT"

/* sacct reads local times without a zone. */
static const char *time_text(char *text, size_t size, time_t at)
{
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return text;
}

static void command_begin(struct source_command *command)
{
    memset(command, 0, sizeof *command);
    command->argument[0] = spawn_program("SFT_SACCT", "sacct");
}

static void command_add(struct source_command *command, const char *word)
{
    size_t n = 0;
    while (command->argument[n] != NULL)
        n++;
    if (n + 1 < SOURCE_ARGUMENTS_MAX)
        command->argument[n] = word;
}

static void jobs_add(struct source_command *command, long long id)
{
    size_t used = strlen(command->jobs);
    snprintf(command->jobs + used, sizeof command->jobs - used, "%s%lld", used == 0 ? "" : ",", id);
}

void source_command_scan(struct source_command *command, const struct filter *filter,
                         const char *mark)
{
    command_begin(command);
    command_add(command, "-nP");
    command_add(command, "--delimiter");
    command_add(command, mark);
    command_add(command, "-o");
    command_add(command, SCAN_FIELDS);
    command_add(command, "-X"); /* comments are the job's: leave its steps in the database */
    command_add(command,
                "-D"); /* while a requeued job waits, what it measured stands in the run before */
    for (size_t i = 0; i < filter->job_count; i++)
        jobs_add(command, filter->jobs[i]);
    if (filter->job_count > 0) {
        command_add(command, "-j");
        command_add(command, command->jobs);
    }
    if (filter->sweep != NULL) {
        command_add(command, "--name");
        command_add(command, filter->sweep);
    }
    /* sacct's own default would be today's midnight. */
    if (filter->since != 0) {
        command_add(command, "-S");
        command_add(command, time_text(command->since, sizeof command->since, filter->since));
    }
    if (filter->until != 0) {
        command_add(command, "-E");
        command_add(command, time_text(command->until, sizeof command->until, filter->until));
    }
    if (filter->all_users) {
        command_add(command, "-a");
    } else if (filter->user != NULL) {
        command_add(command, "-u");
        command_add(command, filter->user);
    }
}

void source_command_jobs(struct source_command *command, const struct scan_job *job, size_t count)
{
    command_begin(command);
    command_add(command, "--json");
    command_add(command, "-X");
    command_add(command, "-D");
    command_add(command, "-j");
    for (size_t i = 0; i < count && i < SOURCE_BATCH; i++)
        if (i == 0 || job[i].id != job[i - 1].id)
            jobs_add(command, job[i].id);
    command_add(command, command->jobs);
}

/* What to do where sacct itself could not be started. */
static int source_advise(const char *program, int rc, struct sft_error *err)
{
    char begin[256];
    int length = snprintf(begin, sizeof begin, "cannot run %.200s: ", program);
    if (rc < 0 && err != NULL && strncmp(err->text, begin, (size_t)length) == 0) {
        size_t used = strlen(err->text);
        snprintf(
            err->text + used, sizeof err->text - used,
            "; put Slurm's sacct on PATH, name it in SFT_SACCT, or read what it printed elsewhere "
            "with --input");
    }
    return rc;
}

int source_read_sacct(const struct scan_job *job, size_t count, char **text, size_t *length,
                      struct sft_error *err)
{
    struct source_command *command = malloc(sizeof *command);
    *text = NULL;
    if (command == NULL)
        return sft_error_set(err, "no memory");
    /* sacct 22.05 writes times as this says and reads them back for its JSON: another form, perhaps
     * in the user's environment, it cannot read. */
    setenv(TIME_FORMAT, "standard", 1);
    source_command_jobs(command, job, count);
    int rc = spawn_read(command->argument, NULL, text, length, err);
    rc = source_advise(command->argument[0], rc, err);
    free(command);
    return rc;
}

int source_read_queue(char **text, size_t *length, struct sft_error *err)
{
    const char *argument[] = {spawn_program("SFT_SQUEUE", "squeue"), "--json", "-t", "all", NULL};
    return spawn_read(argument, NULL, text, length, err);
}

bool source_has_no_accounting(const struct sft_error *err)
{
    return strstr(err->text, "accounting storage is disabled") != NULL;
}

static int scan_descriptor(int fd, const char *program, const char *mark, struct scan *scan,
                           struct sft_error *err)
{
    int copy = dup(fd);
    FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
    if (in == NULL) {
        if (copy >= 0)
            close(copy);
        return sft_error_set(err, "%s: %s", program, strerror(errno));
    }
    int rc = scan_read(scan, in, mark, err);
    fclose(in);
    return rc;
}

static int scan_run(const struct source_command *command, const char *mark, struct scan *scan,
                    struct sft_error *err)
{
    struct spawn spawn;
    if (spawn_start(&spawn, command->argument, NULL, err) < 0)
        return -1;
    int rc = scan_descriptor(spawn.fd, command->argument[0], mark, scan, err);
    return spawn_finish(&spawn, rc == 0 ? err : NULL) < 0 ? -1 : rc;
}

int source_scan_sacct(const struct filter *filter, struct scan *scan, struct sft_error *err)
{
    char mark[SCAN_MARK];
    struct source_command *command = malloc(sizeof *command);
    *scan = (struct scan){0};
    int rc = command == NULL ? sft_error_set(err, "no memory") : scan_mark_make(mark, err);
    if (rc == 0) {
        setenv(TIME_FORMAT, "%s", 1); /* of local time alone an hour a year comes twice */
        source_command_scan(command, filter, mark);
        rc = scan_run(command, mark, scan, err);
        rc = source_advise(command->argument[0], rc, err);
        scan_finish(scan);
    }
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
