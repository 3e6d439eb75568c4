/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_config.json of adapters as PEFT writes it. */
#ifndef SFT_JOB_WEIGHTS_ADAPTER_CONFIG_H
#define SFT_JOB_WEIGHTS_ADAPTER_CONFIG_H

#include "lib/adapters.h"
#include "lib/error.h"
#include "lib/preset.h"

/* Of adapters beside a model of that shape; the base is not said there. Refuses other kinds than
 * LoRA, what computes otherwise than adapters do here (DoRA, biases, ranks that differ by layer),
 * and numbers out of bounds. err without the file's name. */
int adapter_config_parse(struct sft_adapters *adapters, const struct sft_preset *shape,
                         const char *text, size_t size, struct sft_error *err);

/* The same of a file. */
int adapter_config_read(struct sft_adapters *adapters, const struct sft_preset *shape,
                        const char *path, struct sft_error *err);

#endif
