/* SPDX-License-Identifier: Apache-2.0 */
/* srun --sft-bench=verify:N: what each node measures beside the others, and why one is slow. */
#include "job/run/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/run/alike.h"
#include "job/run/verify.h"
#include "lib/plan.h"

/* Of each check, where timeout= says nothing: that of a training would wait longer than all of it
 * takes. */
#define LIMIT 60.0
/* Of another rank, while rank 0 waits for ranks that hang, or does its own part. */
#define PATIENCE 3

struct verify {
    struct ranks ranks;
    char mixed[SOFTWARE_BRIEF];
    struct result result; /* on rank 0 */
    struct hub *hub;
    struct verify_worker worker;
    struct verify_lead lead; /* on rank 0 */
};

static int verify_check(const struct options *options)
{
    const struct sft_request *request = &options->request;
    struct sft_error err = {""};
    struct sft_plan plan;
    struct stat info;
    if (sft_plan_make_running(&plan, request, request->nodes > 0 ? request->nodes : 1,
                              request->nodes > 0 ? request->nodes : 1, &err) < 0)
        return task_complain(&err);
    if (request->out[0] != '\0' && stat(request->out, &info) == 0 && !S_ISDIR(info.st_mode)) {
        sft_error_set(&err, "out=%s: is no folder: name one, which is made when it is missing",
                      request->out);
        return task_complain(&err);
    }
    return SFT_EXIT_DONE;
}

static double verify_limit(const struct sft_request *request)
{
    return request->timeout > 0 ? request->timeout : LIMIT;
}

static void verify_last_word(void *result, const char *why)
{
    result_fail_aside(result, why);
}

/* Until all ranks hear rank 0. MPI starts with all of them or not at all; NCCL's teams start later.
 * From here on the hub tells who hangs, and goes on where the watchdog would end the run. */
static int verify_meet(struct verify *v, const struct sft_request *request, struct sft_error *err)
{
    struct ranks *ranks = &v->ranks;
    struct sft_request passive = *request;
    unsigned checks = CHECKS_ALL;
    if (request->checks[0] != '\0' && checks_read(request->checks, &checks, err) < 0)
        return -1;
    if (checks == CHECK_BIT(CHECK_FACTS)) { /* nobody even counts the GPUs, which starts CUDA */
        passive.device = SFT_DEVICE_CPU;
        request = &passive;
    }
    if (ranks_meet(ranks, request, err) < 0 || alike_check(ranks, v->mixed, err) < 0)
        return -1;
    int devices = collective_devices(ranks->control, ranks->device, err);
    if (devices < 0 || (devices == 0 && ranks_join(ranks, err) < 0))
        return -1;
    if (devices > 0 && ranks->device < 0)
        return sft_error_set(err, "this rank has no GPU, and %d others have one: look at its node",
                             devices);
    v->hub =
        hub_open(ranks->control, sizeof(struct verify_order), sizeof(struct verify_answer), err);
    if (v->hub == NULL)
        return -1;
    ranks->control->watchdog = NULL;
    watchdog_stop(ranks->watchdog);
    ranks->watchdog = NULL;
    return 0;
}

/* Any rank but 0: until the end is ordered. Returns whether ranks were lost. */
static int verify_serve(struct verify *v, double limit, struct sft_error *err)
{
    static struct verify_order order;
    static struct verify_answer answer;
    struct hub *hub = v->hub;
    while (hub_take(hub, &order, PATIENCE * limit, err) == 0) {
        if (order.what == VERIFY_END)
            return order.lost;
        if (order.what == VERIFY_WAIT)
            continue;
        verify_worker_do(&v->worker, &order, &answer);
        hub_answer(hub, &answer);
    }
    return -1;
}

/* Where nobody says which: ceilings of GPUs, and where there is a folder for them. */
static int lead_checks(struct verify_lead *lead, const struct sft_request *request,
                       struct sft_error *err)
{
    bool all = request->checks[0] == '\0' || strcmp(request->checks, "all") == 0;
    bool folder = request->out[0] != '\0' || request->history[0] != '\0';
    if (checks_read(all ? "all" : request->checks, &lead->checks, err) < 0)
        return -1;
    if (all && (!lead->on_gpu || !folder))
        lead->checks &= ~CHECK_BIT(CHECK_CEILINGS);
    return 0;
}

static int lead_prepare(struct verify *v, const struct sft_request *request, struct sft_error *err)
{
    struct verify_lead *lead = &v->lead;
    *lead = (struct verify_lead){.worker = &v->worker,
                                 .control = v->ranks.control,
                                 .hub = v->hub,
                                 .limit = verify_limit(request),
                                 .on_gpu = v->ranks.device >= 0,
                                 .free_bytes = NAN};
    v->hub = NULL; /* the lead's now */
    if (lead_checks(lead, request, err) < 0)
        return -1;
    if (result_folder(&v->result, request->out, err) < 0 || verify_lead_open(lead, err) < 0)
        return -1;
    return verify_describe(lead, &v->result, v->mixed, err);
}

/* Returns how many ranks were lost, those that the order does not reach, too. */
static int lead_end(struct verify_lead *lead)
{
    struct verify_order end = {.what = VERIFY_END};
    int lost = 0;
    for (int rank = 1; rank < lead->control->size; rank++)
        end.lost += hub_is_lost(lead->hub, rank);
    for (int rank = 1; rank < lead->control->size; rank++)
        if (!hub_is_lost(lead->hub, rank))
            hub_order(lead->hub, rank, &end);
    for (int rank = 1; rank < lead->control->size; rank++)
        lost += hub_is_lost(lead->hub, rank);
    return lost;
}

static int verify_lead(struct verify *v, const struct sft_request *request, int *status,
                       struct sft_error *err)
{
    struct verify_lead *lead = &v->lead;
    if (lead_prepare(v, request, err) < 0)
        return -1;
    if (lead->checks != CHECK_BIT(CHECK_FACTS))
        verify_lead_measure(lead);
    else if (verify_lead_facts(lead, err) < 0)
        return -1;
    int told = verify_tell(lead, &v->result, err);
    *status = judge_status(lead->verdicts, lead->input.nodes);
    if (told < 0 && err->text[0] != '\0')
        return -1;
    if (told < 0 && *status == 0)
        *status = VERIFY_COULD_NOT_TELL; /* a file that was asked for is not there */
    return lead_end(lead);
}

static void verify_failed(struct verify *v, const struct sft_error *err)
{
    task_complain(err);
    result_fail(&v->result, err->text);
    bootstrap_abort(&v->ranks.bootstrap, VERIFY_COULD_NOT_TELL);
}

/* Where a rank hangs MPI has no end, and somebody must end that rank. */
static void verify_leave(struct verify *v, int lost, int status)
{
    bool first = v->ranks.bootstrap.rank == 0;
    if (lost > 0 && !first) {
        fflush(NULL);
        _exit(SFT_EXIT_DONE);
    }
    if (lost > 0)
        bootstrap_abort(&v->ranks.bootstrap, status);
    result_close(&v->result);
    if (first)
        verify_lead_close(&v->lead);
    hub_close(v->hub);
    verify_worker_end(&v->worker);
    ranks_leave(&v->ranks, status != 0 ? status : VERIFY_COULD_NOT_TELL);
}

static int verify_run(const struct options *options)
{
    static struct verify v; /* the watchdog's thread may look at it to the end */
    const struct sft_request *request = &options->request;
    struct sft_error err = {""};
    struct sft_plan plan;
    int status = SFT_EXIT_DONE, lost = 0;
    v.ranks = (struct ranks){.last_word = verify_last_word, .user = &v.result};
    verify_worker_begin(&v.worker, request, &v.ranks);
    if (result_open(&v.result, bootstrap_rank_told() == 0, &err) < 0 ||
        sft_plan_make_running(&plan, request, 1, 1, &err) < 0 || verify_meet(&v, request, &err) < 0)
        verify_failed(&v, &err);
    if (v.ranks.bootstrap.rank == 0)
        lost = verify_lead(&v, request, &status, &err);
    else
        lost = verify_serve(&v, verify_limit(request), &err);
    if (lost < 0)
        verify_failed(&v, &err);
    verify_leave(&v, lost, status);
    return status;
}

const struct task task_verify = {verify_check, verify_run};
