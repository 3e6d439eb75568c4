/* SPDX-License-Identifier: Apache-2.0 */
/* What this rank keeps of each parameter, addressed by parameter: the same whatever the number of
 * ranks and their way of sharing, so that files which are addressed so fit all of them. */
#ifndef SFT_JOB_MODEL_STORE_H
#define SFT_JOB_MODEL_STORE_H

#include "job/model/shard.h"

/* Elements of a parameter, one behind the other, and where this rank has them. */
struct store_span {
    const struct model_tensor *tensor;
    size_t from, count;  /* in the parameter */
    struct array values; /* the device's memory */
};

enum { STORE_SPANS = 2 * SFT_UNIT_PARAMS };

/* This rank's spans of a unit; returns how many. All ranks' together are the whole, once, but for
 * less elements than there are ranks at a unit's end, which with zero=0 are every rank's. */
size_t store_spans(const struct model *model, const struct shard *shard, int unit,
                   struct store_span spans[STORE_SPANS]);

/* Between the span's elements [at, at + count) and host memory in the device's format. Both wait;
 * what fails is said by the device's sync. */
void store_write(struct device *device, const struct store_span *span, size_t at, size_t count,
                 const void *host);
void store_read(struct device *device, const struct store_span *span, size_t at, size_t count,
                void *host);

#endif
