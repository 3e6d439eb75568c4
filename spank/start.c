/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/start.h"

#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/record.h"
#include "spank/loads.h"
#include "spank/settings.h"
#include "spank/watch.h"

/* For all nodes to speak before the first end of a task ends the step: slurmd starts a step over a
 * tree of nodes, and a large one is not everywhere at once. */
enum { START_SECONDS = 2, START_SECONDS_MOST = 20, START_NODES_A_SECOND = 50 };

static ino_t start_mounts;

static ino_t start_mounts_now(void)
{
    struct stat mounts;
    return stat("/proc/self/ns/mnt", &mounts) == 0 ? mounts.st_ino : 0;
}

void start_prepare(void)
{
    start_mounts = start_mounts_now();
}

static int start_is_pyxis(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    *(bool *)found = *(bool *)found || strstr(info->dlpi_name, "pyxis") != NULL;
    return 0;
}

/* pyxis enters the container in a hook of the task like ours, before or after it by the order of
 * plugstack.conf. Where the mounts are still the node's the image may yet come. */
static bool start_may_change(spank_t spank)
{
    char value[4];
    bool pyxis = false;
    spank_err_t rc = spank_getenv(spank, "SLURM_CONTAINER", value, sizeof value);
    if (rc == ESPANK_SUCCESS || rc == ESPANK_NOSPACE)
        return true;
    rc = spank_getenv(spank, "SLURM_TASK_PROLOG", value, sizeof value);
    if (rc == ESPANK_SUCCESS || rc == ESPANK_NOSPACE || settings_task_prolog())
        return true;
    dl_iterate_phdr(start_is_pyxis, &pyxis);
    return pyxis && start_mounts_now() == start_mounts;
}

static unsigned start_seconds(spank_t spank)
{
    uint32_t nodes = 0;
    if (spank_get_item(spank, S_JOB_NNODES, &nodes) != ESPANK_SUCCESS)
        nodes = 0;
    uint32_t seconds = START_SECONDS + nodes / START_NODES_A_SECOND;
    return seconds < START_SECONDS_MOST ? seconds : START_SECONDS_MOST;
}

/* Into a page that nobody has written to, as lib/record.h has it. */
static void start_record(const char *why)
{
    struct sft_record record;
    char text[SFT_RECORD_COMMENT];
    sft_record_init(&record);
    if (sft_record_set(&record, "state", "failed", NULL) == 0 &&
        sft_record_set(&record, "fail", why, NULL) == 0 &&
        sft_record_format(&record, false, text, sizeof text, NULL) == 0)
        (void)!pwrite(watch_fd(), text, strlen(text), 0);
    sft_record_clear(&record);
}

/* Each node tells it once, and waits: the first task that ends is the end of all of them. */
static void start_refuse(spank_t spank, const struct sft_error *why)
{
    char text[SFT_ERROR_SIZE + 300];
    uint32_t rank;
    int local = 0;
    snprintf(text, sizeof text, "%s: %s", settings_node(), why->text);
    if (spank_get_item(spank, S_TASK_ID, &local) == ESPANK_SUCCESS && local == 0)
        dprintf(STDERR_FILENO, "sft-bench: %s\n", text);
    if (watch_fd() >= 0 && spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) == ESPANK_SUCCESS &&
        rank == 0)
        start_record(text);
    sleep(start_seconds(spank));
    _exit(SFT_EXIT_FAILED);
}

void start_check(spank_t spank)
{
    struct sft_error err = {""};
    char **words = NULL, **environment = NULL;
    int count = 0;
    if (start_may_change(spank) ||
        spank_get_item(spank, S_JOB_ARGV, &count, &words) != ESPANK_SUCCESS || count < 1 ||
        spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS || environment == NULL)
        return;
    if (loads_check(words[0], environment, &err) < 0)
        start_refuse(spank, &err);
}
