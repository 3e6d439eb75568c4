/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "node/said.h"

static void read_one(const char *name, char text[RELEASE_TEXT])
{
    const char *value = getenv(name);
    snprintf(text, RELEASE_TEXT, "%.31s", value != NULL ? value : "");
}

void release_read(struct release *release)
{
    struct sft_error err = {""};
    read_one(SAID_SRUN_ENV, release->srun);
    read_one(SAID_NODE_ENV, release->node);
    if (said_open(getenv(SAID_PLACE_ENV), &err) == NULL ||
        said_open(getenv(SAID_FABRIC_ENV), &err) == NULL)
        snprintf(release->form, sizeof release->form, "%.199s", err.text);
    else
        release->form[0] = '\0';
}

bool release_judge(const struct release *release, const char *own, bool first, char *text,
                   size_t size)
{
    const char *srun = release->srun, *node = release->node;
    bool missing = srun[0] != '\0' && node[0] == '\0';
    text[0] = '\0';
    if (missing)
        snprintf(
            text, size,
            "no plugin of sft-bench there: %s; its line in plugstack.conf is needed on every node",
            first ? "nobody would publish this run's record" : "tasks are not placed");
    else if (release->form[0] != '\0')
        snprintf(text, size, "%s", release->form);
    else if (node[0] != '\0' && strcmp(node, own) != 0)
        snprintf(text, size,
                 "the plugin there is of release %s, sft-bench-job of %s: install one on all", node,
                 own);
    else if (srun[0] != '\0' && strcmp(srun, own) != 0)
        snprintf(text, size,
                 "the plugin of srun's host is of release %s, sft-bench-job of %s: install one on "
                 "all",
                 srun, own);
    return (missing && first) || (!missing && release->form[0] != '\0');
}

const char *release_judge_self(char *text, size_t size)
{
    struct release release;
    release_read(&release);
    if (release.node[0] == '\0')
        snprintf(release.node, sizeof release.node, "%s", PACKAGE_VERSION);
    release_judge(&release, PACKAGE_VERSION, false, text, size);
    return text;
}
