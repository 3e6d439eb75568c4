/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/notes.h"
#include "node/said.h"

enum { RELEASE = 32 };

const char *release_judge(const char *srun, const char *node, const char *own, int first,
                          char *text, size_t size)
{
    text[0] = '\0';
    if (srun != NULL && node == NULL)
        snprintf(text, size,
                 "no plugin of sft-bench there: tasks are not placed%s; its line in plugstack.conf "
                 "is needed on every node",
                 first ? ", and the record is not published" : "");
    else if (node != NULL && strcmp(node, own) != 0)
        snprintf(text, size,
                 "the plugin there is of release %.31s, sft-bench-job of %s: install one on all",
                 node, own);
    else if (srun != NULL && strcmp(srun, own) != 0)
        snprintf(text, size,
                 "the plugin of srun's host is of release %.31s, sft-bench-job of %s: install one "
                 "on all",
                 srun, own);
    return text;
}

const char *release_judge_self(char *text, size_t size)
{
    const char *node = getenv(SAID_NODE_ENV);
    return release_judge(getenv(SAID_SRUN_ENV), node != NULL ? node : PACKAGE_VERSION,
                         PACKAGE_VERSION, 0, text, size);
}

static void tell(const struct control *control, const char *hosts, const char *nodes)
{
    char text[NOTES_TEXT];
    const char *srun = getenv(SAID_SRUN_ENV);
    struct notes *notes = notes_create();
    for (int rank = 0; rank < control->size; rank++) {
        const char *node = nodes + (size_t)rank * RELEASE;
        int first = control->node[rank] == 0;
        release_judge(srun, node[0] != '\0' ? node : NULL, PACKAGE_VERSION, first, text,
                      sizeof text);
        if (text[0] != '\0')
            notes_add(notes, first ? 0 : 1, hosts + (size_t)rank * CONTROL_HOST, "%s", text);
    }
    notes_print(notes, stderr, "sft-bench-job: ", 0);
    notes_destroy(notes);
}

int release_tell(struct control *control, const char *hosts, struct sft_error *err)
{
    char mine[RELEASE] = "";
    const char *node = getenv(SAID_NODE_ENV);
    char *nodes = calloc((size_t)control->size, RELEASE);
    if (nodes == NULL)
        return sft_error_set(err, "no memory for the releases of %d ranks", control->size);
    if (node != NULL)
        snprintf(mine, sizeof mine, "%.31s", node);
    int failed = control_gather(control, mine, sizeof mine, nodes, err);
    if (failed == 0 && control->rank == 0)
        tell(control, hosts, nodes);
    free(nodes);
    return failed;
}
