/* SPDX-License-Identifier: Apache-2.0 */
/* Where arrays live and work is queued: memory, copies, lanes. What is computed there is in
 * job/tensor/ops.h. Work is enqueued in order and may be asynchronous: `sync` waits and reports
 * what failed. Every slot is mandatory. */
#ifndef SFT_JOB_TENSOR_DEVICE_H
#define SFT_JOB_TENSOR_DEVICE_H

#include "job/tensor/tensor.h"
#include "lib/error.h"

/* Queues of work. The operations go to LANE_COMPUTE; collectives of device memory go each to their
 * group's. A lane does its work in order, lanes beside each other. On the CPU everything is done
 * when the call returns. */
enum lane { LANE_COMPUTE, LANE_WORLD, LANE_NODE, LANE_ACROSS, LANES };

struct ops;

/* Bytes of the device that go to the host. */
struct read_part {
    void *host;
    const void *from;
    size_t bytes;
};

struct device {
    const char *name;      /* "cpu" */
    char title[128];       /* the device's name as the machine says it */
    char version[128];     /* of the libraries it runs on, for records; "" when not its own */
    char bus_id[32];       /* "0000:1b:00.0", for NVML; "" when it is no GPU */
    int processors;        /* multiprocessors, of a MIG slice its own; 0: no GPU */
    enum format format;    /* of the weights and activations that it trains with */
    unsigned scalings;     /* of FP8 that its products take, a bit 1 << SCALING_... each */
    size_t logits;         /* elements of logits worth having at once */
    const struct ops *ops; /* what it computes */
    void *state;

    void (*destroy)(struct device *d);
    /* Memory, aligned to 256 bytes, not initialized; NULL and err when there is none. */
    void *(*allocate)(struct device *d, size_t bytes, struct sft_error *err);
    void (*release)(struct device *d, void *memory);
    /* Host memory that the device reaches without a copy of its own, for `copy` to and from it. */
    void *(*pin)(struct device *d, size_t bytes, struct sft_error *err);
    void (*unpin)(struct device *d, void *memory);
    /* Bytes of the device's memory: in use by anyone, and all. Where it has none of its own: in use
     * by this process, and 0. */
    void (*memory)(struct device *d, size_t *used, size_t *all);
    void (*zero)(struct device *d, void *memory, size_t bytes);
    /* bytes, raw, between host and device; reads wait. Many parts at once are faster than one by
     * one: what one has to wait for, the next uses. */
    void (*write)(struct device *d, void *to, const void *host, size_t bytes);
    void (*read)(struct device *d, void *host, const void *from, size_t bytes);
    void (*read_many)(struct device *d, const struct read_part *parts, size_t count);
    /* bytes of device or pinned memory, on a lane; they do not overlap, or are the same */
    void (*copy)(struct device *d, enum lane lane, void *to, const void *from, size_t bytes);
    int (*sync)(struct device *d, struct sft_error *err); /* of LANE_COMPUTE */
    /* Slot (0, 1, ...) remembers all that the lane was given so far. What `lane` is given from now
     * on waits for what the slot remembers, nothing where it was never marked. */
    void (*mark)(struct device *d, enum lane lane, int slot);
    void (*await)(struct device *d, enum lane lane, int slot);
    /* Remember the moment when the lane gets here: its number, from 0; -1 after a failure. Its time
     * in seconds since stamp 0, once the lane's work is done. stamps_clear begins again with 0. */
    int (*stamp)(struct device *d, enum lane lane);
    double (*stamp_time)(struct device *d, int number);
    void (*stamps_clear)(struct device *d);
    /* The lane as its own libraries know it, a cudaStream_t; NULL where work is done at once. */
    void *(*queue)(struct device *d, enum lane lane);
};

/* Host floats to and from an array of the device, to the nearest of its format. Both wait. */
void device_write_floats(struct device *d, struct array to, const float *host);
void device_read_floats(struct device *d, float *host, struct array from);

/* fp32 on the CPU through CBLAS: the readable reference. NULL and err on failure. */
struct device *device_create_cpu(struct sft_error *err);

/* format and logits of the CUDA device, for plans without a GPU. */
#define DEVICE_CUDA_FORMAT FORMAT_BF16
enum { DEVICE_CUDA_LOGITS = 256 << 20 };

/* bf16 with fp32 sums on the GPU that stands first in CUDA_VISIBLE_DEVICES + `number`; matrix
 * products by cuBLASLt, attention by cuDNN. NULL and err on failure, and where this build has no
 * CUDA. */
struct device *device_create_cuda(int number, struct sft_error *err);
/* The same with weights and activations in fp32 where products are: in fp32 throughout, or with
 * operands rounded to tf32, which tensor cores take. Attention is then whole squares of scores. */
enum device_products { DEVICE_PRODUCTS_BF16, DEVICE_PRODUCTS_TF32, DEVICE_PRODUCTS_FP32 };
struct device *device_create_cuda_as(int number, enum device_products products,
                                     struct sft_error *err);
/* Releases of the libraries that a CUDA device computes with, which need no GPU to say them; "" in
 * a build without CUDA. */
struct device_software {
    char runtime[24], cudnn[24], cublaslt[24];
};
void device_cuda_software(struct device_software *software);
/* GPUs that this process may use; 0 without CUDA, a driver or a GPU. -1 and err where the driver is
 * older than the CUDA of this build. */
int device_cuda_count(struct sft_error *err);

#endif
