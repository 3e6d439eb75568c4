/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/load_internal.h"

#include <stdlib.h>

#include "job/tensor/format.h"

enum { STEP = 128 }; /* parts of ranks are multiples of so many elements */

/* Where a tensor's elements come from, asked in pieces. */
struct file_source {
    const struct load *load;
    const struct sft_param *param;
    char *piece;
    char *kept; /* this rank's parts of all pieces, where they are asked for twice; or NULL */
    size_t used, filled; /* bytes of them */
    int failed;
    struct sft_error *err;
};

/* Elements of the tensor that this rank reads, in one piece of host memory. */
static const char *part_read(struct file_source *s, enum format format, size_t from, size_t count)
{
    size_t bytes = format_bytes(format, count);
    char *to = s->kept == NULL ? s->piece : s->kept + s->used;
    s->used += bytes;
    if (s->kept != NULL && s->used <= s->filled)
        return to;
    if (weights_read_wide(s->load->weights, s->param, from, count, format, to, s->err) < 0)
        s->failed = -1;
    s->filled = s->used;
    return to;
}

/* Elements [begin, begin + count) of the array, which are the tensor's from `first` + begin on. */
static void part_take(struct file_source *s, struct array to, size_t first, size_t begin,
                      size_t count)
{
    struct device *d = s->load->device;
    size_t most = LOAD_PIECE / format_bytes(to.format, 1), now;
    for (size_t at = 0; at < count && s->failed == 0; at += now) {
        now = count - at < most ? count - at : most;
        const char *host = part_read(s, to.format, first + begin + at, now);
        if (s->failed == 0)
            d->write(d, array_part(to, begin + at, now).data, host, format_bytes(to.format, now));
    }
}

/* What does not divide into parts is read by all. */
static void source_take(void *user, struct array to, size_t first)
{
    struct file_source *s = user;
    struct collective *c = s->load->collective;
    size_t ranks = (size_t)c->group_size[COLLECTIVE_COMPUTE];
    size_t own = ranks == 1 ? to.count : to.count / ranks / STEP * STEP;
    size_t begin = (size_t)c->group_rank[COLLECTIVE_COMPUTE] * own;
    if (first == 0)
        s->used = 0;
    part_take(s, to, first, begin, own);
    part_take(s, to, first, own * ranks, to.count - own * ranks);
    if (ranks == 1 || own == 0)
        return;
    struct collective_call call = {.kind = COLLECTIVE_ALL_GATHER,
                                   .group = COLLECTIVE_COMPUTE,
                                   .type = collective_type_of(s->load->device),
                                   .from = array_part(to, begin, own).data,
                                   .to = to.data,
                                   .count = own,
                                   .what = "weights that were read"};
    if (collective_run(c, s->load->device, &call, s->failed < 0 ? NULL : s->err) < 0)
        s->failed = -1;
}

static int tensor_load(const struct load *load, const struct model_tensor *tensor, char *piece,
                       struct sft_error *err)
{
    struct file_source source = {.load = load, .param = &tensor->param, .piece = piece, .err = err};
    const struct model_source from = {&source, source_take};
    if (tensor->param.stored ==
        SFT_BASE_FP8) { /* its scale is that of all pieces: read them once */
        source.kept =
            malloc(format_bytes(load->device->format, sft_param_elements(&tensor->param)));
        if (source.kept == NULL)
            source.failed = sft_error_set(err, "no memory to read %s", tensor->param.name);
    }
    model_freeze(load->model, tensor, &from);
    free(source.kept);
    return source.failed;
}

int load_base_unit(const struct load *load, int unit, char *piece, struct sft_error *err)
{
    size_t count;
    int failed = 0;
    const struct model_tensor *all = model_tensors(load->model, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i].param.unit == unit && !all[i].param.trains &&
            tensor_load(load, &all[i], piece, failed < 0 ? NULL : err) < 0)
            failed = -1;
    shard_keep_base(load->shard, unit);
    return failed;
}
