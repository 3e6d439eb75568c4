/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/account.h"

#include <stdlib.h>

#include "job/run/result.h"

struct account {
    const struct observed *run;
    struct result *result;
};

static int account_open(const struct observed *run, void **self, struct sft_error *err)
{
    if (run->record == NULL)
        return 0;
    struct account *account = calloc(1, sizeof *account);
    if (account == NULL)
        return sft_error_set(err, "no memory for the record");
    *account = (struct account){run, run->user};
    *self = account;
    return 0;
}

static int account_step(void *self, struct step *step, struct sft_error *err)
{
    struct account *account = self;
    struct result *result = account->result;
    const struct input *input = account->run->training->input;
    double epochs = (double)(step->number + 1) * input->plan.global_batch /
                    (double)data_facts(input->data).packs;
    if (result_add_loss(result, step->loss, err) < 0 ||
        (step->first && sft_record_set_real(&result->record, "loss_first", step->loss, err) < 0) ||
        sft_record_set_real(&result->record, "loss_last", step->loss, err) < 0 ||
        sft_record_set_real(&result->record, "epochs", epochs, err) < 0)
        return -1;
    return result_write(result, step->first, err);
}

/* The ranks' times are there now, those before it have seen to it. */
static int account_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct account *account = self;
    (void)record, (void)err;
    account->result->hosts = account->run->hosts;
    account->result->host_size = CONTROL_HOST;
    account->result->ranks = (size_t)account->run->training->control->size;
    return 0;
}

const struct observer observer_account = {
    .open = account_open,
    .step = account_step,
    .record = account_record,
    .close = free,
};
