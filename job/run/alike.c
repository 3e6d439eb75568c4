/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/alike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/run/release.h"
#include "lib/words.h"
#include "node/hosts.h"

enum { ALIKE_TEXT = 320, ALIKE_LINES = 16 }; /* what is wrong with the plugin, of one kind each */

struct alike_line {
    bool refused;
    char text[ALIKE_TEXT];
    struct words hosts;
};

/* The first thing that refuses the run is its error; what refuses it, too, is told beside it. */
static void alike_refuse(const char *text, struct sft_error *err)
{
    if (err->text[0] == '\0')
        sft_error_set(err, "%s", text);
    else
        fprintf(stderr, "sft-bench-job: %s\n", text);
}

static void line_tell(struct alike_line *line, struct sft_error *err)
{
    char hosts[256], text[ALIKE_TEXT + 300];
    hosts_unique(&line->hosts);
    hosts_write(&line->hosts, hosts, sizeof hosts);
    snprintf(text, sizeof text, "%s: %s", hosts, line->text);
    if (line->refused)
        alike_refuse(text, err);
    else
        fprintf(stderr, "sft-bench-job: warning: %s\n", text);
    words_clear(&line->hosts);
}

/* Nodes with the same thing wrong share a line. */
static void releases_judge(const struct control *control, const struct release *all,
                           struct sft_error *err)
{
    static struct alike_line lines[ALIKE_LINES];
    int count = 0;
    for (int rank = 0; rank < control->size; rank++) {
        char text[ALIKE_TEXT];
        int at = 0;
        bool refused =
            release_judge(&all[rank], PACKAGE_VERSION, control->node[rank] == 0, text, sizeof text);
        if (text[0] == '\0')
            continue;
        while (at < count && strcmp(lines[at].text, text) != 0)
            at++;
        if (at == ALIKE_LINES)
            continue;
        count += at == count;
        lines[at].refused = refused;
        memcpy(lines[at].text, text, sizeof text);
        words_add(&lines[at].hosts, "%s", control->hosts[rank]);
    }
    for (int i = 0; i < count; i++)
        line_tell(&lines[i], err);
}

static void software_tell(const struct control *control, const struct software *all,
                          char brief[SOFTWARE_BRIEF], struct sft_error *err)
{
    static struct software_found found;
    software_judge(all, control->hosts, control->size, &found);
    for (int i = 0; i < found.lines; i++)
        if (found.line[i].refused)
            alike_refuse(found.line[i].text, err);
        else if (!found.line[i].quiet)
            fprintf(stderr, "sft-bench-job: warning: %s\n", found.line[i].text);
    memcpy(brief, found.brief, SOFTWARE_BRIEF);
}

/* Both on rank 0, whose word all take. */
static int alike_gather(struct ranks *ranks, struct release *releases, struct software *software,
                        struct sft_error *err)
{
    static struct release release;
    static struct software own;
    if (releases == NULL || software == NULL)
        return sft_error_set(err, "no memory for what %d ranks say", ranks->control->size);
    release_read(&release);
    software_read(&own, NULL, ranks->device >= 0, ranks->bootstrap.version);
    if (control_gather(ranks->control, &release, sizeof release, releases, err) < 0)
        return -1;
    return control_gather(ranks->control, &own, sizeof own, software, err);
}

int alike_check(struct ranks *ranks, char brief[SOFTWARE_BRIEF], struct sft_error *err)
{
    struct control *control = ranks->control;
    struct release *releases = calloc((size_t)control->size, sizeof *releases);
    struct software *software = calloc((size_t)control->size, sizeof *software);
    struct sft_error why = {""};
    int failed = alike_gather(ranks, releases, software, err), refused;
    brief[0] = '\0';
    if (failed == 0 && control->rank == 0) {
        releases_judge(control, releases, &why);
        software_tell(control, software, brief, &why);
    }
    refused = why.text[0] != '\0';
    free(releases);
    free(software);
    if (failed == 0)
        failed = control_broadcast(control, &refused, sizeof refused, err);
    if (failed == 0 && refused)
        *err = why; /* "" but on rank 0 */
    return failed < 0 || refused ? -1 : 0;
}
