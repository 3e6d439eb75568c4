/* SPDX-License-Identifier: Apache-2.0 */
/* The header of safetensors.h's file as text, for whoever has no file. */
#ifndef SFT_JOB_WEIGHTS_SAFETENSORS_INTERNAL_H
#define SFT_JOB_WEIGHTS_SAFETENSORS_INTERNAL_H

#include "job/weights/safetensors.h"

/* st->tensors of the header's `size` bytes, before which 8 bytes stand in the file and behind which
 * `data` bytes; err without the file's name. */
int safetensors_parse(struct safetensors *st, const char *header, size_t size, uint64_t data,
                      struct sft_error *err);

#endif
