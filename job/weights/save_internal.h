/* SPDX-License-Identifier: Apache-2.0 */
/* What save.c, which plans, and save_write.c, which writes, share. */
#ifndef SFT_JOB_WEIGHTS_SAVE_INTERNAL_H
#define SFT_JOB_WEIGHTS_SAVE_INTERNAL_H

#include "job/weights/save.h"

struct save_tensor {
    char name[SFT_PARAM_NAME];
    int dims, shape[2];
    int unit, param, source; /* which of the shape's list */
    int file;
    uint64_t begin, bytes; /* in the file's data; once the headers are made, in the file */
};

struct save_file {
    char name[48];
    char *header; /* with its length in front */
    size_t header_size;
    uint64_t data;
    int file; /* -1: not open */
};

struct save {
    struct sft_preset shape;
    enum format format;
    struct save_tensor *tensors; /* [count] */
    size_t count;
    struct save_file *files; /* [file_count] */
    int file_count;
};

#endif
