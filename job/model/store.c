/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/store.h"

#include "lib/params.h"

/* What of the tensor stands in the slice. */
static bool span_find(const struct model_tensor *tensor, const struct shard_part *slice,
                      enum format format, struct store_span *span)
{
    size_t end = tensor->offset + sft_param_elements(&tensor->param);
    size_t from = tensor->offset > slice->offset ? tensor->offset : slice->offset;
    size_t until = slice->offset + slice->count < end ? slice->offset + slice->count : end;
    if (from >= until)
        return false;
    struct array values = {format, slice->weights, slice->count};
    *span = (struct store_span){tensor, from - tensor->offset, until - from,
                                array_part(values, from - slice->offset, until - from)};
    return true;
}

size_t store_spans(const struct model *model, const struct shard *shard, int unit,
                   struct store_span spans[STORE_SPANS])
{
    struct shard_part slices[SHARD_SLICES];
    size_t tensors, count = 0, cut = shard_slices(shard, unit, slices);
    const struct model_tensor *all = model_tensors(model, &tensors);
    for (size_t t = 0; t < tensors; t++)
        for (size_t i = 0; i < cut && all[t].param.unit == unit && all[t].param.trains; i++)
            count += span_find(&all[t], &slices[i], model_weights(model).format, &spans[count]);
    return count;
}

void store_write(struct device *device, const struct store_span *span, size_t at, size_t count,
                 const void *host)
{
    struct array part = array_part(span->values, at, count);
    device->write(device, part.data, host, format_bytes(part.format, count));
}

void store_read(struct device *device, const struct store_span *span, size_t at, size_t count,
                void *host)
{
    struct array part = array_part(span->values, at, count);
    device->read(device, host, part.data, format_bytes(part.format, count));
}
