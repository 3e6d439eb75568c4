/* SPDX-License-Identifier: Apache-2.0 */
/* Files of named float matrices that tests/golden's scripts and programs exchange: text lines
 * `name rows columns`, an empty line, then the elements in this order, little-endian float32. */
#ifndef SFT_TESTS_GOLDEN_GOLDEN_H
#define SFT_TESTS_GOLDEN_GOLDEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "job/data/batch.h"
#include "job/train/optim.h"
#include "lib/preset.h"

struct golden_tensor {
    char name[64];
    int rows, columns;
    float *data;
};

struct golden {
    size_t count;
    struct golden_tensor *tensors;
    float *data;
};

/* 0, or -1 and a line on stderr: missing, no such file format, too short or too long. */
int golden_read(struct golden *golden, const char *path);
void golden_free(struct golden *golden);

/* The tensor of that name, made as printf does; NULL when there is none. */
const struct golden_tensor *golden_find(const struct golden *golden, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `shape` and `optimizer` as tests/golden/golden.py writes them. */
struct sft_preset golden_shape(const struct golden *golden);
struct optim_options golden_optimizer(const struct golden *golden);

/* Batch `number` of the file, in memory from batch_create. 0, or -1 when the file has none. */
int golden_batch(const struct golden *golden, int number, struct batch *batch);

/* A tensor's values into a model that keeps them itself, in the device's format. */
void golden_write(struct device *device, struct model *model, const struct model_tensor *tensor,
                  const float *data);

/* Tensors `weight.NAME` of the file into the model, but for adapters. 0, or -1 when one is absent
 * or of another size. */
int golden_set_weights(const struct golden *golden, struct device *device, struct model *model);

#endif
