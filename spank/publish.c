/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/publish.h"

#include <string.h>

#include "lib/clock.h"

/* Seconds: between two tries, on top of what libslurm itself waits; before the first record. Looks
 * after a record that is not final was written. */
enum { PUBLISH_LONGEST = 8, PUBLISH_FIRST = 1, PUBLISH_LOOKS = 3 };

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
    publish->looks = 0;
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

/* Two steps of a job that publish at once: the later undoes the earlier, which no other record of
 * its own may follow before it is killed. account_publish looks again at once for a final record;
 * for any other a while later is soon enough, and each step finds the others' done by then. */
static bool publish_again(struct publish *publish)
{
    const struct account *account = &publish->account;
    return publish->result == ACCOUNT_STANDS && account->once && account->changed &&
           publish->looks++ < PUBLISH_LOOKS;
}

bool publish_try(struct publish *publish)
{
    publish->result = account_publish(&publish->account, &publish->record, NULL);
    publish->pending = publish->result == ACCOUNT_SILENT || publish_again(publish);
    publish->next = publish_now() + publish->interval;
    if (publish->interval < PUBLISH_LONGEST)
        publish->interval *= 2;
    return !publish->pending;
}
