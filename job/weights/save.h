/* SPDX-License-Identifier: Apache-2.0 */
/* A model's tensors written as transformers names and orders them: safetensors, in shards of up to
 * 5 GB with an index. Or adapters alone, as PEFT has them in one file. Every rank makes the same
 * plan and writes its own elements at their places. */
#ifndef SFT_JOB_WEIGHTS_SAVE_H
#define SFT_JOB_WEIGHTS_SAVE_H

#include <stddef.h>
#include <stdint.h>

#include "job/tensor/format.h"
#include "lib/error.h"
#include "lib/params.h"

#define SAVE_SHARD 5000000000u /* bytes, transformers' own default once */

struct save;

/* Of parameters in fp32 or bf16, shards of up to `shard` bytes, or one tensor. Of a shape with
 * adapters these alone, in one file. The shape is copied. */
struct save *save_create(const struct sft_preset *shape, enum format format, uint64_t shard,
                         struct sft_error *err);
void save_destroy(struct save *save);         /* NULL does nothing */
uint64_t save_bytes(const struct save *save); /* of all its files */

/* On one rank: the files in the folder with their headers, room for what follows taken where the
 * file system can, and the index. */
int save_make(const struct save *save, const char *folder, struct sft_error *err);
/* On each rank, after it. */
int save_open(struct save *save, const char *folder, struct sft_error *err);
/* Elements [from, from + count) of a parameter. */
int save_write(const struct save *save, const struct sft_param *param, size_t from, size_t count,
               const void *data, struct sft_error *err);
/* What this rank wrote is on the disk. Closes the files. */
int save_sync(struct save *save, struct sft_error *err);

#endif
