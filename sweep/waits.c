/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strcasestr */
#include "sweep/waits.h"

#include <stdio.h>
#include <string.h>

#include "accounts/text.h"

/* A word of the reason, the first that is in it. */
static const struct {
    const char *word;
    enum waits waits;
} words[] = {
    {"held", WAITS_HELD}, /* JobHeldUser, JobHeldAdmin, "launch failed requeued held" */
    {"JobHoldMaxRequeue", WAITS_HELD},
    {"ReqNodeNotAvail", WAITS_NODE},
    {"DOWN", WAITS_NODE}, /* "Nodes required for job are DOWN, DRAINED or reserved ..." */
    {"PartitionInactive", WAITS_NODE},
    {"BadConstraints", WAITS_NEVER},
    {"DependencyNeverSatisfied", WAITS_NEVER},
    {"InvalidAccount", WAITS_NEVER},
    {"InvalidQOS", WAITS_NEVER},
    {"AccountNotAllowed", WAITS_NEVER},
    {"QOSNotAllowed", WAITS_NEVER},
    {"PartitionNodeLimit", WAITS_NEVER},
    {"PartitionTimeLimit", WAITS_NEVER},
    {"Limit", WAITS_LIMIT}, /* AssocGrpNodeLimit, QOSMaxJobsPerUserLimit, AssociationJobLimit */
};

enum waits waits_read(const char *reason)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(reason, words[i].word) != NULL)
            return words[i].waits;
    return WAITS_TURN;
}

bool waits_for_help(const struct sweep_job *job)
{
    return job->state == SWEEP_PENDING && waits_read(job->reason) != WAITS_TURN;
}

void waits_say(const struct sweep_job *job, FILE *out)
{
    enum waits waits = waits_read(job->reason);
    char request[120], reason[sizeof job->reason], release[64];
    snprintf(release, sizeof release, "scontrol release %lld lets it go on", job->id);
    snprintf(request, sizeof request, "%.119s", job->request[0] != '\0' ? job->request : "?");
    snprintf(reason, sizeof reason, "%s", job->reason);
    text_make_printable(request);
    text_make_printable(reason);
    fprintf(out, "sft-sweep: note: job %lld (%s%s%s) waits: %s; %s, scancel %lld ends it\n",
            job->id, request, job->node[0] != '\0' ? " on " : "", job->node, reason,
            waits == WAITS_HELD    ? release
            : waits == WAITS_NEVER ? "it cannot begin so"
            : waits == WAITS_NODE ? "it goes on when the node is back (sinfo -R says why it is not)"
                                  : "it goes on when the limit lets it",
            job->id);
}

bool waits_for_nothing(const struct sweep_state *state, int looks)
{
    bool any = false;
    for (size_t i = 0; i < state->count; i++) {
        const struct sweep_job *job = &state->job[i];
        enum waits waits = waits_read(job->reason);
        if (!sweep_job_is_alive(job) || strcmp(job->reason, "Dependency") == 0)
            continue;
        if (job->state == SWEEP_RUNNING || job->waits < looks || waits == WAITS_TURN ||
            waits == WAITS_LIMIT)
            return false;
        any = true;
    }
    return any;
}
