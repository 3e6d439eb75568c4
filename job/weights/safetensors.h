/* SPDX-License-Identifier: Apache-2.0 */
/* A file of tensors in safetensors' format (huggingface.co/docs/safetensors): the header's length,
 * 8 bytes, little-endian; the header, JSON of {name: {dtype, shape, data_offsets}}; the tensors'
 * elements, one tensor behind the other, little-endian, row-major. The file is nobody's to be
 * trusted: every number of the header is held against the file's own size before it is used. */
#ifndef SFT_JOB_WEIGHTS_SAFETENSORS_H
#define SFT_JOB_WEIGHTS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "job/tensor/format.h"
#include "lib/error.h"

enum { SAFETENSORS_DIMS = 8, SAFETENSORS_NAME = 200 };

/* What tensors are read as; others stand in files that hold more than weights. */
enum safetensors_type {
    SAFETENSORS_F32,
    SAFETENSORS_BF16,
    SAFETENSORS_F16,
    SAFETENSORS_OTHER /* its tensors can be listed, not read */
};

struct safetensors_tensor {
    char name[SAFETENSORS_NAME];
    char dtype[16]; /* as the file has it: "BF16" */
    enum safetensors_type type;
    int dims;
    uint64_t shape[SAFETENSORS_DIMS];
    uint64_t elements;
    uint64_t begin, bytes; /* in the file */
};

struct safetensors {
    char *path;
    int file;
    size_t count;
    struct safetensors_tensor *tensors; /* [count], by name */
    uint64_t bytes;                     /* of all tensors */
    uint64_t sum;                       /* checksum of the header */
};

/* Reads the header alone. Refuses, with the file's name and one line, a file that is none, is cut
 * short or longer than its header says, a header that is no JSON, too long or of more than one
 * meaning, a tensor whose bytes are not those of its shape and type, tensors that overlap or leave
 * a hole. Memory that is allocated is never more than a small multiple of the file's size. NULL:
 * err. */
struct safetensors *safetensors_open(const char *path, struct sft_error *err);
void safetensors_close(struct safetensors *st); /* NULL does nothing */

/* NULL: there is none of that name. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name);

/* Elements [from, from + count) to host memory in fp32 or bf16, to the nearest. Fails on a tensor
 * that is SAFETENSORS_OTHER, and where the file has changed since. */
int safetensors_read(const struct safetensors *st, const struct safetensors_tensor *tensor,
                     uint64_t from, size_t count, enum format format, void *to,
                     struct sft_error *err);

#endif
