/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a model's tensors: config.json, and files that are taken along as they are. */
#ifndef SFT_JOB_WEIGHTS_SAVE_CONFIG_H
#define SFT_JOB_WEIGHTS_SAVE_CONFIG_H

#include <stdbool.h>

#include "job/tensor/format.h"
#include "lib/error.h"
#include "lib/preset.h"

/* config.json in folder `to`: of the folder `base` with another type of numbers, or, NULL, of the
 * shape. */
int save_config(const struct sft_preset *shape, enum format format, const char *base,
                const char *to, struct sft_error *err);

/* adapter_config.json of the shape's adapters, as PEFT writes it, beside the model that is called
 * `base`, a name of Hugging Face's or a folder; NULL: one that was drawn. */
int save_adapter_config(const struct sft_preset *shape, const char *base, const char *to,
                        struct sft_error *err);

/* What belongs to a model beside its tensors. */
enum save_besides {
    SAVE_LICENCE,
    SAVE_GENERATION, /* how to generate */
    SAVE_TOKENIZER   /* and the chat template */
};
/* Those files of the kind that the folder `from` has. */
int save_copies(enum save_besides kind, const char *from, const char *to, struct sft_error *err);
/* A tokenizer's own file and what stands beside it; of a folder as above. */
int save_tokenizer(const char *from, const char *to, struct sft_error *err);
/* Is it the name of a file that a saved folder may have? */
bool save_has(const char *name);

#endif
