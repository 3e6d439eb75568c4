/* SPDX-License-Identifier: Apache-2.0 */
/* What weights.c, which opens a folder, weights_files.c, which finds tensors in its files, and
 * weights_read.c share. */
#ifndef SFT_JOB_WEIGHTS_WEIGHTS_INTERNAL_H
#define SFT_JOB_WEIGHTS_WEIGHTS_INTERNAL_H

#include <stdbool.h>

#include "job/weights/cache.h"
#include "job/weights/safetensors.h"
#include "job/weights/weights.h"

/* A tensor and the file that it is in. */
struct weights_tensor {
    const struct safetensors_tensor *tensor;
    const struct safetensors *file;
};

struct weights {
    struct cache_place place;
    struct sft_preset shape;
    struct safetensors **files; /* [file_count] */
    size_t file_count;
    struct weights_tensor *tensors; /* [count] of all files, by name */
    size_t count;
    uint64_t bytes, config_sum;
};

static inline bool weights_are_adapters(const struct weights *weights)
{
    return weights->shape.adapters.rank > 0;
}

/* The folder's files, one or what its index names, and the list of their tensors. */
int weights_open_files(struct weights *weights, struct sft_error *err);

/* A parameter's source, by the name that transformers gives it or, as some files have it, without
 * the word in front that stands for the whole model ("transformer."). NULL: there is none. */
const struct weights_tensor *weights_source(const struct weights *weights,
                                            const struct sft_param *param,
                                            const struct sft_source *source);

#endif
