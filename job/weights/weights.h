/* SPDX-License-Identifier: Apache-2.0 */
/* A model's folder: its shape, and its parameters' elements as the model here has them: what stands
 * in several tensors there is one matrix, and GPT-2's matrices are turned (lib/params.h has each
 * parameter's source). */
#ifndef SFT_JOB_WEIGHTS_WEIGHTS_H
#define SFT_JOB_WEIGHTS_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "job/tensor/format.h"
#include "lib/error.h"
#include "lib/params.h"
#include "lib/preset.h"

struct weights;

/* Opens what `where` names (cache.h), reads config.json and the headers, and holds each parameter
 * against them. Refuses a folder with a missing tensor, one of a wrong shape or unknown type, one
 * that belongs to no parameter, weights as pickle. */
struct weights *weights_open(const char *where, struct sft_error *err);
/* The same of adapters as PEFT has them, beside weights of that shape: adapter_config.json and
 * adapter_model.safetensors. Their shape is that one with the adapters, and weights_read is of
 * these alone. */
struct weights *weights_open_adapters(const char *where, const struct sft_preset *shape,
                                      struct sft_error *err);
void weights_close(struct weights *weights); /* NULL does nothing */

/* The shape; its name and title are the folder's or the model's own, its source the folder. Of a
 * shape that a preset has, too, the preset's. Valid as long as the weights are open. */
const struct sft_preset *weights_shape(const struct weights *weights);
const char *weights_folder(const struct weights *weights);
/* "meta-llama/Llama-2-7b-hf", or of a folder its own name. */
const char *weights_name(const struct weights *weights);
/* Bytes of the tensors in the files. */
uint64_t weights_bytes(const struct weights *weights);

/* Of config.json, of all headers and of each tensor's first elements: other weights have
 * another. */
int weights_sum(const struct weights *weights, uint64_t *sum, struct sft_error *err);

/* Are they of the preset's shape? Refused with both shapes; a vocabulary that follows the tokenizer
 * may be another. */
int weights_check(const struct weights *weights, const struct sft_preset *preset,
                  struct sft_error *err);

/* Elements [from, from + count) of a parameter, of weights_shape's list, to host memory in fp32 or
 * bf16. */
int weights_read(const struct weights *weights, const struct sft_param *param, size_t from,
                 size_t count, enum format format, void *to, struct sft_error *err);

/* The same by several threads, as many as this process has cores and the elements are worth. */
int weights_read_wide(const struct weights *weights, const struct sft_param *param, size_t from,
                      size_t count, enum format format, void *to, struct sft_error *err);

#endif
