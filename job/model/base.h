/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen weights in fewer bits than the device trains with (sft_param.stored): how one stands in
 * memory, its scales behind its elements, and how it is made in pieces, since a model that fits
 * only so is never there as a whole in any other format. */
#ifndef SFT_JOB_MODEL_BASE_H
#define SFT_JOB_MODEL_BASE_H

#include "job/model/model_internal.h"

/* Bytes of a frozen parameter, its scales too, a multiple of 256. */
size_t base_size(const struct sft_param *param, enum format format);
/* It at that place, aligned to 256 bytes: of `format`, or in E4M3 by tensor or NF4 with double
 * quantization. */
struct tensor base_tensor(const struct sft_param *param, enum format format, char *place);
/* Where there is its scale in E4M3, which NF4 has as well, for products in FP8. */
float *base_scale8(const struct sft_param *param, char *place);

/* Room for the pieces, where anything is stored so. */
void base_need(const struct model *model, struct need *need);
/* The parameter at its unit's place (model_place_base), from its source. */
void base_make(struct model *model, const struct model_tensor *tensor,
               const struct model_source *source);
/* What it means, to an array of the device's format. */
void base_read(struct model *model, const struct model_tensor *tensor, struct array to);
/* As model_show has it. */
void base_show(struct model *model, const struct model_tensor *tensor, struct model_sink *sink);

#endif
