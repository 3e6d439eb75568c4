/* SPDX-License-Identifier: Apache-2.0 */
/* First weights: drawn by a counter, so that any part can be made alone, in any order, anywhere. */
#include "job/model/model_internal.h"

#include "job/tensor/random.h"

void model_initialize_part(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t count)
{
    struct array part = {model->device->format, to, count};
    for (size_t t = 0; t < model->tensor_count; t++) {
        const struct model_tensor *tensor = &model->tensors[t];
        size_t end = tensor->offset + sft_param_elements(&tensor->param);
        size_t from = tensor->offset > offset ? tensor->offset : offset;
        size_t until = end < offset + count ? end : offset + count;
        if (from >= until)
            continue;
        struct fill_args args = {.to = array_part(part, from - offset, until - from),
                                 .value = tensor->param.init == SFT_INIT_ONES ? 1 : 0};
        if (tensor->param.init == SFT_INIT_NORMAL) {
            args.deviation = tensor->param.spread;
            args.seed = random_mix(seed, t);
            args.first = from - tensor->offset;
        }
        model->device->ops->fill(model->device, &args);
    }
}

void model_initialize(struct model *model, uint64_t seed)
{
    model_initialize_part(model, seed, model->weights, 0, model->parameters);
}
