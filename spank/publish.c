/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/publish.h"

#include <string.h>

#include "lib/clock.h"

/* Seconds: between two tries, on top of what libslurm itself waits; before the first record. */
enum { PUBLISH_LONGEST = 8, PUBLISH_FIRST = 1 };

static time_t publish_now(void)
{
    return (time_t)sft_clock_now();
}

void publish_init(struct publish *publish, uint32_t job_id, bool comment)
{
    memset(publish, 0, sizeof *publish);
    publish->account.job_id = job_id;
    publish->account.wanted = ACCOUNT_ADMIN | (comment ? ACCOUNT_COMMENT : 0);
    sft_record_init(&publish->record);
}

int publish_set(struct publish *publish, const char *text, bool final, struct sft_error *err)
{
    sft_record_clear(&publish->record);
    publish->pending = false;
    if (sft_record_parse(&publish->record, text, NULL, err) < 0)
        return -1;
    publish->pending = true;
    publish->interval = 1;
    publish->next = publish_now() + (final || publish->begun ? 0 : PUBLISH_FIRST);
    publish->begun = true;
    publish->account.once = !final;
    return 0;
}

int publish_due(const struct publish *publish)
{
    if (!publish->pending)
        return -1;
    time_t left = publish->next - publish_now();
    return left <= 0 ? 0 : (int)left * 1000;
}

bool publish_try(struct publish *publish)
{
    publish->result = account_publish(&publish->account, &publish->record, NULL);
    publish->pending = publish->result == ACCOUNT_SILENT;
    publish->next = publish_now() + publish->interval;
    if (publish->interval < PUBLISH_LONGEST)
        publish->interval *= 2;
    return !publish->pending;
}
