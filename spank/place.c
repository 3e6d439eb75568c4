/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/place.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/request.h"
#include "spank/node.h"
#include "spank/options.h"

enum { VALUE = 16384 }; /* masks of many tasks on many CPUs */

/* The module lies beside this plugin. It stays open: the task's exec is its end. */
static node_place_f *place_open(struct sft_error *err)
{
    char path[PATH_MAX];
    Dl_info self;
    if (dladdr((void *)(uintptr_t)place_task, &self) == 0 || self.dli_fname == NULL) {
        sft_error_set(err, "cannot find this plugin's folder");
        return NULL;
    }
    const char *slash = strrchr(self.dli_fname, '/');
    int folder = slash == NULL ? 0 : (int)(slash - self.dli_fname + 1);
    snprintf(path, sizeof path, "%.*s%s", folder, self.dli_fname, NODE_MODULE);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    node_place_f *place = module == NULL ? NULL
                                         : (node_place_f *)(uintptr_t)dlsym(module, NODE_PLACE);
    if (place == NULL)
        sft_error_set(err, "no hwloc here (%.200s)", dlerror());
    return place;
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
    if (spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &tasks) != ESPANK_SUCCESS
        || spank_get_item(spank, S_TASK_ID, &rank) != ESPANK_SUCCESS || rank < 0)
        return sft_error_set(err, "Slurm does not say which task this is");
    local = (uint32_t)rank;
    if (local >= tasks)
        return sft_error_set(err, "task %u of %u on this node", local, tasks);
    task->tasks = (int)tasks;
    task->local_rank = (int)local;
    return 0;
}

static int place_run(spank_t spank, const struct conf *conf, char text[NODE_TEXT], struct sft_error *err)
{
    static char visible[VALUE], gpus[VALUE], masks[VALUE], type[VALUE];
    struct node_task task = { .root = conf->root[0] != '\0' ? conf->root : NULL };
    if (!place_wanted(spank, err) || place_facts(spank, &task, err) < 0)
        return -1;
    task.cuda = place_getenv(spank, "CUDA_VISIBLE_DEVICES", visible);
    task.gpus = place_getenv(spank, "SLURM_STEP_GPUS", gpus);
    if (task.gpus == NULL)
        task.gpus = place_getenv(spank, "SLURM_JOB_GPUS", gpus);
    if (place_getenv(spank, "SLURM_CPU_BIND_TYPE", type) != NULL && strcmp(type, "mask_cpu:") == 0)
        task.masks = place_getenv(spank, "SLURM_CPU_BIND_LIST", masks);
    node_place_f *place = place_open(err);
    return place == NULL ? -1 : place(&task, text, err);
}

void place_task(spank_t spank, const struct conf *conf)
{
    char text[NODE_TEXT] = "";
    struct sft_error err = { "" };
    if (place_run(spank, conf, text, &err) < 0)
        snprintf(text, sizeof text, "why=%.400s", err.text);
    spank_setenv(spank, PLACE_ENV, text, 1);
}
