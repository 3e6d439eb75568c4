/* SPDX-License-Identifier: Apache-2.0 */
/* What a rank does when rank 0 orders it. */
#include "job/run/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/gpu_link.h"
#include "node/said.h"

/* Of each of the rates that predictions are made of, after as long again. */
#define CEILING_SECONDS 0.2

void verify_worker_begin(struct verify_worker *worker, const struct sft_request *request,
                         struct ranks *ranks)
{
    worker->request = request;
    worker->ranks = ranks;
    worker->root = getenv(SAID_ROOT_ENV);
    gpu_facts_init(&worker->told.gpu_facts);
    node_facts_read(&worker->told.node_facts, worker->root);
    worker->told.free_bytes = NAN;
}

/* What software the node has, of what most nodes should have the same. */
static void told_software(struct verify_worker *worker)
{
    static struct software own;
    char(*text)[FACTS_TEXT] = worker->told.node_facts.text;
    static const struct {
        enum fact_text fact;
        enum software_part part;
    } parts[] = {
        {FACT_JOB, SOFTWARE_JOB},   {FACT_DRIVER, SOFTWARE_DRIVER}, {FACT_KERNEL, SOFTWARE_KERNEL},
        {FACT_CUDA, SOFTWARE_CUDA}, {FACT_CUDNN, SOFTWARE_CUDNN},   {FACT_NCCL, SOFTWARE_NCCL},
        {FACT_CPU, SOFTWARE_CPU},
    };
    software_read(&own, worker->root, worker->ranks->device >= 0, worker->ranks->bootstrap.version);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        snprintf(text[parts[i].fact], FACTS_TEXT, "%.79s", own.text[parts[i].part]);
    snprintf(text[FACT_VBIOS], FACTS_TEXT, "%s", worker->told.gpu_facts.vbios);
}

static void told_memory(struct verify_worker *worker)
{
    size_t used, all;
    worker->machine.device->memory(worker->machine.device, &used, &all);
    if (all > used)
        worker->told.free_bytes = (double)(all - used);
}

static int worker_open(struct verify_worker *worker, struct sft_error *err)
{
    struct verify_told *told = &worker->told;
    struct sft_error why;
    if (machine_create(&worker->machine, worker->request, worker->ranks->device,
                       worker->ranks->bootstrap.local_size, err) < 0)
        return -1;
    const struct device *device = worker->machine.device;
    told->gpu = worker->ranks->bootstrap.local_rank;
    snprintf(told->gpu_facts.name, FACTS_TEXT, "%.79s", device->title);
    snprintf(told->gpu_facts.bus_id, sizeof told->gpu_facts.bus_id, "%s", device->bus_id);
    /* Our own context is there: it is left out by its pid. */
    gpu_facts_nvml(&told->gpu_facts, NULL);
    if (device->bus_id[0] != '\0')
        worker->sensors = sensors_open(NULL, device->bus_id, &why);
    if (worker->sensors != NULL && sensors_start(worker->sensors, &why) < 0) {
        sensors_close(worker->sensors);
        worker->sensors = NULL;
    }
    told_software(worker);
    told_memory(worker);
    cpu_mark_take(&worker->begin, worker->root);
    return 0;
}

/* Its speed says nothing while it idles, its width does. */
void verify_gpu_facts(struct gpu_facts *facts, const char *root, int number)
{
    struct gpu_link link[GPU_LINKS];
    int count = gpu_links_read(root == NULL ? "" : root, link, GPU_LINKS);
    gpu_facts_init(facts);
    if (number >= count || count > GPU_LINKS)
        return;
    snprintf(facts->bus_id, sizeof facts->bus_id, "%.31s", link[number].pci);
    snprintf(facts->pcie_at, sizeof facts->pcie_at, "%.31s", link[number].pci);
    if (link[number].width > 0 && link[number].max_width > 0) {
        facts->pcie_width = link[number].width;
        facts->pcie_max_width = link[number].max_width;
        facts->pcie_gts = facts->pcie_max_gts = 1;
    }
    gpu_facts_nvml(facts, NULL);
}

static int worker_facts(struct verify_worker *worker)
{
    worker->told.gpu = worker->ranks->bootstrap.local_rank;
    verify_gpu_facts(&worker->told.gpu_facts, worker->root, worker->told.gpu);
    told_software(worker);
    return 0;
}

/* Of the GEMMs: what was said while it worked. */
static void told_load(struct verify_worker *worker)
{
    struct gpu_facts *facts = &worker->told.gpu_facts;
    enum { POWER_CAP = 2, HW_SLOWDOWN = 3, SW_THERMAL = 5, HW_THERMAL = 6, HW_BRAKE = 7 };
    gpu_facts_pcie(facts, worker->root);
    if (worker->sensors == NULL)
        return;
    sensors_end(worker->sensors);
    struct sensors_figures figures = sensors_read(worker->sensors);
    facts->sm_mhz = figures.sm_clock;
    facts->power_w = figures.power;
    facts->celsius = figures.temperature;
    facts->reasons = (struct gpu_reasons){.polls = (int)figures.samples,
                                          .brake = (int)figures.held[HW_BRAKE],
                                          .hw_thermal = (int)figures.held[HW_THERMAL],
                                          .hw_slowdown = (int)figures.held[HW_SLOWDOWN],
                                          .sw_thermal = (int)figures.held[SW_THERMAL],
                                          .power_cap = (int)figures.held[POWER_CAP]};
}

static int worker_check(struct verify_worker *worker, enum check check,
                        double values[JUDGE_REPEATS], struct sft_error *err)
{
    bool load = check == CHECK_GEMM;
    if (load && worker->sensors != NULL)
        sensors_begin(worker->sensors);
    int count = probe_pass(worker->machine.device, check, values, err);
    if (load)
        told_load(worker);
    return count;
}

static bool order_has_lost(const struct verify_order *order, int rank)
{
    for (int i = 0; i < order->lost; i++)
        if (order->lost_rank[i] == rank)
            return true;
    return false;
}

int verify_members(const struct verify_order *order, const struct control *control, int rank,
                   int *members, int *mine)
{
    int count = 0;
    *mine = 0;
    for (int other = 0; other < control->size; other++) {
        bool in = order->team == TEAM_ALL ||
                  (order->team == TEAM_NODE && control->node[other] == control->node[rank]) ||
                  other == rank || (order->team == TEAM_MATE && other == order->mate);
        if (!in || order_has_lost(order, other))
            continue;
        if (other == rank)
            *mine = count;
        members[count++] = other;
    }
    return count;
}

/* The team of the order before is kept: sizes follow one another. */
static int worker_team(struct verify_worker *worker, const struct verify_order *order,
                       struct sft_error *err)
{
    const struct control *control = worker->ranks->control;
    if (worker->team_number == order->number)
        return 0;
    team_destroy(worker->team);
    worker->team = NULL;
    worker->team_number = 0;
    int *members = calloc((size_t)control->size, sizeof *members);
    if (members == NULL)
        return sft_error_set(err, "no memory for a team");
    struct team_place place = {.rank = members, .number = order->number};
    place.count = verify_members(order, control, control->rank, members, &place.mine);
    memcpy(place.id, order->id, sizeof place.id);
    worker->team = team_create(&place, worker->machine.device, order->limit / 4, err);
    worker->team_number = worker->team == NULL ? 0 : order->number;
    free(members);
    return worker->team == NULL ? -1 : 0;
}

/* Who waits for others gives up before rank 0 gives up waiting for it: so rank 0 knows which of
 * them hangs. */
static int worker_collective(struct verify_worker *worker, const struct verify_order *order,
                             struct verify_answer *answer, struct sft_error *err)
{
    if (worker_team(worker, order, err) < 0) {
        answer->late = true;
        return -1;
    }
    int count = probe_team(worker->team, worker->machine.device, &worker->room, order->kind,
                           order->bytes, order->times, order->limit / 2, answer->value, err);
    answer->late = worker->team->late;
    return count;
}

static int worker_act(struct verify_worker *worker, const struct verify_order *order,
                      struct verify_answer *answer, struct sft_error *err)
{
    struct cpu_mark end;
    switch (order->what) {
    case VERIFY_OPEN:
        return worker_open(worker, err);
    case VERIFY_FACTS:
        return worker_facts(worker);
    case VERIFY_CHECK:
        return worker_check(worker, order->check, answer->value, err);
    case VERIFY_ID:
        return team_id(answer->id, err);
    case VERIFY_TEAM:
        return worker_collective(worker, order, answer, err);
    case VERIFY_CEILINGS:
        return ceilings_measure(worker->machine.device, CEILING_SECONDS, NULL, &answer->ceiling,
                                err);
    case VERIFY_TELL:
        cpu_mark_take(&end, worker->root);
        node_facts_cpu(&worker->told.node_facts, &worker->begin, &end);
        return 0;
    case VERIFY_WAIT:
    case VERIFY_END:
        break;
    }
    return 0;
}

void verify_worker_do(struct verify_worker *worker, const struct verify_order *order,
                      struct verify_answer *answer)
{
    struct sft_error err = {""};
    memset(answer, 0, sizeof *answer);
    answer->count = worker_act(worker, order, answer, &err);
    if (answer->count < 0)
        snprintf(answer->text, sizeof answer->text, "%.*s", VERIFY_TEXT - 1, err.text);
    answer->told = worker->told;
}

void verify_worker_end(struct verify_worker *worker)
{
    sensors_close(worker->sensors);
    team_destroy(worker->team);
    if (worker->machine.device != NULL)
        worker->machine.device->release(worker->machine.device, worker->room.memory);
    machine_destroy(&worker->machine);
}
