/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/deliver.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spank/settings.h"

#define DELIVER_SECONDS "900"

int deliver_spool(struct spooled *spooled, char *path, size_t size, struct sft_error *err)
{
    char folder[PATH_MAX];
    if (path != NULL)
        path[0] = '\0';
    if (access(DELIVER_PROGRAM, X_OK) < 0)
        return sft_error_set(err,
                             DELIVER_PROGRAM " is missing: it has to be installed on the nodes");
    if (settings_spool(folder, sizeof folder) < 0)
        return sft_error_set(err, "SlurmdSpoolDir is too long");
    int fd = spool_open(folder, true, err);
    if (fd < 0)
        return -1;
    snprintf(spooled->cluster, sizeof spooled->cluster, "%s", settings_cluster());
    spooled->time = time(NULL);
    int rc = spool_write(fd, spooled, err);
    close(fd);
    if (rc < 0 || path == NULL)
        return rc;
    int length = snprintf(path, size, "%s/%u.%u", folder, spooled->job_id, spooled->step_id);
    return length < 0 || (size_t)length >= size ? sft_error_set(err, "SlurmdSpoolDir is too long")
                                                : 0;
}

void deliver_rest(const char *taken)
{
    char folder[PATH_MAX], (*names)[SPOOL_NAME] = NULL;
    int fd = settings_spool(folder, sizeof folder) < 0 ? -1 : spool_open(folder, false, NULL);
    if (fd < 0)
        return;
    int count = spool_list(fd, &names, NULL);
    free(names);
    close(fd);
    if (count > 0)
        execl(DELIVER_PROGRAM, "sft-bench-deliver", "--wait", DELIVER_SECONDS, "--queue",
              taken != NULL ? taken : "", folder, (char *)NULL);
}
