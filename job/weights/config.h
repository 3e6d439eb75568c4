/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a model as transformers 4 and 5 write it, for the models that can be trained here:
 * Llama 2, 3, 3.1 to 3.3, TinyLlama, GPT-2. */
#ifndef SFT_JOB_WEIGHTS_CONFIG_H
#define SFT_JOB_WEIGHTS_CONFIG_H

#include "lib/error.h"
#include "lib/preset.h"

/* The shape, with no name, title or source. Refuses what computes otherwise than the model here
 * does (biases, other activations, another scaling of the rotation, quantized weights), numbers
 * that are missing, out of bounds or do not go together. err without the file's name. */
int config_parse(struct sft_preset *shape, const char *text, size_t size, struct sft_error *err);

/* The same of a file. */
int config_read(struct sft_preset *shape, const char *path, struct sft_error *err);

#endif
