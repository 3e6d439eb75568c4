/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/state.h"

#include <stdlib.h>
#include <string.h>

#include "job/train/keep.h"

/* Elements of a parameter that stand one behind the other in a part or slice. */
struct range {
    const struct model_tensor *tensor;
    uint32_t number; /* of the tensor, among those that train */
    uint64_t from;   /* in the tensor */
    size_t flat;     /* the same in the flat array */
    size_t count;
    struct array weights;
};

typedef int range_do(const struct training *t, void *user, const struct range *r,
                     struct sft_error *err);

/* Cut where pieces end, whoever writes or reads. */
static int range_run(const struct training *t, struct range r, range_do *run, void *user,
                     struct sft_error *err)
{
    struct array weights = r.weights;
    uint64_t end = r.from + r.count, begin = r.from;
    size_t flat = r.flat;
    for (uint64_t next; r.from < end; r.from = next) {
        next = (r.from / CHECKPOINT_PIECE + 1) * CHECKPOINT_PIECE;
        next = next < end ? next : end;
        r.count = next - r.from;
        r.flat = flat + (r.from - begin);
        r.weights = array_part(weights, r.from - begin, r.count);
        if (run(t, user, &r, err) < 0)
            return -1;
    }
    return 0;
}

static int part_run(const struct training *t, const struct shard_part *part, range_do *run,
                    void *user, struct sft_error *err)
{
    size_t count, from;
    uint32_t number = 0;
    const struct model_tensor *tensors = model_tensors(t->model, &count);
    const struct array all = {t->device->format, part->weights, part->count};
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *tensor = &tensors[i];
        if (!tensor->param.trains)
            continue;
        size_t share = shard_part_share(part, tensor, &from);
        struct range r = {tensor, number++, from - tensor->offset, from, share, {0}};
        if (share == 0)
            continue;
        r.weights = array_part(all, from - part->offset, share);
        if (range_run(t, r, run, user, err) < 0)
            return -1;
    }
    return 0;
}

/* Each element on one rank: what does not divide by the ranks is on rank 0. */
static int own_run(const struct training *t, range_do *run, void *user, struct sft_error *err)
{
    struct shard_part slices[SHARD_SLICES];
    bool first = t->collective->group_rank[COLLECTIVE_WORLD] == 0;
    for (int unit = 0; unit < model_units(t->model); unit++) {
        size_t count = shard_slices(t->shard, unit, slices);
        for (size_t i = 0; i < count && (i == 0 || first); i++)
            if (part_run(t, &slices[i], run, user, err) < 0)
                return -1;
    }
    return 0;
}

void state_formats(const struct training *t, long long step, enum format formats[CHECKPOINT_KINDS])
{
    enum format states = fit_states(&t->fit);
    bool held = t->input != NULL && t->input->held != NULL && t->request.save[0] != '\0';
    bool best = step > 0 ? keep_is_older(t->keep, step) : held;
    formats[CHECKPOINT_BEST] = best ? t->device->format : (enum format)CHECKPOINT_NONE;
    formats[CHECKPOINT_VALUE] = states == FORMAT_FP32 ? FORMAT_FP32 : t->device->format;
    formats[CHECKPOINT_M] = formats[CHECKPOINT_V] = states;
}

int state_list(const struct training *t, struct checkpoint *c, struct sft_error *err)
{
    size_t count;
    const struct model_tensor *tensors = model_tensors(t->model, &count);
    c->tensors = calloc(count, sizeof *c->tensors);
    if (c->tensors == NULL)
        return sft_error_set(err, "no memory for a list of %zu tensors", count);
    for (size_t i = 0; i < count; i++) {
        const struct sft_param *param = &tensors[i].param;
        struct checkpoint_tensor *to = &c->tensors[c->tensor_count];
        if (!param->trains)
            continue;
        snprintf(to->name, sizeof to->name, "%s", tensors[i].name);
        to->rows = param->rows;
        to->columns = param->columns;
        c->tensor_count++;
    }
    return 0;
}

/* The arrays of the kinds on the device; of weights with master values those. */
static void range_arrays(const struct training *t, const struct range *r,
                         struct array arrays[CHECKPOINT_BEST])
{
    struct array master = optim_state(t->optim, OPTIM_MASTER, r->flat, r->count);
    arrays[CHECKPOINT_VALUE] = master.data != NULL ? master : r->weights;
    arrays[CHECKPOINT_M] = optim_state(t->optim, OPTIM_M, r->flat, r->count);
    arrays[CHECKPOINT_V] = optim_state(t->optim, OPTIM_V, r->flat, r->count);
}

struct counting {
    enum format formats[CHECKPOINT_KINDS];
    uint64_t bytes;
};

static int range_count(const struct training *t, void *user, const struct range *r,
                       struct sft_error *err)
{
    struct counting *c = user;
    (void)t, (void)err;
    c->bytes += checkpoint_bytes(c->formats, r->count);
    return 0;
}

struct copying {
    struct snapshot *snapshot;
    bool best; /* what evaluations kept, too */
    struct read_part *parts;
    size_t count, room; /* of parts */
};

static int part_add(struct copying *c, struct read_part part, struct sft_error *err)
{
    if (c->count == c->room) {
        size_t room = c->room * 2 + 64;
        struct read_part *more = realloc(c->parts, room * sizeof *more);
        if (more == NULL)
            return sft_error_set(err, "no memory for a list of %zu pieces", room);
        c->parts = more;
        c->room = room;
    }
    c->parts[c->count++] = part;
    return 0;
}

/* What is on the device is only listed. */
static int range_copy(const struct training *t, void *user, const struct range *r,
                      struct sft_error *err)
{
    struct copying *copying = user;
    struct array arrays[CHECKPOINT_BEST];
    char *to = snapshot_piece(copying->snapshot, r->number, r->from, r->count);
    if (to == NULL)
        return sft_error_set(err, "no host memory for a copy of what is trained");
    range_arrays(t, r, arrays);
    for (int kind = 0; kind < CHECKPOINT_BEST; kind++) {
        size_t bytes = format_bytes(arrays[kind].format, r->count);
        if (part_add(copying, (struct read_part){to, arrays[kind].data, bytes}, err) < 0)
            return -1;
        to += bytes;
    }
    if (copying->best)
        memcpy(to, keep_find(t->keep, r->tensor->name, r->from),
               format_bytes(t->device->format, r->count));
    return 0;
}

int state_reserve(const struct training *t, struct snapshot *s, struct sft_error *err)
{
    struct counting c = {.bytes = 0};
    state_formats(t, 0, c.formats);
    return own_run(t, range_count, &c, err) < 0 ? -1 : snapshot_reserve(s, c.bytes, err);
}

int state_copy(const struct training *t, long long step, struct snapshot *s, struct sft_error *err)
{
    struct counting c = {.bytes = 0};
    state_formats(t, step, c.formats);
    struct copying copying = {.snapshot = s,
                              .best = (int)c.formats[CHECKPOINT_BEST] != CHECKPOINT_NONE};
    int failed = -1;
    if (own_run(t, range_count, &c, err) == 0 && snapshot_begin(s, c.formats, c.bytes, err) == 0 &&
        own_run(t, range_copy, &copying, err) == 0) {
        t->device->read_many(t->device, copying.parts, copying.count);
        failed = t->device->sync(t->device, err);
    }
    free(copying.parts);
    return failed;
}

struct loading {
    struct checkpoint *checkpoint;
    char *piece;
};

static int range_load(const struct training *t, void *user, const struct range *r,
                      struct sft_error *err)
{
    struct loading *l = user;
    struct array arrays[CHECKPOINT_BEST];
    const struct sft_param *param = &r->tensor->param;
    const struct checkpoint_tensor *tensor =
        checkpoint_find(l->checkpoint, r->tensor->name, param->rows, param->columns, err);
    if (tensor == NULL)
        return -1;
    range_arrays(t, r, arrays);
    for (int kind = 0; kind < CHECKPOINT_BEST; kind++) {
        if (checkpoint_read(l->checkpoint, tensor, (enum checkpoint_kind)kind, r->from, r->count,
                            l->piece, err) < 0)
            return -1;
        t->device->write(t->device, arrays[kind].data, l->piece,
                         format_bytes(arrays[kind].format, r->count));
    }
    if (arrays[CHECKPOINT_VALUE].data != r->weights.data)
        t->device->ops->convert(t->device,
                                &(struct convert_args){r->weights, arrays[CHECKPOINT_VALUE]});
    return t->device->sync(t->device, err);
}

int state_load(const struct training *t, struct checkpoint *c, struct sft_error *err)
{
    enum format formats[CHECKPOINT_KINDS];
    size_t count;
    const struct shard_part *parts = shard_parts(t->shard, &count);
    struct loading loading = {c, NULL};
    state_formats(t, 0, formats);
    if (memcmp(formats, c->formats, CHECKPOINT_BEST * sizeof *formats) != 0)
        return sft_error_set(err, "%.300s: has optimizer states of another type", c->folder);
    loading.piece = malloc(format_bytes(FORMAT_FP32, CHECKPOINT_PIECE));
    int failed = loading.piece == NULL ? sft_error_set(err, "no memory to read a checkpoint") : 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        failed = part_run(t, &parts[i], range_load, &loading, err);
    free(loading.piece);
    return failed;
}

int state_share(const struct training *t, struct sft_error *err)
{
    for (int unit = 0; unit < model_units(t->model); unit++)
        if (shard_share(t->shard, unit, err) < 0)
            return -1;
    shard_settle(t->shard);
    return 0;
}
