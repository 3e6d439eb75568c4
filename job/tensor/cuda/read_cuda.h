/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory to host memory that is not pinned, faster than the driver's own way, which is one
 * core's. */
#ifndef SFT_JOB_TENSOR_CUDA_READ_CUDA_H
#define SFT_JOB_TENSOR_CUDA_READ_CUDA_H

#include "job/tensor/device.h"

/* Bytes: of a pinned buffer, of which there are two; of what a thread copies at once; of all that
 * is read, from which on it goes this way. */
enum { READ_BUFFER = 32 << 20, READ_CHUNK = 2 << 20, READ_LEAST = 4 << 20 };

struct device_cuda;

/* Slots of the device's table. */
void read_one(struct device *d, void *host, const void *from, size_t bytes);
void read_many(struct device *d, const struct read_part *parts, size_t count);

/* What reads keep for the next ones. */
void read_destroy(struct device_cuda *cuda);

#endif
