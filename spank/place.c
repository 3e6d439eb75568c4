/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/place.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/request.h"
#include "node/node.h"
#include "node/said.h"
#include "spank/options.h"
#include "spank/peers.h"

enum { VALUE = 16384 }; /* masks of many tasks on many CPUs */

static node_place_f *place_function;

/* The module lies beside this plugin. It stays open: the process's end is its end. */
static int place_open(struct sft_error *err)
{
    char path[PATH_MAX];
    Dl_info self;
    if (place_function != NULL)
        return 0;
    if (dladdr((void *)(uintptr_t)place_task, &self) == 0 || self.dli_fname == NULL)
        return sft_error_set(err, "cannot find this plugin's folder");
    const char *slash = strrchr(self.dli_fname, '/');
    int folder = slash == NULL ? 0 : (int)(slash - self.dli_fname + 1);
    snprintf(path, sizeof path, "%.*s%s", folder, self.dli_fname, NODE_MODULE);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module != NULL)
        place_function = (node_place_f *)(uintptr_t)dlsym(module, NODE_PLACE);
    return place_function != NULL ? 0 : sft_error_set(err, "no hwloc here (%.200s)", dlerror());
}

/* The variable's value in `value`, or NULL. */
static const char *place_getenv(spank_t spank, const char *name, char value[VALUE])
{
    return spank_getenv(spank, name, value, VALUE) == ESPANK_SUCCESS ? value : NULL;
}

static bool place_wanted(spank_t spank, struct sft_error *err)
{
    struct sft_request request;
    const char *text = options_value(spank);
    if (text == NULL || sft_request_parse(&request, text, err) < 0)
        return false;
    if (request.bind == SFT_BIND_NONE)
        sft_error_set(err, "bind=none, or a --cpu-bind of the user's");
    return request.bind != SFT_BIND_NONE;
}

static int place_facts(spank_t spank, struct node_task *task, struct sft_error *err)
{
    uint32_t tasks, local;
    int rank;
    if (spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &tasks) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_TASK_ID, &rank) != ESPANK_SUCCESS || rank < 0)
        return sft_error_set(err, "Slurm does not say which task this is");
    local = (uint32_t)rank;
    if (local >= tasks)
        return sft_error_set(err, "task %u of %u on this node", local, tasks);
    task->tasks = (int)tasks;
    task->local_rank = (int)local;
    return 0;
}

static const char *or_unset(bool has, const char *text)
{
    return has ? text : NULL;
}

/* What each task was told of its GPUs; only this one's when the others keep silent. */
static int place_told(struct node_task *task, const char *cuda, const char *gpus,
                      struct sft_error *err)
{
    struct node_told *told = calloc((size_t)task->tasks, sizeof *told);
    if (told == NULL)
        return sft_error_set(err, "out of memory");
    const struct peer *all = peers_tell(task->local_rank, cuda, gpus);
    task->alone = all == NULL && task->tasks > 1;
    for (int i = 0; all != NULL && i < task->tasks; i++)
        told[i] = (struct node_told){or_unset(all[i].has_cuda, all[i].cuda),
                                     or_unset(all[i].has_gpus, all[i].gpus)};
    told[task->local_rank] = (struct node_told){cuda, gpus};
    task->told = told;
    return 0;
}

static int place_run(spank_t spank, const struct conf *conf, const char *cuda, char text[NODE_TEXT],
                     struct sft_error *err)
{
    static char gpus[VALUE], masks[VALUE], type[VALUE];
    struct node_task task = {.root = conf->root[0] != '\0' ? conf->root : NULL};
    if (!place_wanted(spank, err) || place_facts(spank, &task, err) < 0)
        return -1;
    const char *list = place_getenv(spank, "SLURM_STEP_GPUS", gpus);
    if (list == NULL)
        list = place_getenv(spank, "SLURM_JOB_GPUS", gpus);
    if (place_getenv(spank, "SLURM_GPUS_ON_NODE", type) != NULL)
        task.step_gpus = (int)strtol(type, NULL, 10);
    if (place_getenv(spank, "SLURM_CPU_BIND_TYPE", type) != NULL && strcmp(type, "mask_cpu:") == 0)
        task.masks = place_getenv(spank, "SLURM_CPU_BIND_LIST", masks);
    if (place_told(&task, cuda, list, err) < 0)
        return -1;
    int rc = place_open(err) < 0 ? -1 : place_function(&task, text, err);
    free((void *)(uintptr_t)task.told);
    return rc;
}

bool place_task(spank_t spank, const struct conf *conf)
{
    static char visible[VALUE];
    char place[NODE_TEXT] = "", text[SAID_PLACE];
    struct sft_error err = {""};
    const char *cuda = place_getenv(spank, "CUDA_VISIBLE_DEVICES", visible);
    if (place_run(spank, conf, cuda, place, &err) < 0)
        snprintf(place, sizeof place, "why=%.400s", err.text);
    said_write_place(cuda, place, text, sizeof text);
    spank_setenv(spank, SAID_PLACE_ENV, text, 1);
    const char *cpus = strstr(place, " cpus=");
    return cpus != NULL && cpus[strlen(" cpus=")] != ' ';
}

/* A module that does not open is the task's to tell: it tries again. */
int place_prepare(spank_t spank, struct sft_error *err)
{
    uint32_t tasks;
    struct sft_error unopened;
    place_open(&unopened);
    if (spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &tasks) != ESPANK_SUCCESS)
        return sft_error_set(err, "Slurm does not say how many tasks this node has");
    return peers_create((int)tasks, err);
}
