/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/saving.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/run/card.h"
#include "job/train/keep.h"
#include "job/train/save_weights.h"
#include "job/weights/save.h"
#include "job/weights/save_config.h"
#include "job/weights/save_folder.h"
#include "lib/clock.h"

/* Room for the files that are taken along. */
#define BESIDES ((uint64_t)64 << 20)

/* What the files hold: adapters alone, unless they are merged. */
static struct sft_preset saved_shape(const struct sft_request *request,
                                     const struct sft_preset *shape)
{
    struct sft_preset saved = *shape;
    if (request->merge == SFT_ANSWER_YES)
        saved.adapters = (struct sft_adapters){.rank = 0};
    return saved;
}

/* The folder is replaced as a whole: what else the run writes must not be in it. */
int saving_apart(const struct sft_request *request, struct sft_error *err)
{
    const struct {
        const char *key, *path;
    } others[] = {
        {"checkpoint", request->checkpoint}, {"out", request->out}, {"trace", request->trace}};
    for (size_t i = 0; i < sizeof others / sizeof others[0] && request->save[0] != '\0'; i++)
        if (others[i].path[0] != '\0' && save_folder_holds(request->save, others[i].path))
            return sft_error_set(err,
                                 "save=%.200s: %s=%.200s is the same folder or inside of it, and a "
                                 "saved model has a folder of its own: name another",
                                 request->save, others[i].key, others[i].path);
    return 0;
}

int saving_check(const struct sft_request *request, const struct sft_preset *shape,
                 enum format format, struct sft_error *err)
{
    if (request->save[0] == '\0')
        return 0;
    struct sft_preset saved = saved_shape(request, shape);
    struct save *save = save_create(&saved, format, SAVE_SHARD, err);
    int failed =
        save == NULL ? -1 : save_folder_check(request->save, save_bytes(save) + BESIDES, err);
    save_destroy(save);
    return failed;
}

static int beside_see(const struct run *run, const char *beside, struct sft_error *err)
{
    if (access(beside, W_OK | X_OK) == 0)
        return 0;
    return sft_error_set(err,
                         "save=%.200s: what rank 0 makes there is not to be seen here (%s): name a "
                         "folder that all nodes share",
                         run->request.save, strerror(errno));
}

/* Rank 0's folder, whose name the others learn; "" where there is none. */
static int beside_share(const struct run *run, int failed, char beside[PATH_MAX],
                        struct sft_error *err)
{
    struct control *control = run->ranks.control;
    if (control_agree(control, failed, err) < 0 ||
        control_broadcast(control, beside, PATH_MAX, err) < 0)
        return -1;
    return control_agree(control, beside_see(run, beside, err), err);
}

int saving_agree(const struct run *run, struct sft_error *err)
{
    struct save_folder folder = {.lock = -1};
    const struct sft_request *request = &run->request;
    int failed = 0;
    if (request->save[0] == '\0')
        return 0;
    if (run->ranks.control->rank == 0) {
        save_folder_sweep(request->save);
        failed = saving_check(request, &run->input.shape, run->machine.device->format, err);
        failed = failed < 0 ? -1 : save_folder_make(&folder, request->save, err);
    }
    failed = beside_share(run, failed, folder.beside, err);
    if (run->ranks.control->rank == 0)
        save_folder_drop(&folder);
    return failed;
}

/* The tokenizer that it was trained with. */
static int tokenizer_write(const struct run *run, const char *base, const char *beside,
                           struct sft_error *err)
{
    const char *said = run->request.tokenizer;
    if (strcmp(said, "bytes") == 0)
        return 0;
    if (said[0] != '\0')
        return save_tokenizer(said, beside, err);
    return base == NULL ? 0 : save_copies(SAVE_TOKENIZER, base, beside, err);
}

/* PEFT looks for the model there, from wherever it is called. */
static int adapter_write(const struct run *run, const char *base, const char *beside,
                         struct sft_error *err)
{
    char real[PATH_MAX];
    const char *name = base == NULL ? NULL : weights_name(run->base.weights);
    if (base != NULL && strchr(name, '/') == NULL)
        name = realpath(base, real);
    return save_adapter_config(&run->input.shape, name, beside, err);
}

/* What one process writes: all but the elements. */
static int besides_write(const struct run *run, const struct sft_preset *saved, const char *beside,
                         struct sft_error *err)
{
    const struct weights *weights = run->base.weights;
    const char *base = weights == NULL ? NULL : weights_folder(weights);
    bool adapters = saved->adapters.rank > 0;
    int failed = adapters ? adapter_write(run, base, beside, err)
                          : save_config(saved, run->machine.device->format, base, beside, err);
    if (failed < 0 ||
        (base != NULL && !adapters && save_copies(SAVE_GENERATION, base, beside, err) < 0) ||
        (base != NULL && save_copies(SAVE_LICENCE, base, beside, err) < 0) ||
        tokenizer_write(run, base, beside, err) < 0)
        return -1;
    return card_write(run, saved, beside, err);
}

static int saving_write(struct run *run, const struct sft_preset *saved, struct save *save,
                        struct save_folder *folder, struct sft_error *err)
{
    struct control *control = run->ranks.control;
    bool merges = saved->adapters.rank != run->input.shape.adapters.rank;
    int failed = save == NULL ? -1 : 0;
    if (control->rank == 0 && failed == 0)
        failed = save_folder_make(folder, run->request.save, err);
    if (control->rank == 0 && failed == 0)
        failed = save_make(save, folder->beside, err);
    if (beside_share(run, failed, folder->beside, err) < 0 ||
        control_agree(control, save_open(save, folder->beside, err), err) < 0 ||
        (merges ? save_merged : save_weights)(&run->training, save, err) < 0)
        return -1;
    failed = 0;
    if (control->rank == 0) {
        failed = besides_write(run, saved, folder->beside, err);
        failed = failed < 0 ? -1 : save_folder_commit(folder, run->request.save, err);
    }
    return control_agree(control, failed, err);
}

int saving_save(struct run *run, struct sft_error *err)
{
    struct save_folder folder = {.lock = -1};
    struct keep *keep = run->training.keep;
    double begin = sft_clock_now();
    if (keep != NULL && keep_is_older(keep, keep->eval.last_step) && keep_give(keep, err) < 0)
        return -1;
    struct sft_preset saved = saved_shape(&run->request, &run->input.shape);
    struct save *save = save_create(&saved, run->machine.device->format, SAVE_SHARD, err);
    int failed = saving_write(run, &saved, save, &folder, err);
    save_destroy(save);
    if (failed < 0 && run->ranks.control->rank == 0)
        save_folder_drop(&folder);
    run->save_s = sft_clock_now() - begin;
    return failed;
}
